"""A newsletter's settings: who writes, in what rhythm, how long, how quotes are checked; and its house sentences."""

from datetime import date
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...db import now
from ...editions.calendar import CalendarError
from ...editions.planning import plan_newsletter
from ...editions.rhythm import as_typed, next_six, read_typed
from ...lifecycle import Stale, must
from ...newsletters import settings
from ...newsletters.models import Newsletter
from ...text import single_line
from ...wording import tongue
from ..done import announce
from ..editions.rhythm_words import in_words
from ..faster import faster
from ..frame import Desk, at_desk, change, editor, page, version_seen
from ..mail.words import KINDS

TEXTS = (
    "name", "publisher", "editor", "section", "dek", "imprint", "call", "address", "marks", "check_policy",
    "inbox", "list_address", "digest_at",
)  # fmt: skip
NUMBERS = ("slots", "words", "check_hours", "keep_days", "undo_seconds", "raw_days")
TICKED = ("names_readers", "acknowledges")
CALENDAR = ("rhythm", "rule_start", "skips", "extra", "cutoff_hours")
FIELDS = (*TEXTS, *NUMBERS, *CALENDAR, "languages")
FAULTS = {
    "empty": _l("Something must stand here."),
    "long": _l("This is too long."),
    "bad": _l("This can’t be taken. Look at the example."),
    "taken": _l("Mail to this address comes in for another newsletter already."),
    "number": _l("This number is too small or too large."),
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
    return {name: getattr(newsletter, name) for name in (*TEXTS, *NUMBERS)} | {
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
    said = {name: str(FAULTS.get(code, code)) for name, code in (faults or {}).items()}
    stored = _stored(desk.newsletter)
    values = stored | (typed or {})
    return page(
        desk,
        "editor/settings/settings.html",
        "settings",
        values=values,
        now_stands={name: str(stored[name]) for name in FIELDS if stale and str(stored[name]) != str(values[name])},
        faults=said,
        summary=[(name, f"{LABELS[name]}: {words}") for name, words in said.items()],
        labels=LABELS,
        faster=faster(desk, desk.newsletter, "newsletter.change") if stale else "",
        rhythm=in_words(desk.newsletter),
        dates=next_six(desk.newsletter, now(desk.session)),
        checks=CHECKS,
        marks=MARKS,
        holdable=[(kind, KINDS[kind]) for kind in settings.HOLDABLE],
        sentence_languages=[(code, tongue(code)) for code in languages_of(desk.newsletter)],
    )


LABELS = {
    "name": _l("Name"), "publisher": _l("Publisher"), "editor": _l("Editor"), "address": _l("Address"),
    "section": _l("Section"), "dek": _l("What it is about"), "imprint": _l("Imprint"), "call": _l("Standing call"),
    "languages": _l("Languages"), "marks": _l("Quotation marks"), "rhythm": _l("Rhythm"),
    "rule_start": _l("Counted from"), "skips": _l("Pauses"), "extra": _l("Extra dates"),
    "cutoff_hours": _l("Cut-off"), "slots": _l("Slots"), "words": _l("Words"), "check_policy": _l("Quote check"),
    "check_hours": _l("Time to check"), "keep_days": _l("Readers’ addresses"), "inbox": _l("Where mail comes in"),
    "list_address": _l("The newsletter’s own sender"), "undo_seconds": _l("Time to undo"),
    "held_kinds": _l("Mails that wait for a second person"), "digest_at": _l("Morning mail"),
    "raw_days": _l("Mails as they came"),
}  # fmt: skip


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


@editor.post("/<slug>/settings")
def change_settings(slug: str) -> Response | tuple[str, int]:
    """Change the settings, and make the editions anew by the calendar as it is now."""
    typed: dict[str, Any] = {name: request.form.get(name, "").replace("\r\n", "\n") for name in FIELDS}
    typed |= {name: name in request.form for name in TICKED} | {"held_kinds": request.form.getlist("held_kinds")}
    fields, faults = _parsed(typed)

    def fn(desk: Desk) -> None:
        must(desk.actor, "E")
        if faults:
            raise settings.Faulty(faults | settings.faults_of(fields))
        settings.change(desk.session, desk.actor, desk.newsletter, version_seen(), **fields)
        plan_newsletter(desk.session, desk.actor, desk.newsletter)

    try:
        change(slug, fn)
    except settings.Faulty as faulty:
        found = {"cutoff_hours" if name == "cutoff_minutes" else name: code for name, code in faulty.faults.items()}
        with at_desk(slug) as desk:
            return _form(desk, typed, found), 422
    except Stale:
        with at_desk(slug) as desk:
            return _form(desk, typed, stale=True), 409
    announce(_("Saved. The editions to come follow the rhythm as it stands now."))
    return redirect(url_for("editor.settings", slug=slug), code=303)
