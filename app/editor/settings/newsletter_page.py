"""A newsletter's settings: who writes, in what rhythm, how long, how quotes are checked; and its house sentences."""

from datetime import date
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...db import now
from ...editions.calendar import CalendarError
from ...editions.planning import off_the_rhythm, plan_newsletter
from ...editions.rhythm import as_typed, next_six, read_typed
from ...formatting import day, tongue
from ...lifecycle import Stale
from ...newsletters import settings
from ...newsletters.models import Newsletter
from ...text import single_line
from ..conflict import as_opened, conflict, opened, saved, ticked
from ..editions.rhythm_text import in_words
from ..flash import announce
from ..frame import Desk, at_desk, change, editor, page
from ..mail.mail_words import KINDS

TEXTS = (
    "name", "publisher", "editor", "section", "dek", "imprint", "call", "address", "marks", "check_policy",
    "inbox", "list_address", "digest_at",
)  # fmt: skip
NUMBERS = ("slots", "words", "check_hours", "keep_days", "undo_seconds", "raw_days")
TICKED = ("names_readers", "acknowledges")
CALENDAR = ("rhythm", "rule_start", "skips", "extra", "cutoff_hours")
HOURS = tuple(minutes // 60 for minutes in settings.NUMBERS["cutoff_minutes"])  # of the cut-off
FIELDS = (*TEXTS, *NUMBERS, *CALENDAR, "languages")
FAULTS = {
    "empty": _l("Something must stand here."),
    "long": _l("This is too long."),
    "bad": _l("This can’t be taken. Look at the example."),
    "taken": _l("Mail to this address comes in for another newsletter already."),
    "place": _l("%(place)s can’t be filled in here. Look at the help above the field."),
    "hole": _l("What is filled in has to stand in it, in braces: see the help above the field."),
}
CHECKS = (
    ("off", _l("No check"), _l("The invitation says that you may edit for length and clarity.")),
    (
        "facts",
        _l("Facts only"),
        _l("Silence means it runs. What the desk took down or translated is always read back."),
    ),
    ("approve", _l("Full approval"), _l("Nothing runs without the expert’s yes.")),
)
MARKS = (("typographic", _l("Typographic, by the language: “ ” « » „ “")), ("straight", _l("Straight: \" '")))


@editor.get("/<slug>/settings", endpoint="settings")
def newsletter_settings(slug: str) -> str:
    with at_desk(slug) as desk:
        return _form(desk)


def _stored(newsletter: Newsletter) -> dict[str, Any]:
    """The settings as their form shows them."""
    return {name: str(getattr(newsletter, name)) for name in (*TEXTS, *NUMBERS)} | {
        "rhythm": as_typed(newsletter),
        "rule_start": newsletter.rule_start.isoformat(),
        "skips": "\n".join(newsletter.skips),
        "extra": "\n".join(newsletter.extra),
        "cutoff_hours": f"{newsletter.cutoff_minutes / 60:g}",
        "languages": ", ".join(newsletter.languages),
        **{name: getattr(newsletter, name) for name in (*TICKED, "held_kinds")},
    }


def _form(
    desk: Desk, typed: dict[str, Any] | None = None, faults: dict[str, str] | None = None, stale: bool = False
) -> str:
    said = {name: fault_words(name, code, (typed or {})[name]) for name, code in (faults or {}).items()}
    stored, met = _stored(desk.newsletter), None
    if typed and stale:
        met = conflict(desk, saved(desk, desk.newsletter, "newsletter.change"), stored, typed, LABELS, _in_words)
    form = opened(stored, typed, met)
    return page(
        desk,
        "editor/settings/settings.html",
        "settings",
        **form._asdict(),
        faults=said,
        summary=[(name, f"{LABELS[name]}: {words}") for name, words in said.items()],
        labels=LABELS,
        rhythm=in_words(desk.newsletter),
        dates=next_six(desk.newsletter, now(desk.session)),
        checks=CHECKS,
        marks=MARKS,
        holdable=[(kind, KINDS[kind]) for kind in settings.HOLDABLE],
        sentence_languages=[(code, tongue(code)) for code in languages_of(desk.newsletter)],
    )


def fault_words(name: str, code: str, typed: str) -> str:
    """What is wrong with what was typed into a field, by the code of its reader; a whole sentence says so itself."""
    if code == "number":
        low, high = settings.NUMBERS.get(name, HOURS)
        return _("Give a number from %(low)s to %(high)s.", low=low, high=high)
    return str(FAULTS[code]) % {"place": settings.misplaced(name, typed)} if code in FAULTS else code


LABELS = {
    "name": _l("Name"), "publisher": _l("Publisher"), "editor": _l("Editor"), "address": _l("Address"),
    "section": _l("Section"), "dek": _l("What it is about"), "imprint": _l("Imprint"), "call": _l("Standing call"),
    "languages": _l("Languages"), "marks": _l("Quotation marks"), "rhythm": _l("Rhythm"),
    "rule_start": _l("Counted from"), "skips": _l("Pauses"), "extra": _l("Extra dates"),
    "cutoff_hours": _l("Cut-off"), "slots": _l("Slots"), "words": _l("Words"), "check_policy": _l("Quote check"),
    "check_hours": _l("Time to check"), "keep_days": _l("Readers’ addresses"), "inbox": _l("Where mail comes in"),
    "list_address": _l("The newsletter’s own sender"), "undo_seconds": _l("Time to undo"),
    "held_kinds": _l("Mails that wait for a second person"), "digest_at": _l("Morning mail"),
    "raw_days": _l("Mails as they came"), "names_readers": _l("Readers who want it are named"),
    "acknowledges": _l("Readers who mail a question hear that it arrived"),
}  # fmt: skip
WORDS = {"marks": dict(MARKS), "check_policy": {policy: label for policy, label, _help in CHECKS}}


def _in_words(name: str, value: Any) -> str:
    """What stands in a field, as the page says it."""
    if isinstance(value, list):
        return ", ".join(str(KINDS[kind]) for kind in value)
    return ticked(name, WORDS[name].get(value, value) if name in WORDS else value)


def languages_of(newsletter: Newsletter) -> list[str]:
    return list(dict.fromkeys([newsletter.language, *newsletter.languages]))


def _lines(text: str) -> list[str]:
    return [line for part in text.splitlines() if (line := single_line(part))]


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() and len(text) < 8 else None


def _minutes(hours: str) -> int | None:
    try:
        return round(float(hours.replace(",", ".")) * 60)
    except (ValueError, OverflowError):
        return None


def _parsed(typed: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The form as columns, and what can't be read. The verb judges the rest."""
    fields: dict[str, Any] = {name: typed[name] for name in TEXTS}
    fields |= {name: _whole(typed[name]) for name in NUMBERS}
    fields |= {name: typed[name] for name in (*TICKED, "held_kinds")}
    fields["cutoff_minutes"] = _minutes(typed["cutoff_hours"])
    fields["languages"] = [single_line(code)[:35] for code in typed["languages"].split(",") if code.strip()]
    faults: dict[str, str] = {}
    try:
        start = date.fromisoformat(typed["rule_start"])
        fields |= read_typed(typed["rhythm"], start, _lines(typed["skips"]), _lines(typed["extra"]))
    except CalendarError as error:
        faults["rhythm"] = str(error)
    except settings.Faulty as faulty:
        faults |= faulty.faults
    except ValueError:
        faults["rule_start"] = _("Write the date like 2026-07-01.")
    unknown = [code for code in fields["languages"] if not tongue(code)]
    if unknown:
        faults["languages"] = _("No language has this code: %(code)s", code=", ".join(unknown))
    return fields, faults


@editor.press("/<slug>/settings", "settings")
def change_settings(slug: str) -> Response | tuple[str, int]:
    """Change the settings, and make the editions anew by the calendar as it is now."""
    typed: dict[str, Any] = {name: request.form.get(name, "").replace("\r\n", "\n") for name in FIELDS}
    typed |= {name: name in request.form for name in TICKED}
    typed["held_kinds"] = [kind for kind in settings.HOLDABLE if kind in request.form.getlist("held_kinds")]
    fields, faults = _parsed(typed)

    def fn(desk: Desk) -> tuple[str, list[str]]:
        if found := faults | settings.faults_of(fields):
            raise settings.Faulty(found)
        as_opened(desk, desk.newsletter, lambda: _stored(desk.newsletter), typed)
        before = _stored(desk.newsletter)
        settings.change(desk.session, desk.actor, desk.newsletter, **fields)
        plan_newsletter(desk.session, desk.actor, desk.newsletter)
        stored = _stored(desk.newsletter)
        if all(before[name] == stored[name] for name in CALENDAR):
            return _("The settings are saved."), []
        return _("Saved. The editions to come follow the rhythm as it stands now."), _stay(desk)

    try:
        said, stay = change(slug, fn)
    except settings.Faulty as faulty:
        found = {"cutoff_hours" if name == "cutoff_minutes" else name: code for name, code in faulty.faults.items()}
        with at_desk(slug) as desk:
            return _form(desk, typed, found), 422
    except Stale:
        with at_desk(slug) as desk:
            return _form(desk, typed, stale=True), 409
    if stay:
        said = _("Saved. The editions to come follow the rhythm as it stands now, but these stay: %(dates)s.",
                 dates="; ".join(stay))  # fmt: skip
        announce(said, href=url_for("editor.all_editions", slug=slug), label=_("All dates, to skip one"))
    else:
        announce(said)
    return redirect(url_for("editor.settings", slug=slug), code=303)


STAYS = {
    "locked": _l("%(day)s: it is locked"),
    "picked": _l("%(day)s: something is picked for it"),
    "asked": _l("%(day)s: an expert is asked for it"),
    "letters": _l("%(day)s: letters are about it"),
}


def _stay(desk: Desk) -> list[str]:
    """The dates that are not of the rhythm any more and stay all the same, each with why."""
    return [
        str(STAYS[why]) % {"day": day(edition.runs_at, "short")}
        for edition, why in off_the_rhythm(desk.session, desk.newsletter)
        if why
    ]
