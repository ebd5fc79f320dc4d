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

# By place of a weekday in the month, e.g. 2 for the second Monday; -1 is the last.
ORDINALS = {1: _l("first"), 2: _l("second"), 3: _l("third"), 4: _l("fourth"), 5: _l("fifth"), -1: _l("last")}


def _join_list(parts: list[str]) -> str:
    return format_list(parts, locale=get_locale())


def format_rhythm(newsletter: Newsletter) -> str:
    """Return e.g. "first and third Wednesday, 09:00, Europe/Prague". A rule that is too complex appears unchanged."""
    rule = format_rule(newsletter.rule)
    return _("%(when)s, %(time)s, %(zone)s", when=rule, time=newsletter.at, zone=newsletter.zone)


def format_rule(rule: str) -> str:
    """Return an iCalendar rule (RRULE) in words, or unchanged if it is too complex for words."""
    pattern = pattern_of(rule)
    if pattern is None:
        return rule
    names = get_day_names("wide", locale=get_locale())
    if pattern.month_days:
        return _("day %(days)s of the month", days=_join_list([str(day) for day in pattern.month_days]))
    if any(places for _day, places in pattern.days):
        clauses = []
        for day, places in pattern.days:
            ordinals = _join_list([str(ORDINALS[place]) for place in places])
            clauses.append(_("%(ordinals)s %(weekday)s", ordinals=ordinals, weekday=names[day]))
        return _join_list(clauses)
    days = _join_list([names[day] for day, _places in pattern.days])
    return ngettext("every %(days)s", "every %(num)s weeks on %(days)s", pattern.weeks, days=days)


def format_dates(value: str) -> str:
    """Format a pause or an extra date: "20 January 2027", "1 July 2027 to 31 August 2027", or a date with a time."""
    if "/" in value:
        first, last = (full_date(date.fromisoformat(part)) for part in value.split("/"))
        return _("%(first)s to %(last)s", first=first, last=last)
    day_text, _separator, time_text = value.partition("T")
    day = full_date(date.fromisoformat(day_text))
    return _("%(day)s, %(time)s", day=day, time=time_text[:5]) if time_text else day


def read_choices() -> Choices:
    """Return the submitted choices of the rhythm."""
    form, rule_by = request.form, request.form.get("rule_by", "rule")
    weekdays = form.getlist("weekly" if rule_by == "weeks" else "monthly")
    return Choices(
        rule_by,
        form.get("weeks", "1"),
        tuple(code for code in WEEKDAYS if code in weekdays),
        tuple(place for place in PLACES if place in form.getlist("places")),
        form.get("month_days", ""),
        form.get("rule", ""),
    )


def build_rule(choices: Choices) -> str:
    """Return the rule for the choices, or "" if they are incomplete. If nothing was changed, it is the former rule."""
    former_rule = request.form.get("rule_was", "")
    try:
        rule = choices.as_rule()
        return former_rule if rule == choices_of(former_rule).as_rule() else rule
    except CalendarError:
        return ""


def parse_calendar_columns(
    choices: Choices, form_data: Mapping[str, str], start: date | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the calendar columns from the submitted form, and its faults by field. One of the two is empty."""
    try:
        return parse_calendar_form(choices, form_data, start) | {"rule": form_data["rule"]}, {}
    except InvalidSettings as error:
        return {}, error.faults


def template_values(choices: Choices) -> dict[str, Any]:
    """Return the template values for the rhythm's fields."""
    names = get_day_names("wide", locale=get_locale())
    return {
        "rhythm_choices": choices,
        "weekdays": [(code, names[number]) for number, code in enumerate(WEEKDAYS)],
        "ordinals": [(place, ORDINALS[int(place)]) for place in PLACES],
        "weeks": [(number, number) for number in WEEKS],
    }
