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
from ...newsletters.settings import InvalidSettings, faults_of_sentences, store_valid_texts
from ...people.directory import give_role
from ...people.models import Person
from ...text.languages import N_

# Settings that the form for a new newsletter asks for, besides the calendar; the others have defaults.
BASIC_SETTINGS = {
    name: SETTINGS[name] for name in ("name", "dek", "publisher", "editor", "address", "languages", "section", "call")
}
BASIC_SETTINGS["languages"] = replace(
    BASIC_SETTINGS["languages"],
    needed=True,
    help=N_("Codes or English names, separated by commas, e.g. en, ru, kk-Arab; the first is its own."),
)
CALENDAR_SETTINGS = {name: SETTINGS[name] for name in ("rule", "at", "zone")}
# Slugs that would hide other URLs of the installation, separated by spaces.
RESERVED_SLUGS = "a api desk expert handbook healthz mail mails metrics q readyz sign-in sign-out signed-in static stop"
LONGEST_SLUG = 60  # characters
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def validate_slug(slug: str) -> str:
    """Return the slug, stripped. Raises `FieldError` if it is empty, malformed or reserved."""
    slug = slug.strip()
    if not slug:
        raise FieldError("empty")
    if not _SLUG.fullmatch(slug) or len(slug) > LONGEST_SLUG:
        raise FieldError("short_name")
    if slug in RESERVED_SLUGS.split():
        raise FieldError("in_use")
    return slug


def validate_free_slug(session: Session, slug: str, newsletter: Newsletter | None = None) -> str:
    """Return the slug, stripped. Raises `FieldError` if it is invalid, or another newsletter uses or used it."""
    slug = validate_slug(slug)
    if by_slug(session, slug) not in (None, newsletter):
        raise FieldError("in_use")
    return slug


def validate_newsletter(
    session: Session, choices: Choices, texts: Mapping[str, str], form_values: Mapping[str, Any]
) -> dict[str, Any]:
    """Validate the form for a new newsletter and return its columns. Its main language is the first one given.

    `choices` are those of the calendar, `form_values` the fields of `BASIC_SETTINGS`, "slug", "at" and "zone", and
    `texts` the house sentences. Raises `InvalidSettings`.
    """
    columns, field_errors = read_form(BASIC_SETTINGS, {name: form_values[name] for name in BASIC_SETTINGS})
    errors: dict[str, Any] = {**field_errors, **faults_of_sentences(dict(texts))}
    try:
        columns |= parse_calendar_form(choices, {"skips": "", "extra": "", **form_values}, now(session).date())
    except InvalidSettings as invalid:
        errors |= invalid.faults
    try:
        columns["slug"] = validate_free_slug(session, form_values["slug"])
    except FieldError as error:
        errors["slug"] = error
    if errors:
        raise InvalidSettings(errors)
    return columns | {"language": columns["languages"][0]}


def create_newsletter(
    session: Session, actor: Staff | Clock, columns: Mapping[str, Any], texts: Mapping[str, str]
) -> Newsletter:
    """Create a newsletter from validated columns and house sentences, and plan its editions.

    The first edition is the next one whose cut-off is in the future. An actor of the staff gets the role that they have
    at their present desk. Raises `PermissionDenied`.
    """
    newsletter = Newsletter(**columns)
    NEWSLETTER.apply(session, actor, newsletter, "found")
    store_valid_texts(session, actor, newsletter, newsletter.language, dict(texts))
    if isinstance(actor, Staff):
        give_role(session, actor, session.get_one(Person, actor.person_id), newsletter.id, actor.role)
    start_with_open_edition(session, newsletter)
    plan_newsletter(session, actor, newsletter)
    return newsletter
