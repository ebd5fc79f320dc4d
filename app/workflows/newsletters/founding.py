"""Creating a newsletter with its slug, calendar, editions, house sentences and first administrator."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from ...core.actors import Clock, Staff
from ...core.fields import FieldError, read_form
from ...db.session import now
from ...editions.planning import plan_newsletter, start_with_open_edition
from ...editions.rhythm import Choices, parse_calendar_form
from ...newsletters.lifecycle import NEWSLETTER
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.queries import by_slug
from ...newsletters.settings import InvalidSettings, faults_of_sentences, keep_texts
from ...people.directory import give_role
from ...people.models import Person
from ...text.languages import N_

# Fields of the form for a new newsletter, besides the calendar; all other settings have defaults.
FIRST = {
    name: SETTINGS[name] for name in ("name", "dek", "publisher", "editor", "address", "languages", "section", "call")
}
FIRST["languages"] = replace(
    FIRST["languages"],
    needed=True,
    help=N_("Codes or English names with commas between, e.g. en, ru, kk-Arab; the first is its own."),
)
CALENDAR = {name: SETTINGS[name] for name in ("rule", "at", "zone")}
# Slugs that would hide URLs of the installation.
TAKEN = "a desk expert handbook healthz mail mails metrics q readyz sign-in sign-out signed-in static stop"
LONGEST = 60
_SHORT_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def validate_slug(slug: str) -> str:
    """Return the slug, stripped. Raises `FieldError` if it is empty, malformed or reserved."""
    slug = slug.strip()
    if not slug:
        raise FieldError("empty")
    if not _SHORT_NAME.fullmatch(slug) or len(slug) > LONGEST:
        raise FieldError("short_name")
    if slug in TAKEN.split():
        raise FieldError("in_use")
    return slug


def validate_free_slug(session: Session, slug: str, newsletter: Newsletter | None = None) -> str:
    """Return the slug, stripped. Raises `FieldError` if it is invalid, or if another newsletter has or had it."""
    slug = validate_slug(slug)
    if by_slug(session, slug) not in (None, newsletter):
        raise FieldError("in_use")
    return slug


def validate_newsletter(
    session: Session, choices: Choices, texts: Mapping[str, str], form_values: Mapping[str, Any]
) -> dict[str, Any]:
    """Validate the form for a new newsletter and return its columns; the first language becomes its own.

    `choices` are those of the calendar, `form_values` the fields of `FIRST`, "slug", "at" and "zone", and `texts` the
    house sentences. Raises `InvalidSettings`.
    """
    values, wrong = read_form(FIRST, {name: form_values[name] for name in FIRST})
    faults: dict[str, Any] = {**wrong, **faults_of_sentences(dict(texts))}
    try:
        values |= parse_calendar_form(choices, {"skips": "", "extra": "", **form_values}, now(session).date())
    except InvalidSettings as faulty:
        faults |= faulty.faults
    try:
        values["slug"] = validate_free_slug(session, form_values["slug"])
    except FieldError as fault:
        faults["slug"] = fault
    if faults:
        raise InvalidSettings(faults)
    return values | {"language": values["languages"][0]}


def create_newsletter(
    session: Session, actor: Staff | Clock, columns: Mapping[str, Any], texts: Mapping[str, str]
) -> Newsletter:
    """Create a newsletter from validated columns and house sentences, and plan its editions.

    The first edition is the next one whose cut-off is in the future. A member of staff gets the role that they have at
    the present desk. Raises `PermissionDenied`.
    """
    made = Newsletter(**columns)
    NEWSLETTER.apply(session, actor, made, "found")
    keep_texts(session, actor, made, made.language, dict(texts))
    if isinstance(actor, Staff):
        give_role(session, actor, session.get_one(Person, actor.person_id), made.id, actor.role)
    start_with_open_edition(session, made)
    plan_newsletter(session, actor, made)
    return made
