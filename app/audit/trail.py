"""The trail of one newsletter: by person, by what was done, by day; newest first, page after page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from .models import Event

S = TypeVar("S", bound=Select[Any])
Place = tuple[datetime, int]  # of an event: its time and its key


@dataclass(frozen=True)
class Sought:
    """What of a trail is wanted: by actors with these `ref`s, only these `actions`, from `since` on and before `until`."""

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


def of_newsletter(
    session: Session, newsletter_id: int, sought: Sought, limit: int, before: Place | None = None
) -> list[Event]:
    """The newest events, from below a place on. Each way to ask has its index (newsletter, what is asked for, time, key)."""
    rules = _rules(newsletter_id, sought, before)
    kinds = [Event.actor == actor for actor in sought.actors] or [Event.action == act for act in sought.actions]
    if sought.actors and sought.actions:
        rules.append(Event.action.in_(sought.actions))
    if kinds:
        # The newest of each kind and then of all: none is so rare or so common that more than some rows of it are read.
        newest = [_newest(select(Event.id), [*rules, kind], limit).subquery() for kind in kinds]
        rules = [Event.id.in_(select(union_all(*(select(one.c.id) for one in newest)).subquery().c.id))]
    return list(session.scalars(_newest(select(Event), rules, limit)))


def _rules(newsletter_id: int, sought: Sought, before: Place | None) -> list[ColumnElement[bool]]:
    rules = [Event.newsletter_id == newsletter_id]
    if sought.since:
        rules.append(Event.at >= sought.since)
    if sought.until:
        rules.append(Event.at < sought.until)
    if before:
        rules.append(tuple_(Event.at, Event.id) < tuple_(literal(before[0], Event.at.type), before[1]))
    return rules


def _newest(query: S, rules: Sequence[ColumnElement[bool]], limit: int) -> S:
    return query.where(*rules).order_by(Event.at.desc(), Event.id.desc()).limit(limit)


def whole(session: Session, newsletter_id: int, sought: Sought, at_once: int) -> Iterator[list[Event]]:
    """All that is wanted, in parcels of `at_once`, so that no trail is too long to be handed out."""
    before: Place | None = None
    while events := of_newsletter(session, newsletter_id, sought, at_once, before):
        yield events
        before = (events[-1].at, events[-1].id)
        session.expunge_all()


def people_in(session: Session, newsletter_id: int) -> set[int]:
    """The keys of the people who ever came to this desk."""
    came = ("membership.set", "membership.join")
    query = select(Event.facts).where(Event.newsletter_id == newsletter_id, Event.action.in_(came))
    return {facts["person"] for facts in session.scalars(query) if facts and "person" in facts}
