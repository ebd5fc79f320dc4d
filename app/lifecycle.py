"""How the five machines move. Each noun's `lifecycle.py` holds its table; this is the one function that applies a row
of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from . import audit
from .actors import Actor
from .db import now


class Refused(Exception):
    """The house does not allow this; nothing was changed. The doors put it into words."""


class Illegal(Refused):
    """The move does not start from where the row stands."""

    def __init__(self, noun: str, action: str, state: str | None) -> None:
        super().__init__(f"{noun} is {state}: no {action}")
        self.noun, self.action, self.state = noun, action, state


class NotYours(Refused):
    """This actor may not do this. The doors answer as if the thing did not exist."""


class Missing(Refused):
    """A fact that the move rests on is not there; `fact` is the name of the need."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"missing: {fact}")
        self.fact = fact


class Stale(Refused):
    """Somebody else changed the row since it was read."""


class TooLong(Refused):
    """A text has more characters than are kept of it. It is never cut: `field` holds it, `most` is how many it may
    have."""

    def __init__(self, field: str, most: int) -> None:
        super().__init__(f"{field} is longer than {most}")
        self.field, self.most = field, most


@dataclass(frozen=True)
class Need:
    """A fact that must hold once the move's facts are on the row."""

    name: str
    holds: Callable[[Any], bool]


def has(*columns: str) -> Need:
    """The row needs a value in each of these columns."""
    return Need(
        " and ".join(column.removesuffix("_id").replace("_", " ") for column in columns),
        lambda row: all(getattr(row, column) for column in columns),
    )


@dataclass(frozen=True)
class Move:
    """One row of a table of moves.

    `source` is empty where the row begins. `who` lists role letters and then, each after a `=`, the moves of an upper
    machine that this one follows. `tells` names whom the verb writes to: A and E the desk, X the expert, R the readers.
    """

    action: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    who: str
    needs: tuple[Need, ...] = ()
    tells: str = ""

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.who.partition("=")[0].split())

    @property
    def causes(self) -> frozenset[str]:
        return frozenset(cause.strip() for cause in self.who.split("=")[1:])


@dataclass(frozen=True)
class Machine:
    noun: str
    states: tuple[str, ...]
    moves: tuple[Move, ...]

    def move(self, action: str, state: str | None) -> Move:
        """The row of the table for `action` from `state` (None: the row is new). Raises `Illegal`."""
        for move in self.moves:
            if move.action == action and (state in move.source if move.source else state is None):
                return move
        raise Illegal(self.noun, action, state)

    def open_to(self, actor: Actor, row: Any) -> list[str]:
        """The actions that this actor could take from where the row stands; what the pages draw buttons from."""
        return [move.action for move in self.moves if row.state in move.source and move.roles & actor.roles]

    def apply(
        self,
        session: Session,
        actor: Actor,
        row: Any,
        action: str,
        *,
        to: str | None = None,
        cause: str | None = None,
        at: datetime | None = None,
        why: dict[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        """Set the facts, check the needs, write the state and its audit row. The only writer of a state column.

        `to` chooses where the table leaves a choice; `cause` is the upper move that this one follows; `at` blurs the
        time where a reader's minute must not be kept; `why` goes into the audit row (ids and numbers, never a person's
        words). Raises `Illegal`, `NotYours` or `Missing`.
        """
        old = row.state
        move = self.move(action, old)
        if not (cause in move.causes if cause else move.roles & actor.roles):
            raise NotYours(f"{actor.ref} may not {action} a {self.noun}")
        target = to or move.target[0]
        if target not in move.target:
            raise Illegal(self.noun, f"{action} to {target}", old)
        for fact, value in facts.items():
            setattr(row, fact, value)
        for need in move.needs:
            if not need.holds(row):
                raise Missing(need.name)
        moment = at or now(session)
        row.state, row.state_at = target, moment
        session.add(row)
        session.flush()
        audit.record(session, actor, f"{self.noun}.{action}", row, old=old, new=target, at=moment, facts=why)


def as_rows(machines: Sequence[Machine]) -> list[tuple[str, str, str, str, str, str]]:
    """All tables as words, one row a move: machine, action, from > to, who, needs, tells."""

    def arrow(move: Move) -> str:
        return f"{', '.join(move.source)} > {', '.join(move.target)}".strip()

    return [
        (machine.noun, move.action, arrow(move), move.who, "; ".join(need.name for need in move.needs), move.tells)
        for machine in machines
        for move in machine.moves
    ]


def must(actor: Actor, roles: str) -> None:
    """Raise `NotYours` unless the actor has one of the role letters."""
    if not actor.roles & frozenset(roles):
        raise NotYours(actor.ref)


def within(field: str, text: str, most: int) -> str:
    """The text, where it has no more characters than that. Raises `TooLong`."""
    if len(text) > most:
        raise TooLong(field, most)
    return text


def expect(row: Any, version: int | None) -> None:
    """Raise `Stale` when the row is no longer the version that the actor had before their eyes."""
    if version is not None and row.version != version:
        raise Stale(f"{type(row).__name__.lower()} is at version {row.version}, not {version}")
