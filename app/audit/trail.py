"""The trail of one newsletter as a paged listing, newest first, filtered by person, action and time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from .models import Event

ALWAYS_SHOWN = ("membership", "newsletter")  # nouns whose events are shown even if their actor is excluded


@dataclass(frozen=True)
class TrailFilters:
    """Filters of the trail. Actors are given by their `ref`; `until` is exclusive.

    Events by `excluded_actors` are left out, except those about the nouns in `ALWAYS_SHOWN`.
    """

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    excluded_actors: tuple[str, ...] = ()


def listing(newsletter_id: int, filters: TrailFilters) -> Listing[Event]:
    """Return the listing of a newsletter's events, newest first.

    With a filter by actor it is read from the index by newsletter and actor, with a filter by action from the index by
    newsletter and action, and otherwise from the index by newsletter and time.
    """
    query = select(Event).where(Event.newsletter_id == newsletter_id)
    if filters.since:
        query = query.where(Event.at >= filters.since)
    if filters.until:
        query = query.where(Event.at < filters.until)
    if filters.excluded_actors:
        is_always_shown = Event.noun.in_(ALWAYS_SHOWN)
        query = query.where(or_(Event.actor.not_in(filters.excluded_actors), is_always_shown))
    order = (Event.at, Event.id)
    if filters.actors:
        if filters.actions:
            query = query.where(Event.action.in_(filters.actions))
        return Listing(query, order, split_by=(Event.actor, filters.actors))
    if filters.actions:
        return Listing(query, order, split_by=(Event.action, filters.actions))
    return Listing(query, order)


def people_in(session: Session, newsletter_id: int) -> set[int]:
    """Return the IDs of all people who ever joined this desk."""
    joining = ("membership.set", "membership.join")
    query = select(Event.facts).where(Event.newsletter_id == newsletter_id, Event.action.in_(joining))
    return {facts["person"] for facts in session.scalars(query) if facts and "person" in facts}
