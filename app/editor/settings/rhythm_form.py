"""The rhythm as its fields have it: what was chosen, the rule that this makes, and what can be chosen."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel.dates import get_day_names
from flask import request
from flask_babel import get_locale

from ...editions.calendar import CalendarError
from ...editions.rhythm import PLACES, WEEKDAYS, WEEKS, Choices, choices_of, parse_calendar_form
from ...newsletters.settings import InvalidSettings
from ..editions.rhythm_text import ORDINALS


def read_choices() -> Choices:
    """Return the rhythm as it was chosen."""
    sent, by = request.form, request.form.get("rule_by", "rule")
    weekdays = sent.getlist("weekly" if by == "weeks" else "monthly")
    return Choices(
        by,
        sent.get("weeks", "1"),
        tuple(code for code in WEEKDAYS if code in weekdays),
        tuple(place for place in PLACES if place in sent.getlist("places")),
        sent.get("month_days", ""),
        sent.get("rule", ""),
    )


def rule_of(choices: Choices) -> str:
    """Return the rule that was chosen; as it was where its choices are, empty where something is left to be chosen."""
    was = request.form.get("rule_was", "")
    try:
        rule = choices.as_rule()
        return was if rule == choices_of(was).as_rule() else rule
    except CalendarError:
        return ""


def columns_of(
    choices: Choices, form_data: Mapping[str, str], start: date | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of the calendar as typed, or what is wrong with them."""
    try:
        return parse_calendar_form(choices, form_data, start) | {"rule": form_data["rule"]}, {}
    except InvalidSettings as faulty:
        return {}, faulty.faults


def frame(choices: Choices) -> dict[str, Any]:
    """Return what the fields are drawn from."""
    names = get_day_names("wide", locale=get_locale())
    return {
        "rhythm_choices": choices,
        "weekdays": [(code, names[number]) for number, code in enumerate(WEEKDAYS)],
        "ordinals": [(place, ORDINALS[int(place)]) for place in PLACES],
        "weeks": [(number, number) for number in WEEKS],
    }
