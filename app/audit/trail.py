"""The trail of one newsletter: by person, by what was done, by day; newest first, page after page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from .models import Event

ALWAYS = ("membership", "newsletter")  # nouns: whoever gives somebody a role is told of, also where a command did


@dataclass(frozen=True)
class Sought:
    """A choice of events of a trail: by actors with these `ref`s, only these `actions`, from `since` on and before
    `until`; without what actors in `but` did, save to those of `ALWAYS`.
    """

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    but: tuple[str, ...] = ()


def listing(newsletter_id: int, sought: Sought) -> Listing[Event]:
    """Return the list of a newsletter's events, newest first. Each way to ask has its index (newsletter, what is asked
    for, time, key).
    """
    query = select(Event).where(Event.newsletter_id == newsletter_id)
    query = query.where(Event.at >= sought.since) if sought.since else query
    query = query.where(Event.at < sought.until) if sought.until else query
    if sought.but:
        query = query.where(or_(Event.actor.not_in(sought.but), Event.noun.in_(ALWAYS)))
    if sought.actors and sought.actions:
        query = query.where(Event.action.in_(sought.actions))
    kinds = (Event.actor, sought.actors) if sought.actors else (Event.action, sought.actions)
    return Listing(query, (Event.at, Event.id), each=kinds if kinds[1] else None)


def people_in(session: Session, newsletter_id: int) -> set[int]:
    """The keys of the people who ever came to this desk."""
    came = ("membership.set", "membership.join")
    query = select(Event.facts).where(Event.newsletter_id == newsletter_id, Event.action.in_(came))
    return {facts["person"] for facts in session.scalars(query) if facts and "person" in facts}
