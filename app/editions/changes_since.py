"""What others did to an edition since somebody opened its page, so that of two at once the second is told."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..audit import Event
from ..audit.events import changing
from .models import Edition

LONGEST = 500  # events that a page is looked back over; one that lay open for longer is told the newest


def seen(session: Session) -> int:
    """The mark that a page carries: what comes after it was done while the page lay open."""
    return session.scalar(select(func.max(Event.id))) or 0


def since(session: Session, edition: Edition, mark: int, but: Staff | None = None) -> Sequence[Event]:
    """What was done to the edition and its slots after the mark, in order; without what `but` did."""
    query = select(Event).where(Event.id > mark, Event.newsletter_id == edition.newsletter_id)
    newest = session.scalars(query.order_by(Event.id.desc()).limit(LONGEST)).all()
    told = changing("edition")
    return [
        event
        for event in newest[::-1]
        if event.action in told and _is_about(event, edition) and not (but and event.actor == but.ref)
    ]


def _is_about(event: Event, edition: Edition) -> bool:
    if event.noun == "edition":
        return event.noun_id == edition.id
    facts = event.facts or {}
    return edition.id in (facts.get("edition"), facts.get("from"), facts.get("to"))
