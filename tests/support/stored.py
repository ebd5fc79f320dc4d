"""What stands in the database behind a page, and how often it is asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import event, func, select

from app.answers.models import Answer, Assignment
from app.db.declarative import Base
from app.db.engine import Database
from app.questions.models import Question

T = TypeVar("T")


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table: what a refused change must leave as it is."""
    with database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


def rows(database: Database) -> dict[str, int]:
    """How many rows every table has."""
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def one(database: Database, model: type[T], **by: object) -> T:
    with database.read() as session:
        return session.scalars(select(model).filter_by(**by)).unique().one()


def states(database: Database) -> tuple[str | None, str | None, str | None]:
    """Where the only question, assignment and answer stand."""
    with database.read() as session:
        found = [session.scalar(select(model.state)) for model in (Question, Assignment, Answer)]
    return tuple(found)


@contextmanager
def counted(database: Database, writes: bool = False) -> Iterator[list[str]]:
    """The statements that reading runs meanwhile, or writing."""
    engine = database.writer if writes else database.reader
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", count)


def queries_of(database: Database, fn: Callable[[], object]) -> int:
    """How many queries reading a page takes."""
    with counted(database) as statements:
        fn()
    return len(statements)
