"""A newsletter's calendar in words, in the language of the page."""

from datetime import date

from babel.dates import get_day_names
from babel.lists import format_list
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...editions.rhythm import pattern_of
from ...newsletters.models import Newsletter
from ...web.formatting import full_date

ORDINALS = {1: _l("first"), 2: _l("second"), 3: _l("third"), 4: _l("fourth"), 5: _l("fifth"), -1: _l("last")}


def _join_list(parts: list[str]) -> str:
    return format_list(parts, locale=get_locale())


def format_rhythm(newsletter: Newsletter) -> str:
    """Return "first and third Wednesday, 09:00, Europe/Prague"; a rule that words can't say stands as it is."""
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
    """Word a pause or an extra date: "20 January 2027", "1 July 2027 to 31 August 2027", with an hour of its own."""
    if "/" in value:
        first, last = (full_date(date.fromisoformat(part)) for part in value.split("/"))
        return _("%(first)s to %(last)s", first=first, last=last)
    when, _t, hour = value.partition("T")
    date_words = full_date(date.fromisoformat(when))
    return _("%(day)s, %(time)s", day=date_words, time=hour[:5]) if hour else date_words
