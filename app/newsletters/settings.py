"""What an editor sets about a newsletter, and the house sentences that it words its own way."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..actors import Staff
from ..db import lock
from ..lifecycle import must
from ..mail.kinds import KINDS
from ..mail.reply_address import checked_pattern
from ..people.directory import BadAddress, checked_address
from ..text import clean, for_print, single_line
from .models import CHECK_POLICIES, MARKS, Newsletter, NewsletterText

LINES = {"name": 200, "publisher": 200, "editor": 200, "section": 200, "dek": 400, "imprint": 400}  # characters at most
NEEDED = ("name", "publisher", "editor", "section")
NUMBERS = {
    "cutoff_minutes": (0, 40_320), "slots": (1, 12), "words": (20, 2_000), "check_hours": (1, 336), "keep_days": (1, 365),
    "undo_seconds": (0, 600), "raw_days": (1, 90),
}  # fmt: skip
CHOICES = {"marks": MARKS, "check_policy": CHECK_POLICIES}
FACTS = ("names_readers", "acknowledges", "languages", "rule", "rule_start", "at", "zone", "skips", "extra")
# The place that a house sentence can't do without.
HOLES = {"heading": "{headline}", "asked_credit": "{credit}", "lead_in": "{name}", "also": "{name}"}
# What can be filled in, besides; in every other sentence nothing can.
PLACES = {
    "call": ("{address}",), "heading": ("{section}", "{headline}"), "asked_credit": ("{credit}",),
    "lead_in": ("{name}", "{credit_line}", "{relation}"), "also": ("{name}", "{credit_line}", "{relation}"),
}  # fmt: skip
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")
LONGEST = 2_000  # characters of a house sentence or of the call
# The kinds of mail that can wait for a second person: those to somebody outside the house.
HOLDABLE = tuple(kind for kind in KINDS if kind.startswith(("expert.", "reader.")))
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


@dataclass
class Faulty(Exception):
    """A setting can't be taken; `faults` maps a field to "empty", "long", "bad", "taken", "number", "hole" or
    "place"."""

    faults: dict[str, str] = field(default_factory=dict)


def change(session: Session, actor: Staff, newsletter: Newsletter, **fields: Any) -> None:
    """Change a newsletter's settings. The calendar's fields come as `editions.rhythm` has read them.

    Raises `Faulty` and, unless the actor is an editor, `NotYours`.
    """
    must(actor, "settings")
    lock(session, newsletter)
    values, faults = _read(fields)
    if values.get("inbox") and "inbox" not in faults and _is_anothers(session, newsletter, values["inbox"]):
        faults["inbox"] = "taken"
    if faults:
        raise Faulty(faults)
    changed = sorted(name for name, value in values.items() if getattr(newsletter, name) != value)
    for name in changed:
        setattr(newsletter, name, values[name])
    session.flush()
    if changed:
        audit.record(session, actor, "newsletter.change", newsletter, facts={"columns": changed})


def _is_anothers(session: Session, newsletter: Newsletter, inbox: str) -> bool:
    """Whether mails to this address come in for another newsletter."""
    others = select(Newsletter.id).where(Newsletter.inbox == inbox, Newsletter.id != newsletter.id)
    return session.scalar(others.limit(1)) is not None


def faults_of(fields: dict[str, Any]) -> dict[str, str]:
    """What is wrong with some settings."""
    return _read(fields)[1]


def _read(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values as they are stored, and what is wrong with them."""
    values: dict[str, Any] = {name: fields[name] for name in FACTS if name in fields}
    faults: dict[str, str] = {}
    for name in LINES.keys() & fields.keys():
        values[name] = single_line(fields[name])
        if name in NEEDED and not values[name]:
            faults[name] = "empty"
        elif len(values[name]) > LINES[name]:
            faults[name] = "long"
    for name in NUMBERS.keys() & fields.keys():
        low, high = NUMBERS[name]
        values[name] = fields[name]
        if not isinstance(fields[name], int) or not low <= fields[name] <= high:
            faults[name] = "number"
    for name in CHOICES.keys() & fields.keys():
        values[name] = fields[name]
        if fields[name] not in CHOICES[name]:
            faults[name] = "bad"
    if "call" in fields:
        values["call"] = for_print(clean(fields["call"]))
        if len(values["call"]) > LONGEST:
            faults["call"] = "long"
        elif misplaced("call", values["call"]):
            faults["call"] = "place"
    if "held_kinds" in fields:
        values["held_kinds"] = [kind for kind in HOLDABLE if kind in fields["held_kinds"]]
    for name in READ.keys() & fields.keys():
        typed = single_line(fields[name])
        try:
            values[name] = READ[name](typed) if typed or name == "address" else ""
        except (BadAddress, ValueError):
            faults[name] = "bad"
    return values, faults


def _time_of_day(typed: str) -> str:
    """A time of day as it is stored, "07:30". ValueError for anything else."""
    found = typed.zfill(5)
    if not _TIME.fullmatch(found):
        raise ValueError(typed)
    return found


# How what was typed is stored. All but the newsletter's own address may be left empty.
READ: Mapping[str, Callable[[str], str]] = {
    "address": checked_address,
    "list_address": checked_address,
    "inbox": checked_pattern,
    "digest_at": _time_of_day,
}


def sentences_of(session: Session, newsletter: Newsletter, language: str) -> dict[str, str]:
    """The house sentences that the newsletter words its own way in one language."""
    rows = session.scalars(select(NewsletterText).filter_by(newsletter_id=newsletter.id, language=language))
    return {row.kind: row.body for row in rows}


def misplaced(kind: str, text: str) -> str:
    """What stands in braces and would run as it stands, since nothing is filled in for it; "" where there is none."""
    return next((found for found in _BRACES.findall(text) if found not in PLACES.get(kind, ())), "")


def faults_of_sentences(texts: dict[str, str]) -> dict[str, str]:
    """What is wrong with house sentences; an empty one is right: the product's own applies."""
    faults = {kind: "long" for kind, body in texts.items() if len(body) > LONGEST}
    faults |= {kind: "place" for kind, body in texts.items() if kind not in faults and misplaced(kind, body)}
    return faults | {
        kind: "hole" for kind, hole in HOLES.items() if texts.get(kind, "").strip() and hole not in texts[kind]
    }


def word(session: Session, actor: Staff, newsletter: Newsletter, language: str, texts: dict[str, str]) -> None:
    """Word house sentences; an empty one goes back to the product's own. Raises `Faulty` and `NotYours`."""
    must(actor, "words of the house")
    if faults := faults_of_sentences(texts):
        raise Faulty(faults)
    keep_texts(session, actor, newsletter, language, texts)


def keep_texts(session: Session, actor: Staff, newsletter: Newsletter, language: str, texts: dict[str, str]) -> None:
    """Store a newsletter's wordings, which were looked at before; an empty one goes."""
    rows = session.scalars(select(NewsletterText).filter_by(newsletter_id=newsletter.id, language=language))
    known = {row.kind: row for row in rows}
    changed = []
    for kind, body in ((kind, for_print(clean(body))) for kind, body in texts.items()):
        row = known.get(kind)
        if body == (row.body if row else ""):
            continue
        changed.append(kind)
        if row is None:
            session.add(NewsletterText(newsletter_id=newsletter.id, kind=kind, language=language, body=body))
        elif body:
            row.body = body
        else:
            session.delete(row)
    session.flush()
    if changed:
        facts = {"language": language, "kinds": sorted(changed)}
        audit.record(session, actor, "newsletter.word", newsletter, facts=facts)
