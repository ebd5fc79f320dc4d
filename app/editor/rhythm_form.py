"""The form fields of a newsletter's rhythm, and its description in words."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel.dates import get_day_names
from babel.lists import format_list
from flask import request
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ..editions.calendar import CalendarError
from ..editions.rhythm import PLACES, WEEKDAYS, WEEKS, Choices, choices_of, parse_calendar_form, pattern_of
from ..newsletters.models import Newsletter
from ..newsletters.settings import InvalidSettings
from ..web.formatting import full_date

ORDINALS = {1: _l("first"), 2: _l("second"), 3: _l("third"), 4: _l("fourth"), 5: _l("fifth"), -1: _l("last")}


def _join_list(parts: list[str]) -> str:
    return format_list(parts, locale=get_locale())


def format_rhythm(newsletter: Newsletter) -> str:
    """Return e.g. "first and third Wednesday, 09:00, Europe/Prague". A rule too complex for words appears unchanged."""
    when = rule_in_words(newsletter.rule)
    return _("%(when)s, %(time)s, %(zone)s", when=when, time=newsletter.at, zone=newsletter.zone)


def rule_in_words(rule: str) -> str:
    pattern = pattern_of(rule)
    if pattern is None:
        return rule
    names = get_day_names("wide", locale=get_locale())
    if pattern.month_days:
        return _("day %(days)s of the month", days=_join_list([str(day) for day in pattern.month_days]))
    if any(places for _day, places in pattern.days):
        return _join_list(
            [
                _(
                    "%(ordinals)s %(weekday)s",
                    ordinals=_join_list([str(ORDINALS[n]) for n in places]),
                    weekday=names[day],
                )
                for day, places in pattern.days
            ]
        )
    days = _join_list([names[day] for day, _places in pattern.days])
    return ngettext("every %(days)s", "every %(num)s weeks on %(days)s", pattern.weeks, days=days)


def dates_in_words(value: str) -> str:
    """Format a pause or an extra date: "20 January 2027", "1 July 2027 to 31 August 2027", or a date with a time."""
    if "/" in value:
        first, last = (full_date(date.fromisoformat(part)) for part in value.split("/"))
        return _("%(first)s to %(last)s", first=first, last=last)
    when, _t, hour = value.partition("T")
    date_words = full_date(date.fromisoformat(when))
    return _("%(day)s, %(time)s", day=date_words, time=hour[:5]) if hour else date_words


def read_choices() -> Choices:
    """Return the submitted choices of the rhythm."""
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
    """Return the rule for the choices: unchanged if they mean the same, or "" if they are incomplete."""
    was = request.form.get("rule_was", "")
    try:
        rule = choices.as_rule()
        return was if rule == choices_of(was).as_rule() else rule
    except CalendarError:
        return ""


def columns_of(
    choices: Choices, form_data: Mapping[str, str], start: date | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the calendar columns from the submitted form, and its faults by field. One of the two is empty."""
    try:
        return parse_calendar_form(choices, form_data, start) | {"rule": form_data["rule"]}, {}
    except InvalidSettings as faulty:
        return {}, faulty.faults


def frame(choices: Choices) -> dict[str, Any]:
    """Return the template values for the rhythm's fields."""
    names = get_day_names("wide", locale=get_locale())
    return {
        "rhythm_choices": choices,
        "weekdays": [(code, names[number]) for number, code in enumerate(WEEKDAYS)],
        "ordinals": [(place, ORDINALS[int(place)]) for place in PLACES],
        "weeks": [(number, number) for number in WEEKS],
    }
