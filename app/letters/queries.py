from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true, union_all
from sqlalchemy.orm import Session

from ..actors import Staff
from ..audit import Event
from .lifecycle import STATES
from .models import Letter

MANY = 1_000  # counts stop here; the pages say "1,000+"


def load(session: Session, actor: Staff, public_id: str) -> Letter | None:
    """One letter of the actor's newsletter."""
    return session.scalar(select(Letter).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


@dataclass(frozen=True)
class Wanted:
    """Which letters a list shows; what is None doesn't narrow it. Each alone is a walk of an index of its own.

    `since` and `until` bound when a letter came; with `until` the list begins with the oldest. `alike` asks for those that
    have a likely look-alike.
    """

    states: tuple[str, ...]
    channel: str | None = None
    language: str | None = None
    about_edition_id: int | None = None
    filed_as: str | None = None
    held_reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    alike: bool = False

    @property
    def by_time(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        equal = ("channel", "language", "about_edition_id", "filed_as", "held_reason")
        found = [getattr(Letter, name) == value for name in equal if (value := getattr(self, name)) is not None]
        found += [Letter.alike == true()] if self.alike else []
        found += [Letter.received_at >= self.since] if self.since else []
        return found + ([Letter.received_at < self.until] if self.until else [])


def page(
    session: Session, newsletter_id: int, wanted: Wanted, after: Letter | None, limit: int, up: bool = False
) -> list[Letter]:
    """A page of a list, from behind the letter `after`, in one statement: one walk of an index for each state.

    With `up` the other way: what stands in front of that letter, the nearest first.
    """
    order = _order(wanted, up)
    walks = [
        select(Letter.id)
        .where(
            Letter.newsletter_id == newsletter_id,
            Letter.state == state,
            *wanted.conditions,
            *_behind(wanted, after, up),
        )
        .order_by(*order)
        .limit(limit)
        .subquery()
        for state in wanted.states
    ]
    keys = union_all(*(select(walk.c.id) for walk in walks)).subquery()
    return list(session.scalars(select(Letter).join(keys, keys.c.id == Letter.id).order_by(*order).limit(limit)))


def _oldest_first(wanted: Wanted, up: bool) -> bool:
    return (wanted.until is not None) != up


def _order(wanted: Wanted, up: bool) -> tuple[Any, ...]:
    """By the key, which tells the order of arrival where the minute isn't kept; by time where the list is bounded by it."""
    columns = (Letter.received_at, Letter.id) if wanted.by_time else (Letter.id,)
    return columns if _oldest_first(wanted, up) else tuple(column.desc() for column in columns)


def _behind(wanted: Wanted, after: Letter | None, up: bool) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    if not wanted.by_time:
        return [Letter.id > after.id if up else Letter.id < after.id]
    time = after.received_at
    if _oldest_first(wanted, up):
        return [Letter.received_at >= time, or_(Letter.received_at > time, Letter.id > after.id)]
    return [Letter.received_at <= time, or_(Letter.received_at < time, Letter.id < after.id)]


def among(session: Session, newsletter_id: int, wanted: Wanted, keys: Sequence[int]) -> list[Letter]:
    """Those of several letters that a list shows, newest first: what a search has found, narrowed."""
    query = select(Letter).where(
        Letter.newsletter_id == newsletter_id, Letter.id.in_(keys), Letter.state.in_(wanted.states), *wanted.conditions
    )
    return list(session.scalars(query.order_by(Letter.id.desc())))


def waiting(session: Session, newsletter_id: int, states: Sequence[str] = STATES.which("waits")) -> int:
    """How many letters wait for the desk, counted up to 1,001."""
    return session.scalar(select(_counted(newsletter_id, Wanted(tuple(states))))) or 0


def counts(session: Session, newsletter_id: int, lists: Sequence[Wanted]) -> list[int]:
    """How many letters each of several lists has, counted up to 1,001, in one statement."""
    return list(session.execute(select(*(_counted(newsletter_id, wanted) for wanted in lists))).one())


def _counted(newsletter_id: int, wanted: Wanted) -> Any:
    walk = select(Letter.id).where(
        Letter.newsletter_id == newsletter_id, Letter.state.in_(wanted.states), *wanted.conditions
    )
    return select(func.count()).select_from(walk.limit(MANY + 1).subquery()).scalar_subquery()


def by_keys(session: Session, keys: Sequence[int]) -> dict[int, Letter]:
    """Several letters by their keys, in one query."""
    return {one.id: one for one in session.scalars(select(Letter).where(Letter.id.in_(keys)))}


def of_questions(session: Session, question_ids: Sequence[int]) -> list[Letter]:
    """The live letters behind several questions, oldest first."""
    query = select(Letter).where(Letter.question_id.in_(question_ids), Letter.is_filed)
    return list(session.scalars(query.order_by(Letter.id)))


def stood_behind(session: Session, letter: Letter) -> set[int]:
    """The keys of the questions that a letter ever stood behind, by the trail: the one of now, and those it was taken out of."""
    filed = select(Event.facts).where(Event.noun == "letter", Event.noun_id == letter.id, Event.action == "letter.file")
    keys = {(facts or {}).get("question") for facts in session.scalars(filed)} | {letter.question_id}
    return {key for key in keys if key is not None}
