"""The state machine engine. Each noun's `lifecycle.py` holds a table of moves; `Machine.apply` makes one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, overload

from sqlalchemy import ColumnElement, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from .. import audit
from ..db.session import now
from .actors import Actor
from .domain_errors import (
    InvalidTransition,
    MissingField,
    MissingPrecondition,
    PermissionDenied,
    TooLong,
    VersionConflict,
)
from .permissions import may


class StateSet(tuple[str, ...]):
    """The states of a noun in which some property holds.

    As an attribute of a model it is a bool on an instance, and a condition for queries on the class.
    """

    @overload
    def __get__(self, row: None, model: Any) -> ColumnElement[bool]: ...

    @overload
    def __get__(self, row: object, model: Any) -> bool: ...

    def __get__(self, row: Any, model: Any) -> Any:
        if row is not None:
            return row.state in self
        return model.state == self[0] if len(self) == 1 else model.state.in_(self)


class StateMixin:
    """The columns of a row with a state machine: its state, and when it entered that state."""

    state: Mapped[str | None] = mapped_column(String(20), nullable=False)
    state_at: Mapped[datetime]


class States(dict[str, str]):
    """The states of a noun, each mapped to the properties that hold in it, separated by blanks.

    Being in a state is an implicit property: "is_open" holds in "open".
    """

    @cached_property
    def _properties(self) -> dict[str, StateSet]:
        there: dict[str, list[str]] = {}
        for state, holds in self.items():
            for name in (f"is_{state.replace(' ', '_')}", *holds.split()):
                there.setdefault(name, []).append(state)
        return {name: StateSet(states) for name, states in there.items()}

    def which(self, name: str) -> StateSet:
        """Return the states in which a property holds. Raises KeyError if there are none."""
        if name not in self._properties:
            raise KeyError(f"{name} holds in no state: write it into the rows of those in which it does")
        return self._properties[name]


@dataclass(frozen=True)
class Precondition:
    """A condition on the row after the move's facts have been set. `name` appears in the tables of moves, `key` in the
    code of the error."""

    name: str
    key: str
    holds: Callable[[Any], bool]

    def require(self, row: Any) -> None:
        """Raise `MissingPrecondition` if it does not hold for this row."""
        if not self.holds(row):
            raise MissingPrecondition(self.key)


def requires(*columns: str) -> Precondition:
    """Return a precondition that each of these columns has a value."""
    return Precondition(
        " and ".join(column.removesuffix("_id").replace("_", " ") for column in columns),
        f"{'_and_'.join(column.removesuffix('_id') for column in columns)}_missing",
        lambda row: all(getattr(row, column) for column in columns),
    )


@dataclass(frozen=True)
class Move:
    """One row of a table of moves.

    `source` is empty for the move that creates the row. `act` is the act that allows the move, or several, separated
    by commas, any of which suffices. `after` names the moves of an upper machine that this one follows; with `after`
    alone, no actor can make it directly. `tells` names whom the verb notifies: A and E the desk, X the expert, T the
    translator, R the readers.
    """

    action: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    act: str = ""
    after: str = ""
    needs: tuple[Precondition, ...] = ()
    tells: str = ""

    @property
    def acts(self) -> list[str]:
        return self.act.split(", ") if self.act else []

    @property
    def who(self) -> str:
        """The acts, then the moves that this one follows, each prefixed with `=`, as in docs/lifecycle.md."""
        return " ".join(filter(None, (self.act, *(f"={cause}" for cause in filter(None, self.after.split(", "))))))


@dataclass(frozen=True, eq=False)
class Machine:
    noun: str
    states: States
    moves: tuple[Move, ...]

    def move(self, action: str, state: str | None) -> Move:
        """Return the move for `action` from `state` (None for a new row). Raises `InvalidTransition`."""
        for move in self.moves:
            if move.action == action and (state in move.source if move.source else state is None):
                return move
        raise InvalidTransition(self.noun, action, state)

    def leads(self, state: str | None, action: str) -> bool:
        """Return whether `action` is possible from `state`, for verbs that skip a move that isn't."""
        return any(move.action == action and state in move.source for move in self.moves)

    def open_to(self, actor: Actor, row: Any) -> list[str]:
        """Return the actions that the actor may take from the row's state; pages derive their buttons from this."""
        return [move.action for move in self.moves if row.state in move.source and may(actor, *move.acts)]

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
        """Set the facts, check the preconditions, write the state and its audit row. The only writer of a state column.

        `to` picks the target if the move has several; `cause` is the upper move that this one follows; `at` replaces
        the current time where a reader's exact minute must not be stored; `why` goes into the audit row (ids and
        numbers, never a person's words). Raises `InvalidTransition`, `PermissionDenied` or `MissingPrecondition`.
        """
        old = row.state
        move = self.move(action, old)
        if not (cause in move.after.split(", ") if cause else may(actor, *move.acts)):
            raise PermissionDenied(f"{actor.ref} may not {action} a {self.noun}")
        target = to or move.target[0]
        if target not in move.target:
            raise InvalidTransition(self.noun, f"{action} to {target}", old)
        for fact, value in facts.items():
            setattr(row, fact, value)
        for need in move.needs:
            need.require(row)
        moment = at or now(session)
        row.state, row.state_at = target, moment
        session.add(row)
        audit.record(session, actor, f"{self.noun}.{action}", row, old=old, new=target, at=moment, facts=why)


def list_moves(machines: Sequence[Machine]) -> list[tuple[str, str, str, str, str, str]]:
    """Return all moves as text, one row each: machine, action, from > to, who, needs, tells."""

    def arrow(move: Move) -> str:
        return f"{', '.join(move.source)} > {', '.join(move.target)}".strip()

    return [
        (machine.noun, move.action, arrow(move), move.who, "; ".join(need.name for need in move.needs), move.tells)
        for machine in machines
        for move in machine.moves
    ]


def must(actor: Actor, *acts: str) -> None:
    """Raise `PermissionDenied` unless the actor may do any of these acts (see `permissions`)."""
    if not may(actor, *acts):
        raise PermissionDenied(f"{actor.ref} may not {acts[0]}")


def require_text(field: str, text: str) -> str:
    """Return the text. Raises `MissingField` if it is empty."""
    if not text:
        raise MissingField(field)
    return text


def require_length(field: str, text: str, max_length: int) -> str:
    """Return the text. Raises `TooLong` if it has more than `max_length` characters."""
    if len(text) > max_length:
        raise TooLong(field, max_length)
    return text


def check_version(row: Any, version: int | None) -> None:
    """Raise `VersionConflict` if the row no longer has the version that the actor saw; None skips the check."""
    if version is not None and row.version != version:
        raise VersionConflict(f"{type(row).__name__.lower()} is at version {row.version}, not {version}")
