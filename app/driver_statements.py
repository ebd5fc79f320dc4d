"""Statements that the driver runs itself, in the transaction of a session: those for which each reader's Send waits.

One that is built once costs SQLAlchemy several times what it costs SQLite, each time. What was made of it is kept here:
its words, and how a value of each type is stored and read. Faults come as SQLAlchemy's own, and whoever listens to an
engine's statements before they run (`before_cursor_execute`) hears these too.
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
class _Compiled:
    """A statement as one database hears it: its words, the values that it has itself, the names of all values in their
    order with how each is stored, and the places of those columns that are read otherwise than they come."""

    words: str
    own: Mapping[str, Any]
    to_store: Sequence[tuple[str, Processor | None]]
    to_read: Sequence[tuple[int, Processor]]
    is_positional: bool

    def values(self, given: Mapping[str, Any]) -> Any:
        """Return what the driver takes. Raises `KeyError` for a value that nobody gave."""
        given = {**self.own, **given}
        values = [given[name] if store is None else store(given[name]) for name, store in self.to_store]
        return values if self.is_positional else dict(zip((name for name, _ in self.to_store), values, strict=True))


class DriverStatement:
    """A statement that is built once. `columns` are those that an INSERT gives values to."""

    def __init__(self, built: Any, columns: Sequence[str] | None = None) -> None:
        self._built, self._columns = built, columns
        self._by_dialect: dict[str, _Compiled] = {}

    def run(self, connection: Connection, given: Mapping[str, Any]) -> Any:
        """Run it with these values; return the driver's cursor.

        Raises what SQLAlchemy raises, and `KeyError` for a value that is lacking.
        """
        compiled = self._for(connection.dialect)
        return run(connection, compiled.words, compiled.values(given))

    def rows(self, session: Session, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows that it finds. Raises the same."""
        connection = session.connection()
        found: list[tuple[Any, ...]] = self.run(connection, given).fetchall()
        if not (to_read := self._for(connection.dialect).to_read):
            return found
        rows = [list(row) for row in found]
        for row in rows:
            for place, read in to_read:
                row[place] = read(row[place])
        return [tuple(row) for row in rows]

    def _for(self, dialect: Dialect) -> _Compiled:
        if (compiled := self._by_dialect.get(dialect.name)) is None:
            compiled = self._by_dialect[dialect.name] = self._compiled(dialect)
        return compiled

    def _compiled(self, dialect: Dialect) -> _Compiled:
        compiled = self._built.compile(dialect=dialect, column_keys=self._columns)
        names = compiled.positiontup or list(compiled.bind_names.values())
        columns = [_of(column.type, dialect) for column in getattr(self._built, "selected_columns", ())]
        to_read = [(place, one.result_processor(dialect, None)) for place, one in enumerate(columns)]
        return _Compiled(
            compiled.string,
            {name: compiled.params[name] for name in names if not compiled.binds[name].required},
            [(name, _of(compiled.binds[name].type, dialect).bind_processor(dialect)) for name in names],
            [(place, read) for place, read in to_read if read],
            bool(compiled.positiontup),
        )


def _of(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)
