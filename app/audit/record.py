from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..actors import Actor
from ..db import now
from .models import Event


def record(
    session: Session,
    actor: Actor,
    action: str,
    row: Any,
    *,
    old: str | None = None,
    new: str | None = None,
    at: datetime | None = None,
    facts: dict[str, Any] | None = None,
) -> Event:
    """Add the event of `row`, which has been flushed. `at` is given where the minute must not be kept."""
    noun = type(row).__name__.lower()
    newsletter_id = row.id if noun == "newsletter" else getattr(row, "newsletter_id", None)
    question_id = row.id if noun == "question" else getattr(row, "question_id", None)
    event = Event(
        at=at or now(session),
        actor=actor.ref,
        action=action,
        noun=noun,
        noun_id=row.id,
        newsletter_id=newsletter_id,
        question_id=question_id,
        old=old,
        new=new,
        facts=facts or None,
    )
    session.add(event)
    return event
