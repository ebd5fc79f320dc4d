"""Who had their hand in an edition, from the trail."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..audit import Event
from ..people.directory import names_of
from .models import Edition


def hands(session: Session, edition: Edition) -> dict[str, str]:
    """Who locked and who sent an edition the last time, by name: {"lock": "Nora Lind", "send": "Nora Lind"}."""
    query = select(Event).where(
        Event.noun == "edition", Event.noun_id == edition.id, Event.action.in_(("edition.lock", "edition.send"))
    )
    last = {event.action.removeprefix("edition."): event.actor for event in session.scalars(query.order_by(Event.id))}
    keys = {act: int(actor.removeprefix("staff:")) for act, actor in last.items() if actor.startswith("staff:")}
    names = names_of(session, list(keys.values()))
    return {act: names[key] for act, key in keys.items() if key in names}
