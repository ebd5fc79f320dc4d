"""Two changes at one time, as PostgreSQL runs them: the second begins before the first is committed. SQLite lets one wait."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.domain_errors import DomainError
from app.db.engine import Database
from tests.support.waiting import until

SIDE_BY_SIDE = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def side_by_side(
    database: Database, first: Callable[[Session], object], second: Callable[[Session], object]
) -> list[DomainError]:
    """Run `second` while the first is done and not yet committed: until it is over too, or waits for the first. Gives why it was
    refused, if it was."""
    refused: list[DomainError] = []

    def run() -> None:
        try:
            database.write(second)
        except DomainError as why:
            refused.append(why)

    other = threading.Thread(target=run)

    def both(session: Session) -> None:
        first(session)
        session.flush()
        other.start()
        wait_until_it_waits(database, other)

    database.write(both)
    other.join()
    return refused


def wait_until_it_waits(database: Database, other: threading.Thread) -> None:
    """Wait until a thread that writes is over, or stands behind the transaction that is open now."""
    until(lambda: not other.is_alive() or _somebody_waits(database), "the other one at the door")


def _somebody_waits(database: Database) -> bool:
    if database.is_sqlite:
        return len(database._turns._queue) > 1
    with database.read() as session:
        return bool(session.scalar(text(WAITING)))
