"""Change a newsletter's settings and its own wordings of sentences."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Clock, Staff
from ..core.domain_errors import DomainError
from ..core.fields import FieldError, read_form
from ..core.state_machine import must
from ..db.session import lock_row
from ..text.clean import clean, for_print
from .models import SETTINGS, Newsletter, NewsletterText
from .sentence_placeholders import REQUIRED_PLACEHOLDERS, find_unknown_placeholder

MAX_SENTENCE_LENGTH = 2_000


@dataclass
class InvalidSettings(DomainError):
    """Raised for invalid values. `faults` maps each field to its fault: a `FieldError`, a code, or a sentence."""

    code = "invalid.settings"
    faults: dict[str, Any] = field(default_factory=dict)


def change(session: Session, actor: Staff, newsletter: Newsletter, **form_values: Any) -> None:
    """Change settings of a newsletter, by name.

    `form_values` are as submitted, except those of the calendar, which `editions.rhythm` has already parsed. Raises
    `InvalidSettings`, and `PermissionDenied` unless the actor has the permission for each of these settings.
    """
    for act in {SETTINGS[name].act for name in form_values}:
        must(actor, act)
    lock_row(session, newsletter)
    values, faults = read_form(SETTINGS, form_values)
    if values.get("inbox") and _is_inbox_taken(session, newsletter, values["inbox"]):
        faults["inbox"] = FieldError("taken")
    if faults:
        raise InvalidSettings(dict(faults))
    changed = sorted(name for name, value in values.items() if getattr(newsletter, name) != value)
    for name in changed:
        setattr(newsletter, name, values[name])
    session.flush()
    if changed:
        audit.record(session, actor, "newsletter.change", newsletter, facts={"columns": changed})


def _is_inbox_taken(session: Session, newsletter: Newsletter, inbox: str) -> bool:
    """Return whether another newsletter has this inbox."""
    others = select(Newsletter.id).where(Newsletter.inbox == inbox, Newsletter.id != newsletter.id)
    return session.scalar(others.limit(1)) is not None


def sentences_of(session: Session, newsletter: Newsletter, language: str) -> dict[str, str]:
    """Return the newsletter's own wordings in one language, keyed by kind."""
    rows = session.scalars(select(NewsletterText).filter_by(newsletter_id=newsletter.id, language=language))
    return {row.kind: row.body for row in rows}


def faults_of_sentences(texts: dict[str, str]) -> dict[str, FieldError]:
    """Return the faults of wordings, keyed by kind. An empty wording is valid: it stands for the product's default."""
    faults = {}
    for kind, body in texts.items():
        if len(body) > MAX_SENTENCE_LENGTH:
            faults[kind] = FieldError("long", most=MAX_SENTENCE_LENGTH)
        elif placeholder := find_unknown_placeholder(kind, body):
            faults[kind] = FieldError("place", place=placeholder)
        elif body.strip() and REQUIRED_PLACEHOLDERS.get(kind, "") not in body:
            faults[kind] = FieldError("hole")
    return faults


def save_house_sentences(
    session: Session, actor: Staff, newsletter: Newsletter, language: str, texts: dict[str, str]
) -> None:
    """Validate and store a newsletter's own wordings. An empty wording is reset to the product's default.

    Raises `InvalidSettings` and `PermissionDenied`.
    """
    must(actor, "words of the house")
    if faults := faults_of_sentences(texts):
        raise InvalidSettings(faults)
    store_valid_texts(session, actor, newsletter, language, texts)


def store_valid_texts(
    session: Session, actor: Staff | Clock, newsletter: Newsletter, language: str, texts: dict[str, str]
) -> None:
    """Store wordings of a newsletter without validating them. An empty one is deleted."""
    rows = session.scalars(select(NewsletterText).filter_by(newsletter_id=newsletter.id, language=language))
    rows_by_kind = {row.kind: row for row in rows}
    changed = []
    for kind, raw_text in texts.items():
        body = for_print(clean(raw_text))
        row = rows_by_kind.get(kind)
        old_body = row.body if row else ""
        if body == old_body:
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
