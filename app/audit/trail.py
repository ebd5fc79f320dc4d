"""The trail of one newsletter as a paged listing, newest first, filtered by person, action and time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from .models import Event

ALWAYS = ("membership", "newsletter")  # nouns whose events are shown even if a command or the clock caused them


@dataclass(frozen=True)
class Sought:
    """Filters of the trail: actors by their `ref`, actions, and the time from `since` until before `until`.

    Events by actors in `but` are left out, except those of the nouns in `ALWAYS`.
    """

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    but: tuple[str, ...] = ()


def listing(newsletter_id: int, sought: Sought) -> Listing[Event]:
    """Return the listing of a newsletter's events, newest first.

    Each filter has an index: newsletter, filtered column, time, ID.
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
    """Return the IDs of all people who ever joined this desk."""
    came = ("membership.set", "membership.join")
    query = select(Event.facts).where(Event.newsletter_id == newsletter_id, Event.action.in_(came))
    return {facts["person"] for facts in session.scalars(query) if facts and "person" in facts}
