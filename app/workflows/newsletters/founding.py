"""A newsletter made: its name in addresses, its calendar with its editions, its house sentences and its first admin."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from ...core.actors import Clock, Staff
from ...core.fields import Wrong, read_form
from ...db.session import now
from ...editions.planning import plan_newsletter, start_with_open_edition
from ...editions.rhythm import Choices, read_typed
from ...newsletters.lifecycle import NEWSLETTER
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.queries import by_slug
from ...newsletters.settings import Faulty, faults_of_sentences, keep_texts
from ...people.directory import give_role
from ...people.models import Person
from ...text.languages import N_

# What a newsletter begins with, besides its calendar; all else has a usual value and is found in its settings.
FIRST = {
    name: SETTINGS[name] for name in ("name", "dek", "publisher", "editor", "address", "languages", "section", "call")
}
FIRST["languages"] = replace(
    FIRST["languages"],
    needed=True,
    help=N_("Codes or English names with commas between, e.g. en, ru, kk-Arab; the first is its own."),
)
CALENDAR = {name: SETTINGS[name] for name in ("rule", "at", "zone")}
# Short names that would hide an address of the house.
TAKEN = "a desk expert handbook healthz mail mails metrics q readyz sign-in sign-out signed-in static stop"
LONGEST = 60
_SHORT_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def possible_name(typed: str) -> str:
    """Return a name that a newsletter could have in addresses. Raises `Wrong`."""
    typed = typed.strip()
    if not typed:
        raise Wrong("empty")
    if not _SHORT_NAME.fullmatch(typed) or len(typed) > LONGEST:
        raise Wrong("short name")
    if typed in TAKEN.split():
        raise Wrong("in use")
    return typed


def short_name(session: Session, typed: str, newsletter: Newsletter | None = None) -> str:
    """Return the name that a newsletter is to have in addresses: one that no other has or had. Raises `Wrong`."""
    typed = possible_name(typed)
    if by_slug(session, typed) not in (None, newsletter):
        raise Wrong("in use")
    return typed


def checked(session: Session, choices: Choices, texts: Mapping[str, str], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a newsletter to be made, whose rhythm was chosen; its first language is its own.

    `typed` are the fields of `FIRST`, "slug", "at" and "zone"; `texts` the house sentences. Raises `Faulty`.
    """
    values, wrong = read_form(FIRST, {name: typed[name] for name in FIRST})
    faults: dict[str, Any] = {**wrong, **faults_of_sentences(dict(texts))}
    try:
        values |= read_typed(choices, {"skips": "", "extra": "", **typed}, now(session).date())
    except Faulty as faulty:
        faults |= faulty.faults
    try:
        values["slug"] = short_name(session, typed["slug"])
    except Wrong as fault:
        faults["slug"] = fault
    if faults:
        raise Faulty(faults)
    return values | {"language": values["languages"][0]}


def found(session: Session, actor: Staff | Clock, columns: Mapping[str, Any], texts: Mapping[str, str]) -> Newsletter:
    """Make a newsletter of columns and sentences that were looked at, and its editions from the first one whose cut-off
    is ahead.

    Whoever makes it at a desk has the same role at its own.
    """
    made = Newsletter(**columns)
    NEWSLETTER.apply(session, actor, made, "found")
    keep_texts(session, actor, made, made.language, dict(texts))
    if isinstance(actor, Staff):
        give_role(session, actor, session.get_one(Person, actor.person_id), made.id, actor.role)
    start_with_open_edition(session, made)
    plan_newsletter(session, actor, made)
    return made
