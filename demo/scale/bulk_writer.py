"""Bulk inserts for the demo at scale: keys are assigned in advance, and events are inserted in the order of time."""

import gc
import heapq
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
RowValues = dict[str, Any]
BATCH_SIZE = 10_000  # rows of a table after which all rows are written
ROWS_PER_STATEMENT = 512  # on SQLite
MAX_PARAMS = 32_766  # of a statement, SQLite's default since version 3.32; SQLCipher's driver can't be asked
CACHE_SIZE = 512 * 1024  # KiB of SQLite's page cache during the inserts
# A row and its text refer to each other, so the row is first inserted with the values that it has without a text.
VALUES_WITHOUT_TEXT: dict[str, RowValues] = {
    "questions": {"text_id": None},
    "answers": {"text_id": None, "approved_text_id": None, "state": "draft"},
}
_CHARACTER_PAIRS = ["".join(pair) for pair in product(CROCKFORD, repeat=2)]  # indexed by ten bits


class WeightedChoice(Generic[T]):
    """A random choice among values with different weights."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._values, self._cumulative_weights = list(weights), list(accumulate(weights.values()))

    def pick(self, rng: Random) -> T:
        return rng.choices(self._values, cum_weights=self._cumulative_weights)[0]


def pick_random(rng: Random, values: Sequence[T]) -> T:
    """Return a random value, in a third of the time of `rng.choice`."""
    return values[int(rng.random() * len(values))]


class BulkWriter:
    """Inserts rows in the session's transaction, directly through the driver for speed.

    A thread writes one batch while the next is generated, so nothing else may use the transaction until `close`.
    """

    def __init__(self, session: Session, rng: Random) -> None:
        self.session, self.rng = session, rng
        self.keyring: Keys = get_keyring(session)
        self._rows: dict[Any, list[RowValues]] = {}
        self._last_keys: dict[Any, int] = {}
        self._pending_events: list[tuple[datetime, int, RowValues]] = []  # a heap
        self._event_numbers = count()
        self._executor = ThreadPoolExecutor(1, "demo-writer")
        self._batch: Future[None] | None = None

    def __enter__(self) -> "BulkWriter":
        return self

    def __exit__(self, *_error: object) -> None:
        self._executor.shutdown()  # finish the current batch before the transaction ends, also after an error

    def next_key(self, model: Any) -> int:
        """Return the next key of a table; the row may be added later."""
        if model not in self._last_keys:
            self._wait_for_batch()
            self._last_keys[model] = max(0, self.session.scalar(select(func.max(model.id))) or 0)
        self._last_keys[model] += 1
        return self._last_keys[model]

    def new_public_id(self) -> str:
        bits = self.rng.getrandbits(60)
        return "".join([_CHARACTER_PAIRS[bits >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)])

    def add(self, model: Any, **values: Any) -> int:
        """Add a row, with a new key and public ID if it has none. Return its key, or 0 for a table without one."""
        has_key, has_public_id = _has_key_and_public_id(model)
        if has_key and "id" not in values:
            values["id"] = self.next_key(model)
        if has_public_id and "public_id" not in values:
            values["public_id"] = self.new_public_id()
        self._rows.setdefault(model, []).append(values)
        return int(values.get("id", 0))

    def move(
        self,
        machine: Machine,
        row_type: str,
        key: int,
        action: str,
        state: str | None,
        moved_at: datetime,
        actor: str,
        *,
        newsletter_id: int | None,
        question_id: int | None = None,
        target_state: str | None = None,
        facts: RowValues | None = None,
    ) -> str:
        """Record the event of a transition, and return the new state. The caller adds the row with this state.

        Raises `InvalidTransition`, and ValueError if the action doesn't lead to `target_state`.
        """
        move = machine.find_move(action, state)
        target = target_state or move.target[0]
        if target not in move.target:
            raise ValueError(f"no {action} of a {machine.noun} to {target}")
        self.record_event(
            moved_at,
            actor,
            f"{machine.noun}.{action}",
            row_type,
            key,
            newsletter_id,
            question_id,
            old_state=state,
            new_state=target,
            facts=facts,
        )
        return target

    def record_event(
        self,
        recorded_at: datetime,
        actor: str,
        action: str,
        row_type: str,
        key: int,
        newsletter_id: int | None,
        question_id: int | None = None,
        *,
        old_state: str | None = None,
        new_state: str | None = None,
        facts: RowValues | None = None,
    ) -> None:
        """Record an event; events may be recorded in any order.

        `actor` is an actor's `ref`, `row_type` the name of the model in lower case.
        """
        event = {
            "at": recorded_at,
            "actor": actor,
            "action": action,
            "noun": row_type,
            "noun_id": key,
            "newsletter_id": newsletter_id,
            "question_id": question_id,
            "old": old_state,
            "new": new_state,
            "facts": facts,
        }
        heapq.heappush(self._pending_events, (recorded_at, next(self._event_numbers), event))

    def add_events_until(self, time: datetime) -> None:
        """Add the events up to `time` to the trail, in the order of time. Write all rows if a batch is full."""
        events = self._rows.setdefault(Event, [])
        while self._pending_events and self._pending_events[0][0] <= time:
            event = heapq.heappop(self._pending_events)[2]
            event["id"] = self.next_key(Event)
            events.append(event)
        if any(len(rows) >= BATCH_SIZE for rows in self._rows.values()):
            self._start_batch()

    def _start_batch(self) -> None:
        """Start writing all added rows, after the previous batch is written."""
        self._wait_for_batch()
        rows, self._rows = self._rows, {}
        self._batch = self._executor.submit(_write_batch, self.session.connection(), rows)

    def _wait_for_batch(self) -> None:
        if self._batch:
            self._batch.result()
        self._batch = None

    def close(self) -> None:
        """Write the last rows, and set the sequences of PostgreSQL to the keys that were used."""
        self._start_batch()
        self._wait_for_batch()
        if self.session.get_bind().dialect.name == "postgresql":
            for model, last_key in self._last_keys.items():
                sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
                self.session.execute(select(func.setval(sequence, last_key)))


@cache
def _has_key_and_public_id(model: Any) -> tuple[bool, bool]:
    columns = model.__table__.c
    return "id" in columns, "public_id" in columns


def _write_batch(connection: Connection, rows_by_model: dict[Any, list[RowValues]]) -> None:
    """Insert rows, parents before children."""
    rows_by_table = {model.__table__: rows for model, rows in rows_by_model.items()}
    for table in Base.metadata.sorted_tables:
        if rows := rows_by_table.get(table):
            _insert_rows(connection, table, rows)
    for model in (Question, Answer):
        _update_text_columns(connection, model.__table__, rows_by_model.get(model, []))


def _update_text_columns(connection: Connection, table: Any, rows: list[RowValues]) -> None:
    """Update the columns that could only be set once the rows' texts were inserted."""
    columns = list(VALUES_WITHOUT_TEXT[table.name])
    params = [{f"row_{column}": row.get(column) for column in ("id", *columns)} for row in rows if row.get("text_id")]
    if params:
        statement = update(table).where(table.c.id == bindparam("row_id"))
        connection.execute(statement.values({column: bindparam(f"row_{column}") for column in columns}), params)


def _insert_rows(connection: Connection, table: Any, rows: list[RowValues]) -> None:
    """Insert rows through the driver, many per statement on SQLite and with `COPY` on PostgreSQL.

    Both are five times faster than row by row.
    """
    names: set[str] = set().union(*rows)
    columns = [column for column in table.columns if column.key in names or _has_default(column)]
    if table.name in VALUES_WITHOUT_TEXT:
        rows = [row | VALUES_WITHOUT_TEXT[table.name] if row.get("text_id") else row for row in rows]
    dialect = connection.dialect
    records = list(zip(*(_bind_column(column, rows, dialect) for column in columns), strict=True))
    driver: Any = connection.connection.dbapi_connection
    column_list = ", ".join(dialect.identifier_preparer.quote(column.name) for column in columns)
    target = f"{table.name} ({column_list})"
    if dialect.name == "sqlite":
        _insert_into_sqlite(driver, target, len(columns), records)
        return
    with driver.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for record in records:
            copy.write_row(record)


def _insert_into_sqlite(driver: Any, target: str, width: int, records: list[tuple[Any, ...]]) -> None:
    """Insert many records per statement. `target` is a table with the names of `width` columns.

    The driver needs the GIL between statements, so long statements let other threads work. The sizes are powers of two,
    so that there are few different statements.
    """
    size, start = ROWS_PER_STATEMENT, 0
    max_size = MAX_PARAMS // width
    while start < len(records):
        while size > min(max_size, len(records) - start):
            size //= 2
        params = [value for record in records[start : start + size] for value in record]
        driver.execute(_build_insert(target, width, size), params)
        start += size


@cache
def _build_insert(target: str, width: int, size: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"INSERT INTO {target} VALUES {', '.join([row] * size)}"  # noqa: S608 - names of our own tables


def _bind_column(column: Any, rows: list[RowValues], dialect: Any) -> list[Any]:
    """Return a column's values in all rows, converted for the driver."""
    default: Any = column.default.arg if _has_default(column) else None
    values = [row.get(column.key, default) for row in rows]
    if callable(default):
        values = [default(None) if value is default else value for value in values]
    bind = column.type.dialect_impl(dialect).bind_processor(dialect)
    if bind is None:
        return values
    is_sqlite_time = dialect.name == "sqlite" and isinstance(column.type, UTCDateTime)
    convert = _speed_up_utc(bind) if is_sqlite_time else bind
    return [None if value is None else convert(value) for value in values]


def _speed_up_utc(bind: Callable[[datetime], Any]) -> Callable[[datetime], Any]:
    """Return a faster bind function of SQLite for times that are already in UTC, as nearly all are."""

    def bind_time(time: datetime) -> Any:
        if time.tzinfo is UTC:
            return time.replace(tzinfo=None).isoformat(" ", "microseconds")
        return bind(time)

    return bind_time


def _has_default(column: Any) -> bool:
    return column.default is not None and not column.default.is_sequence


@contextmanager
def bulk_insert_mode(session: Session) -> Iterator[None]:
    """Speed up inserts: disable garbage collection, and tune SQLite.

    There are no reference cycles among the rows, but many objects for the collector to examine.
    """
    gc.disable()
    try:
        with _tune_sqlite(session):
            yield
    finally:
        gc.enable()


@contextmanager
def _tune_sqlite(session: Session) -> Iterator[None]:
    """Enlarge the page cache, and drop the trigger that keeps an INSERT from replacing an event.

    The trigger triples the time of an insert, and all keys are new. It is recreated before the transaction ends.
    """
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    cache_size = session.scalar(text("PRAGMA cache_size"))
    session.execute(text(f"PRAGMA cache_size = -{CACHE_SIZE}"))
    session.execute(text("DROP TRIGGER IF EXISTS audit_is_append_only_insert"))
    yield
    protect(session.connection())
    session.execute(text(f"PRAGMA cache_size = {cache_size}"))
