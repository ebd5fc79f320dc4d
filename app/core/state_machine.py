"""State machines. Each noun's `lifecycle.py` has a table of moves, and `Machine.apply` carries out one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import product
from typing import Any, overload

from sqlalchemy import ColumnElement, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from .. import audit
from ..audit.queries import find_latest_move
from ..db.session import now
from .actors import Actor, Staff
from .domain_errors import (
    InvalidTransition,
    MissingField,
    MissingPrecondition,
    PermissionDenied,
    PressedTooSoon,
    TooLong,
    VersionConflict,
)
from .permissions import may

PAUSE = timedelta(seconds=1)  # how long a form must have been shown before it can take back the last move of its row


class StateSet(tuple[str, ...]):
    """The states in which a property holds, such as `is_open`.

    As an attribute of a model it is a descriptor: `question.is_open` is a bool, `Question.is_open` an SQL condition.
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
    """The columns of a model with a state machine: the current state, and when the row entered it."""

    # The state is None only before the move that creates the row.
    state: Mapped[str | None] = mapped_column(String(20), nullable=False)
    state_at: Mapped[datetime]


class States(dict[str, str]):
    """The states of a noun, each mapped to the properties that hold in it, as words separated by spaces.

    Every state also has a property of its own: `is_open` holds in "open" without being listed.
    """

    @cached_property
    def _properties(self) -> dict[str, StateSet]:
        states_by_property: dict[str, list[str]] = {}
        for state, properties in self.items():
            own_property = f"is_{state.replace(' ', '_')}"
            for name in (own_property, *properties.split()):
                states_by_property.setdefault(name, []).append(state)
        return {name: StateSet(states) for name, states in states_by_property.items()}

    def which(self, name: str) -> StateSet:
        """Return the states in which a property holds. Raises KeyError if there are none."""
        if name not in self._properties:
            raise KeyError(f"{name} holds in no state: write it into the rows of those in which it does")
        return self._properties[name]


@dataclass(frozen=True)
class Precondition:
    """A condition that a row must meet for a move, checked after the move's new values have been set.

    `name` is shown in the printed tables of moves; `key` is the key of the `MissingPrecondition`.
    """

    name: str
    key: str
    holds: Callable[[Any], bool]

    def require(self, row: Any) -> None:
        """Raise `MissingPrecondition` if the row does not meet the condition."""
        if not self.holds(row):
            raise MissingPrecondition(self.key)


def requires(*columns: str) -> Precondition:
    """Return the precondition that each of these columns has a value."""
    names = [column.removesuffix("_id") for column in columns]
    return Precondition(
        " and ".join(name.replace("_", " ") for name in names),
        f"{'_and_'.join(names)}_missing",
        lambda row: all(getattr(row, column) for column in columns),
    )


@dataclass(frozen=True)
class Move:
    """One row of a table of moves: from one of the states in `source` to one of those in `target`.

    `source` is empty for the move that creates the row. `act` lists the acts that permit the move, separated by ", ";
    any one of them is enough. `after` lists the moves of another machine that cause this one, separated by ", "; a move
    with `after` and no `act` can't be made directly. `tells` only documents whom the verb notifies: A and E stand for
    the desk, X for the expert, T for the translator, R for the readers.
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
    def causes(self) -> list[str]:
        return self.after.split(", ") if self.after else []

    @property
    def who(self) -> str:
        """Return who may make the move, as in docs/lifecycle.md: the acts, then the causes, each prefixed with "="."""
        acts = [self.act] if self.act else []
        return " ".join([*acts, *(f"={cause}" for cause in self.causes)])


@dataclass(frozen=True, eq=False)
class Machine:
    """The states of a noun and the moves between them."""

    noun: str
    states: States
    moves: tuple[Move, ...]
    # States that the trail doesn't name, as nothing is deleted from it, by the one that it names instead.
    unrecorded_states: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def opposites(self) -> frozenset[tuple[str, str]]:
        """The pairs of actions of which the second, pressed by somebody, can lead back from where the first led.

        "undo" isn't among them: its button stands in the notice about what was done, where no other button was.
        """
        moves = [move for move in self.moves if move.action != "undo"]
        return frozenset(
            (first.action, second.action)
            for first, second in product(moves, repeat=2)
            if second.act
            and first.action != second.action
            and set(first.target) & set(second.source)
            and set(second.target) & set(first.source)
        )

    def find_move(self, action: str, state: str | None) -> Move:
        """Return the move for `action` from `state`; None is the state before a row is created.

        Raises `InvalidTransition`.
        """
        for move in self.moves:
            starts_here = state in move.source if move.source else state is None
            if move.action == action and starts_here:
                return move
        raise InvalidTransition(self.noun, action, state)

    def has_move(self, action: str, state: str | None) -> bool:
        """Return whether `action` is possible from `state`, for verbs that skip an impossible move."""
        return any(move.action == action and state in move.source for move in self.moves)

    def list_allowed_actions(self, actor: Actor, row: Any) -> list[str]:
        """Return the actions that the actor may take in the row's state; pages derive their buttons from them."""
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
        """Carry out a move: set the `facts`, check the preconditions, write the new state and an audit event.

        This is the only code that writes a state column. `facts` are new values of the row's columns. `to` picks the
        target state if the move has several. `cause` is the move in `Move.after` that triggers this one; it replaces
        the check of the actor's permission. `at` replaces the current time where a reader's exact minute must not be
        stored. `why` is stored in the audit event: ids and numbers, never a person's words.

        Raises `InvalidTransition`, `PermissionDenied`, `PressedTooSoon` or `MissingPrecondition`.
        """
        old_state = row.state
        move = self.find_move(action, old_state)
        is_permitted = cause in move.causes if cause else may(actor, *move.acts)
        if not is_permitted:
            raise PermissionDenied(f"{actor.ref} may not {action} a {self.noun}")
        if isinstance(actor, Staff) and not cause:
            self._require_pause(session, actor, row, action)
        new_state = to or move.target[0]
        if new_state not in move.target:
            raise InvalidTransition(self.noun, f"{action} to {new_state}", old_state)
        for column, value in facts.items():
            setattr(row, column, value)
        for precondition in move.needs:
            precondition.require(row)
        moved_at = at or now(session)
        row.state, row.state_at = new_state, moved_at
        session.add(row)
        old, new = (self.unrecorded_states.get(state, state) for state in (old_state or "", new_state))
        audit.record(session, actor, f"{self.noun}.{action}", row, old=old or None, new=new, at=moved_at, facts=why)

    def _require_pause(self, session: Session, actor: Staff, row: Any, action: str) -> None:
        """Raise `PressedTooSoon` if the actor takes back their own move with a form that was just shown.

        A page has the button for the way back where the button for the way there was. The second click of a double
        click would hit it.
        """
        shown_at = actor.form_shown_at
        if shown_at is None or now(session) - shown_at >= PAUSE:
            return
        latest = find_latest_move(session, type(row).__name__.lower(), row.id)
        if latest is None or latest.actor != actor.ref or latest.at > shown_at:
            return
        if (latest.action.partition(".")[2], action) in self.opposites:
            raise PressedTooSoon(f"{latest.action}, then {action}")


def list_moves(machines: Sequence[Machine]) -> list[tuple[str, str, str, str, str, str]]:
    """Return a printable row for each move: noun, action, "source > target", who may make it, needs, tells."""
    rows = []
    for machine in machines:
        for move in machine.moves:
            states = f"{', '.join(move.source)} > {', '.join(move.target)}".strip()
            needs = "; ".join(precondition.name for precondition in move.needs)
            rows.append((machine.noun, move.action, states, move.who, needs, move.tells))
    return rows


def must(actor: Actor, *acts: str) -> None:
    """Raise `PermissionDenied` unless the actor may do at least one of these acts (see `permissions`)."""
    if not may(actor, *acts):
        raise PermissionDenied(f"{actor.ref} may not {acts[0]}")


def require_text(field: str, text: str) -> str:
    """Return the text unchanged. Raises `MissingField` if it is empty."""
    if not text:
        raise MissingField(field)
    return text


def require_length(field: str, text: str, max_length: int) -> str:
    """Return the text unchanged. Raises `TooLong` if it has more than `max_length` characters."""
    if len(text) > max_length:
        raise TooLong(field, max_length)
    return text


def check_version(row: Any, version: int | None) -> None:
    """Raise `VersionConflict` unless `version`, which the actor saw, is still the row's. None skips the check."""
    if version is not None and row.version != version:
        raise VersionConflict(f"{type(row).__name__.lower()} is at version {row.version}, not {version}")
