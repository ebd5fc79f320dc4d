"""Rows on their way in, many at a time: keys that are known beforehand, states by the tables of moves, the trail in
order."""

import heapq
from base64 import b32encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.answers.models import Answer
from app.audit import Event
from app.db import CROCKFORD, keys
from app.lifecycle import Machine
from app.models import Base
from app.questions.models import Question
from app.seal import Keys
from migrations.append_only import protect

BATCH = 4_000  # rows of the fullest table
CACHE = 256 * 1024  # KiB that SQLite may use for pages while the book is written
# A row and its text point at each other: the row is first written as it was without a text.
FIRST: dict[str, dict[str, Any]] = {
    "questions": {"text_id": None},
    "answers": {"text_id": None, "approved_text_id": None, "state": "draft"},
}
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CROCKFORD)


class Book:
    """Writes in the session's transaction, by the tables' own types, the way that the driver takes fastest."""

    def __init__(self, session: Session, rng: Random) -> None:
        self.session, self.rng = session, rng
        self.ring: Keys = keys(session)
        self._rows: dict[Any, list[dict[str, Any]]] = {}
        self._last: dict[Any, int] = {}
        self._trail: list[tuple[datetime, int, dict[str, Any]]] = []
        self._number = count()

    def key(self, model: Any) -> int:
        """The next key of a table; the row may follow later."""
        if model not in self._last:
            self._last[model] = max(0, self.session.scalar(select(func.max(model.id))) or 0)
        self._last[model] += 1
        return self._last[model]

    def public_id(self) -> str:
        return b32encode(self.rng.randbytes(10)).decode()[:12].translate(_CROCKFORD)

    def add(self, model: Any, **values: Any) -> int:
        """Put a row in. Its key is taken if it has none, and its public id made."""
        columns = model.__table__.c
        if "id" in columns and "id" not in values:
            values["id"] = self.key(model)
        if "public_id" in columns and "public_id" not in values:
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
        """Take a step of a table of moves: it goes into the trail, and the state that it leads to comes back. Raises
        `Illegal`."""
        move = machine.move(action, state)
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
        """What happened before `until` stands in the trail in its order; write down what has come together."""
        while self._trail and self._trail[0][0] <= until:
            self.add(Event, **heapq.heappop(self._trail)[2])
        if any(len(rows) >= BATCH for rows in self._rows.values()):
            self.write()

    def write(self) -> None:
        """Write all rows that wait, owners before what belongs to them."""
        by_table = {model.__table__: rows for model, rows in self._rows.items()}
        for table in Base.metadata.sorted_tables:
            if by_table.get(table):
                _write(self.session, table, by_table[table])
        for model in (Question, Answer):
            _complete(self.session, model, self._rows.get(model, []))
        self._rows.clear()

    def close(self) -> None:
        """Let the database's own counters go on behind the keys that were taken."""
        self.write()
        if self.session.get_bind().dialect.name == "postgresql":
            for model, last in self._last.items():
                sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
                self.session.execute(select(func.setval(sequence, last)))


def _complete(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Let rows point at texts that are there by now, and stand where only a row with a text may stand."""
    names = ("id", *FIRST[model.__tablename__])
    if found := [{f"its_{name}": row.get(name) for name in names} for row in rows if row.get("text_id")]:
        table = model.__table__
        changed = update(table).where(table.c.id == bindparam("its_id"))
        session.connection().execute(changed.values({name: bindparam(f"its_{name}") for name in names[1:]}), found)


def _write(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    """Insert by the driver itself: `INSERT` with many values on SQLite, `COPY` on PostgreSQL, five times as fast as row
    by row."""
    connection, given = session.connection(), set().union(*rows)
    dialect = connection.dialect
    columns = [column for column in table.columns if column.key in given or _has_default(column)]
    first = [row | FIRST[table.name] if row.get("text_id") else row for row in rows] if table.name in FIRST else rows
    values = [_bound(column, first, dialect) for column in columns]
    if dialect.name == "sqlite":
        statement = insert(table).compile(dialect=dialect, column_keys=[column.key for column in columns])
        connection.exec_driver_sql(str(statement), list(zip(*values, strict=True)))
        return
    names = ", ".join(dialect.identifier_preparer.quote(column.name) for column in columns)
    with connection.connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in zip(*values, strict=True):
            copy.write_row(row)


def _bound(column: Any, rows: list[dict[str, Any]], dialect: Any) -> list[Any]:
    """A column's values in all rows as the driver takes them."""
    default, name = column.default.arg if _has_default(column) else None, column.key
    found = [row.get(name, default) for row in rows]
    if callable(default):
        found = [value(None) if value is default else value for value in found]
    bind = column.type.dialect_impl(dialect).bind_processor(dialect)
    return [None if value is None else bind(value) for value in found] if bind else found


def _has_default(column: Any) -> bool:
    return column.default is not None and not column.default.is_sequence


@contextmanager
def many_at_once(session: Session) -> Iterator[None]:
    """Give SQLite room, and let the guard that lets no row of the trail be overwritten stand aside: it takes three
    times as long as the row, and the keys are new. It is back before anybody else can write."""
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    before = session.scalar(text("PRAGMA cache_size"))
    session.execute(text(f"PRAGMA cache_size = -{CACHE}"))
    session.execute(text("DROP TRIGGER IF EXISTS audit_is_append_only_insert"))
    yield
    protect(session.connection())
    session.execute(text(f"PRAGMA cache_size = {before}"))
