"""A newsletter's settings, as their rows say: who writes, in what rhythm, how long, how quotes are checked."""

from typing import Any

from babel.dates import get_day_names
from flask import redirect, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...db import now
from ...editions.calendar import CalendarError
from ...editions.planning import off_the_rhythm, plan_newsletter
from ...editions.rhythm import PLACES, READ, WEEKDAYS, WEEKS, Choices, choices_of, next_six, read_typed
from ...fields import read_form
from ...formatting import day, tongue
from ...lifecycle import Stale
from ...newsletters import settings
from ...newsletters.models import PARTS, SETTINGS, Newsletter
from .. import declared_form
from ..conflict import as_opened, opened, saved, ticked
from ..editions.rhythm_text import ORDINALS, in_words, rule_in_words
from ..flash import announce
from ..frame import Desk, at_desk, change, editor, page, redrawn
from ..mail.mail_words import name_of

# Dates that are not of the rhythm any more and stay all the same: why.
STAYS = {
    "locked": _l("%(day)s: it is locked"),
    "picked": _l("%(day)s: something is picked for it"),
    "asked": _l("%(day)s: an expert is asked for it"),
    "letters": _l("%(day)s: letters are about it"),
}
CALENDAR = ("rule", "rule_start", *READ, "cutoff_minutes")


@editor.get("/<slug>/settings", endpoint="settings")
def newsletter_settings(slug: str) -> str:
    with at_desk(slug) as desk:
        return _form(desk)


def _stored(newsletter: Newsletter) -> dict[str, Any]:
    return declared_form.stored(SETTINGS, newsletter)


def _chosen() -> Choices:
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


def _typed(choices: Choices) -> dict[str, Any]:
    """Return what was sent; the rule as it was where its choices are, empty where something is left to be chosen."""
    typed, was = declared_form.typed(SETTINGS), request.form.get("rule_was", "")
    try:
        rule = choices.as_rule()
        typed["rule"] = was if rule == choices_of(was).as_rule() else rule
    except CalendarError:
        typed["rule"] = ""
    return typed


def _form(
    desk: Desk,
    typed: dict[str, Any] | None = None,
    faults: dict[str, Any] | None = None,
    stale: bool = False,
    columns: dict[str, Any] | None = None,
) -> str:
    """Return the page; with `columns` to look at, its dates are those of the rhythm as typed."""
    said = {name: declared_form.fault_words(faults[name]) for name in SETTINGS if faults and name in faults}
    labels = declared_form.labels(SETTINGS)
    first = saved(desk, desk.newsletter, "newsletter.change") if stale else None
    form = opened(desk, _stored(desk.newsletter), typed, labels, first, _in_words)
    names = get_day_names("wide", locale=get_locale())
    return page(
        desk,
        "editor/settings/settings.html",
        "settings",
        **form._asdict(),
        parts=[(part, {name: one for name, one in SETTINGS.items() if one.part == part}) for part in PARTS],
        chosen=_chosen() if typed and not stale else choices_of(form.values["rule"]),
        weekdays=[(code, names[number]) for number, code in enumerate(WEEKDAYS)],
        places=[(place, ORDINALS[int(place)]) for place in PLACES],
        weeks=[(number, number) for number in WEEKS],
        faults=said,
        summary=[(name, f"{labels[name]}: {words}") for name, words in said.items()],
        rhythm=in_words(desk.newsletter),
        dates=next_six(desk.newsletter, now(desk.session), columns),
        looked=columns is not None,
        options=_options(),
        sentence_languages=[(code, tongue(code)) for code in languages_of(desk.newsletter)],
    )


def _options() -> dict[str, Any]:
    held = [(kind, name_of(kind)) for (kind,) in SETTINGS["held_kinds"].options]
    return declared_form.options(SETTINGS) | {"held_kinds": held}


def _in_words(name: str, value: Any) -> str:
    """Return what stands in a field, as the page says it."""
    words = {option: str(label) for option, label, *_help in _options().get(name, ())}
    if isinstance(value, list):
        return ", ".join(words[one] for one in value)
    return rule_in_words(value) if name == "rule" else ticked(name, words.get(value, value))


def languages_of(newsletter: Newsletter) -> list[str]:
    return list(dict.fromkeys([newsletter.language, *newsletter.languages]))


@editor.press("/<slug>/settings", "settings")
def change_settings(slug: str) -> Response | tuple[str, int]:
    """Change the settings, and make the editions anew by the calendar as it is now; or only look at its dates."""
    choices = _chosen()
    typed = _typed(choices)
    columns: dict[str, Any] = {}
    values, faults = read_form({name: one for name, one in SETTINGS.items() if name not in ("rule", *READ)}, typed)
    faults = dict[str, Any](faults)
    try:
        columns = read_typed(choices, typed, values.get("rule_start"))
        columns["rule"] = typed["rule"]
    except settings.Faulty as faulty:
        faults |= faulty.faults
    if "look" in request.form:
        return redrawn(slug, 422 if faults else 200, _form, typed, faults, columns=None if faults else columns)

    def fn(desk: Desk) -> tuple[str, list[str]]:
        if faults:
            raise settings.Faulty(faults)
        before = _stored(desk.newsletter)
        as_opened(desk, desk.newsletter, lambda: _stored(desk.newsletter), typed)
        settings.change(desk.session, desk.actor, desk.newsletter, **typed | columns)
        plan_newsletter(desk.session, desk.actor, desk.newsletter)
        stored = _stored(desk.newsletter)
        if all(before[name] == stored[name] for name in CALENDAR):
            return _("The settings are saved."), []
        stays = [
            str(STAYS[why]) % {"day": day(edition.runs_at, "short")}
            for edition, why in off_the_rhythm(desk.session, desk.newsletter)
            if why
        ]
        return _("Saved. The editions to come follow the rhythm as it stands now."), stays

    try:
        said, stay = change(slug, fn)
    except settings.Faulty as faulty:
        return redrawn(slug, 422, _form, typed, faulty.faults)
    except Stale:
        return redrawn(slug, 409, _form, typed, stale=True)
    if stay:
        dates = "; ".join(stay)
        said = _(
            "Saved. The editions to come follow the rhythm as it stands now, but these stay: %(dates)s.", dates=dates
        )
        announce(said, href=url_for("editor.all_editions", slug=slug), label=_("All dates, to skip one"))
    else:
        announce(said)
    return redirect(url_for("editor.settings", slug=slug), code=303)
