"""Statements that the driver runs itself, in the transaction of a session: those for which each reader's Send waits.

One that is built once costs SQLAlchemy several times what it costs SQLite, each time. What was made of it is kept here:
its words, and how a value of each type is stored and read. Faults come as SQLAlchemy's own, and whoever listens to an
engine's statements hears these too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any]


def run(connection: Connection, said: str, values: Any) -> Any:
    """Run a statement in the driver's own words; return its cursor. Raises what SQLAlchemy raises."""
    for hear in connection.engine.dispatch.before_cursor_execute:
        hear(connection, None, said, values, None, False)
    try:
        return connection.connection.driver_connection.execute(said, values)  # type: ignore[union-attr]
    except connection.dialect.dbapi.Error as fault:  # type: ignore[union-attr]
        connection._handle_dbapi_exception(fault, said, values, None, None)  # no other way tells whether it is gone


@dataclass(frozen=True)
class _Said:
    """A statement as one database hears it: its words, the names of its values in their order, how each is stored."""

    words: str
    given: Mapping[str, Any]
    stored: Sequence[tuple[str, Processor | None]]
    read: Sequence[tuple[int, Processor]]
    is_positional: bool

    def values(self, given: Mapping[str, Any]) -> Any:
        given = {**self.given, **given}
        stored = [given[name] if store is None else store(given[name]) for name, store in self.stored]
        return stored if self.is_positional else dict(zip((name for name, _ in self.stored), stored, strict=True))


class DriverStatement:
    """A statement that is built once. `columns` are those that an INSERT gives values to."""

    def __init__(self, built: Any, columns: Sequence[str] | None = None) -> None:
        self._built, self._columns = built, columns
        self._said: dict[str, _Said] = {}  # by the name of the database's dialect

    def run(self, connection: Connection, given: Mapping[str, Any]) -> Any:
        """Run it with these values; return the driver's cursor. Raises what SQLAlchemy raises."""
        said = self._as_said(connection.dialect)
        return run(connection, said.words, said.values(given))

    def rows(self, session: Session, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows that it finds."""
        connection = session.connection()
        found: list[tuple[Any, ...]] = self.run(connection, given).fetchall()
        if not (read := self._as_said(connection.dialect).read):
            return found
        rows = [list(row) for row in found]
        for row in rows:
            for place, as_value in read:
                row[place] = as_value(row[place])
        return [tuple(row) for row in rows]

    def _as_said(self, dialect: Dialect) -> _Said:
        if (said := self._said.get(dialect.name)) is None:
            said = self._said[dialect.name] = self._put_into_words(dialect)
        return said

    def _put_into_words(self, dialect: Dialect) -> _Said:
        compiled = self._built.compile(dialect=dialect, column_keys=self._columns)
        names = compiled.positiontup or list(compiled.bind_names.values())
        stored = [(name, _of(compiled.binds[name].type, dialect).bind_processor(dialect)) for name in names]
        columns = [_of(column.type, dialect) for column in getattr(self._built, "selected_columns", ())]
        read = [(place, one.result_processor(dialect, None)) for place, one in enumerate(columns)]
        return _Said(
            compiled.string,
            compiled.params,
            stored,
            [(place, as_value) for place, as_value in read if as_value],
            bool(compiled.positiontup),
        )


def _of(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)
