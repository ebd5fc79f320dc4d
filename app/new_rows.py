"""New rows written past SQLAlchemy's unit of work, which costs as much as the insert itself again.

For rows on which nothing waits that is new as well: what they refer to must be stored already.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, make_transient_to_detached

from .db import Row
from .drawn_keys import draw
from .driver_statements import DriverStatement

INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@contextmanager
def at_once(session: Session, drawn: bool = False) -> Iterator[None]:
    """Let the rows that begin inside be inserted at once, each by itself; they are in the session as if they had been
    read. With `drawn` their keys are drawn by lot (see `drawn_keys`).
    """
    session.info["put"] = partial(_put, session, drawn)
    try:
        yield
    finally:
        del session.info["put"]


def _put(session: Session, drawn: bool, row: Row) -> None:
    here, columns, connection = vars(row), row.__table__.columns.keys(), session.connection()
    given = {name: value() for name, value in _values(type(row)) if name not in here}
    given |= {name: here[name] for name in columns if name in here}
    add = _insert(type(row), connection.dialect.name, drawn, tuple(given))
    while True:
        found = add.run(connection, {**given, "id": draw()} if drawn else given).fetchall()
        if found:  # a key that is taken is found out by the insert itself
            break
    here.update({**dict.fromkeys(columns), **given, "id": found[0][0]})
    make_transient_to_detached(row)
    session.add(row)


@cache
def _values(model: type[Row]) -> list[tuple[str, Callable[[], Any]]]:
    """Return the names of a model's columns that have a value where none is given, each with what gives it."""
    return [(column.key, _value_of(column.default)) for column in model.__table__.columns if column.default is not None]


def _value_of(default: Any) -> Callable[[], Any]:
    return partial(default.arg, None) if default.is_callable else lambda: default.arg


@cache
def _insert(model: type[Row], dialect: str, drawn: bool, given: tuple[str, ...]) -> DriverStatement:
    add, key = INSERT[dialect](model.__table__), model.__table__.c.id
    if drawn:
        return DriverStatement(add.on_conflict_do_nothing(index_elements=["id"]).returning(key), (*given, "id"))
    return DriverStatement(add.returning(key), given)
