from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..actors import Actor
from ..db import now
from ..drawn_keys import drawn_key
from .events import EVENTS
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
    """Write what was changed, and add the event of `row`. `at` is given where the minute must not be kept.

    Raises LookupError for an action that has no row in `EVENTS`.
    """
    if action not in EVENTS:
        raise LookupError(f"{action} has no row in app/audit/events.py")
    session.flush()  # a new row has its key then
    noun = type(row).__name__.lower()
    # What belongs to the house, such as an expert's profile, is noted at the desk whose people changed it.
    of_desk = getattr(row, "newsletter_id", None) or getattr(actor, "newsletter_id", None)
    newsletter_id = row.id if noun == "newsletter" else of_desk
    question_id = row.id if noun == "question" else getattr(row, "question_id", None)
    moment = at or now(session)
    # What has a day alone takes no place in the trail's line either, unless it moved a row that others may look at.
    is_day = moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)
    event = Event(
        **({"id": drawn_key(session, Event)} if is_day and old is None else {}),
        at=moment,
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
    if (watched := session.info.get("watched")) is not None:
        watched.append(event)
    return event


@contextmanager
def watched(session: Session) -> Iterator[list[Event]]:
    """Collect what is recorded inside: what one press did, for the press that undoes it.

    Whoever watches around it sees it too.
    """
    before = session.info.get("watched")
    events: list[Event] = []
    session.info["watched"] = events
    try:
        yield events
        if before is not None:
            before += events
    finally:
        session.info["watched"] = before
