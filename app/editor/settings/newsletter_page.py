"""A newsletter's settings, as their rows say: who writes, in what rhythm, how long, how quotes are checked."""

from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...db import now
from ...editions.planning import off_the_rhythm, plan_newsletter
from ...editions.rhythm import READ, choices_of, next_six
from ...fields import read_form
from ...formatting import day, tongue
from ...lifecycle import Stale
from ...newsletters import settings
from ...newsletters.models import PARTS, SETTINGS, Newsletter
from .. import declared_form
from ..conflict import as_opened, opened, saved, ticked
from ..editions.rhythm_text import in_words, rule_in_words
from ..flash import announce
from ..frame import Desk, at_desk, change, editor, page, redrawn
from ..mail.mail_words import name_of
from . import rhythm_form

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
    return page(
        desk,
        "editor/settings/settings.html",
        "settings",
        **form._asdict(),
        parts=[(part, {name: one for name, one in SETTINGS.items() if one.part == part}) for part in PARTS],
        **rhythm_form.frame(rhythm_form.chosen() if typed and not stale else choices_of(form.values["rule"])),
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
    choices = rhythm_form.chosen()
    typed = declared_form.typed(SETTINGS) | {"rule": rhythm_form.rule_of(choices)}
    values, wrong = read_form({name: one for name, one in SETTINGS.items() if name not in ("rule", *READ)}, typed)
    columns, faults = rhythm_form.columns_of(choices, typed, values.get("rule_start"))
    faults |= wrong
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
