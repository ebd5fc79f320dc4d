"""New rows written past SQLAlchemy's unit of work, which costs as much as the insert itself again.

For rows on which nothing waits that is new as well: what they refer to must be stored already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, make_transient_to_detached

from .db import Row
from .drawn_keys import draw

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
    given = {name: here[name] for name in columns if name in here}
    add = _insert(type(row), connection.dialect.name, drawn)
    while True:
        done: Any = connection.execute(add, {**given, "id": draw()} if drawn else given)
        if not drawn or done.rowcount:  # a key that is taken is found out by the insert itself
            break
    here.update({**dict.fromkeys(columns), **done.last_inserted_params(), "id": done.inserted_primary_key[0]})
    make_transient_to_detached(row)
    session.add(row)


@cache
def _insert(model: type[Row], dialect: str, drawn: bool) -> Any:
    add = INSERT[dialect](model.__table__)
    if not drawn:
        return add
    return add.on_conflict_do_nothing(index_elements=["id"]).execution_options(preserve_rowcount=True)
