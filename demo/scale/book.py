"""Bulk inserts for the demo at scale, with keys assigned beforehand, states by the state machines, events in order."""

import gc
import heapq
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate, count, product
from random import Random
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, bindparam, func, select, text, update
from sqlalchemy.orm import Session

from app.answers.models import Answer
from app.audit import Event
from app.core.state_machine import Machine
from app.crypto.seal import Keys
from app.db.ids import CROCKFORD
from app.db.session import get_keyring
from app.db.types import UTCDateTime
from app.models import Base
from app.questions.models import Question
from migrations.append_only import protect

T = TypeVar("T")
BATCH = 10_000  # rows of a table after which all rows are written
AT_ONCE = 512  # rows in one statement on SQLite
CACHE = 512 * 1024  # KiB of SQLite's page cache while the book is written
# A row and its text refer to each other, so the row is first inserted with the values that it has without a text.
FIRST: dict[str, dict[str, Any]] = {
    "questions": {"text_id": None},
    "answers": {"text_id": None, "approved_text_id": None, "state": "draft"},
}
_PAIRS = ["".join(pair) for pair in product(CROCKFORD, repeat=2)]  # indexed by ten bits


class Chances(Generic[T]):
    """A choice among things with different weights."""

    def __init__(self, shares: Mapping[T, float]) -> None:
        self._things, self._sums = list(shares), list(accumulate(shares.values()))

    def drawn(self, rng: Random) -> T:
        return rng.choices(self._things, cum_weights=self._sums)[0]


def any_of(rng: Random, things: Sequence[T]) -> T:
    """Return a random one, in a third of the time of `rng.choice`."""
    return things[int(rng.random() * len(things))]


class Book:
    """Writes rows in the session's transaction, with the columns' types but directly through the driver, for speed.

    A thread writes one batch while the next is generated, so nothing else may use the transaction until `close`.
    """

    def __init__(self, session: Session, rng: Random) -> None:
        self.session, self.rng = session, rng
        self.ring: Keys = get_keyring(session)
        self._rows: dict[Any, list[dict[str, Any]]] = {}
        self._last: dict[Any, int] = {}
        self._trail: list[tuple[datetime, int, dict[str, Any]]] = []
        self._number = count()
        self._hand = ThreadPoolExecutor(1, "demo-book")
        self._writing: Future[None] | None = None

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_fault: object) -> None:
        self._hand.shutdown()  # finish the current batch before the transaction ends, also after an error

    def key(self, model: Any) -> int:
        """Return the next key of a table; the row may be added later."""
        if model not in self._last:
            self._settle()
            self._last[model] = max(0, self.session.scalar(select(func.max(model.id))) or 0)
        self._last[model] += 1
        return self._last[model]

    def public_id(self) -> str:
        bits = self.rng.getrandbits(60)
        return "".join([_PAIRS[bits >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)])

    def add(self, model: Any, **values: Any) -> int:
        """Add a row, with a new key and public ID if it has none. Return its key, 0 for a table without one."""
        has_key, has_public_id = _names(model)
        if has_key and "id" not in values:
            values["id"] = self.key(model)
        if has_public_id and "public_id" not in values:
            values["public_id"] = self.public_id()
        self._rows.setdefault(model, []).append(values)
        return int(values.get("id", 0))

    def move(
        self,
        machine: Machine,
        noun: str,
        key: int,
        action: str,
        state: str | None,
        at: datetime,
        actor: str,
        *,
        newsletter_id: int | None,
        question_id: int | None = None,
        to: str | None = None,
        why: dict[str, Any] | None = None,
    ) -> str:
        """Make a transition of a state machine: add its event to the trail, and return the new state.

        Raises `InvalidTransition`, and ValueError if the action doesn't lead to the state `to`.
        """
        move = machine.find_move(action, state)
        target = to or move.target[0]
        if target not in move.target:
            raise ValueError(f"no {action} of a {machine.noun} to {target}")
        self.tell(at, actor, f"{machine.noun}.{action}", noun, key, newsletter_id, question_id, state, target, why)
        return target

    def tell(
        self,
        at: datetime,
        actor: str,
        action: str,
        noun: str,
        key: int,
        newsletter_id: int | None,
        question_id: int | None = None,
        old: str | None = None,
        new: str | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        event = {
            "at": at,
            "actor": actor,
            "action": action,
            "noun": noun,
            "noun_id": key,
            "newsletter_id": newsletter_id,
            "question_id": question_id,
            "old": old,
            "new": new,
            "facts": facts,
        }
        heapq.heappush(self._trail, (at, next(self._number), event))

    def turn(self, until: datetime) -> None:
        """Move the events up to `until` into the trail, in the order of time. Write all rows if a batch is full."""
        events = self._rows.setdefault(Event, [])
        while self._trail and self._trail[0][0] <= until:
            event = heapq.heappop(self._trail)[2]
            event["id"] = self.key(Event)
            events.append(event)
        if any(len(rows) >= BATCH for rows in self._rows.values()):
            self.write()

    def write(self) -> None:
        """Start writing all waiting rows, parents before children, after the previous batch is written."""
        self._settle()
        rows, self._rows = self._rows, {}
        self._writing = self._hand.submit(_write_all, self.session.connection(), rows)

    def _settle(self) -> None:
        if self._writing:
            self._writing.result()
        self._writing = None

    def close(self) -> None:
        """Write the last rows, and set the sequences of PostgreSQL to the keys that were used."""
        self.write()
        self._settle()
        if self.session.get_bind().dialect.name == "postgresql":
            for model, last in self._last.items():
                sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
                self.session.execute(select(func.setval(sequence, last)))


@cache
def _names(model: Any) -> tuple[bool, bool]:
    columns = model.__table__.c
    return "id" in columns, "public_id" in columns


def _write_all(connection: Connection, rows: dict[Any, list[dict[str, Any]]]) -> None:
    by_table = {model.__table__: some for model, some in rows.items()}
    for table in Base.metadata.sorted_tables:
        if by_table.get(table):
            write_rows(connection, table, by_table[table])
    for model in (Question, Answer):
        _complete(connection, model, rows.get(model, []))


def _complete(connection: Connection, model: Any, rows: list[dict[str, Any]]) -> None:
    """Set the columns of rows that could only be set once their texts were inserted."""
    names = ("id", *FIRST[model.__tablename__])
    if found := [{f"its_{name}": row.get(name) for name in names} for row in rows if row.get("text_id")]:
        table = model.__table__
        changed = update(table).where(table.c.id == bindparam("its_id"))
        connection.execute(changed.values({name: bindparam(f"its_{name}") for name in names[1:]}), found)


def write_rows(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows through the driver, by many rows per statement on SQLite and `COPY` on PostgreSQL: five times faster
    than row by row.
    """
    given, dialect = set().union(*rows), connection.dialect
    columns = [column for column in table.columns if column.key in given or _has_default(column)]
    first = [row | FIRST[table.name] if row.get("text_id") else row for row in rows] if table.name in FIRST else rows
    values = zip(*(_bound(column, first, dialect) for column in columns), strict=True)
    driver: Any = connection.connection.dbapi_connection
    names = ", ".join(dialect.identifier_preparer.quote(column.name) for column in columns)
    if dialect.name == "sqlite":
        _insert(driver, f"{table.name} ({names})", len(columns), list(values))
        return
    with driver.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _insert(driver: sqlite3.Connection, where: str, width: int, rows: list[tuple[Any, ...]]) -> None:
    """Insert many rows per statement on SQLite. The driver needs the GIL between statements, so with long ones it works
    while other threads do. Their sizes are powers of two, so that there are few different statements.
    """
    at_once, start = AT_ONCE, 0
    most = driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width
    while start < len(rows):
        while at_once > min(most, len(rows) - start):
            at_once //= 2
        some = rows[start : start + at_once]
        driver.execute(_statement(where, width, at_once), [value for row in some for value in row])
        start += at_once


@cache
def _statement(where: str, width: int, rows: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"INSERT INTO {where} VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of our own tables


def _bound(column: Any, rows: list[dict[str, Any]], dialect: Any) -> list[Any]:
    """Return a column's values in all rows, converted for the driver."""
    default, name = column.default.arg if _has_default(column) else None, column.key
    found = [row.get(name, default) for row in rows]
    if callable(default):
        found = [value(None) if value is default else value for value in found]
    bind = column.type.dialect_impl(dialect).bind_processor(dialect)
    if bind and dialect.name == "sqlite" and isinstance(column.type, UTCDateTime):
        bind = _in_short(bind)
    return [None if value is None else bind(value) for value in found] if bind else found


def _in_short(bind: Callable[[datetime], Any]) -> Callable[[datetime], Any]:
    """Return a faster bind function of SQLite for times that are already in UTC, as nearly all are."""
    return lambda at: at.replace(tzinfo=None).isoformat(" ", "microseconds") if at.tzinfo is UTC else bind(at)


def _has_default(column: Any) -> bool:
    return column.default is not None and not column.default.is_sequence


@contextmanager
def many_at_once(session: Session) -> Iterator[None]:
    """Speed up bulk inserts: enlarge SQLite's cache, and drop the trigger that keeps an INSERT from replacing an event.
    The trigger triples the time of an insert, and the keys are new. It is recreated before the transaction ends.

    Garbage collection is disabled: there are no reference cycles among the rows, but many objects to examine.
    """
    gc.disable()
    try:
        with _room_of_sqlite(session):
            yield
    finally:
        gc.enable()


@contextmanager
def _room_of_sqlite(session: Session) -> Iterator[None]:
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    before = session.scalar(text("PRAGMA cache_size"))
    session.execute(text(f"PRAGMA cache_size = -{CACHE}"))
    session.execute(text("DROP TRIGGER IF EXISTS audit_is_append_only_insert"))
    yield
    protect(session.connection())
    session.execute(text(f"PRAGMA cache_size = {before}"))
