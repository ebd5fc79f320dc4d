"""Two changes at one time, as PostgreSQL runs them: the second begins before the first is committed. SQLite lets one wait."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import Database
from app.lifecycle import Refused

SIDE_BY_SIDE = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def side_by_side(
    database: Database, first: Callable[[Session], object], second: Callable[[Session], object]
) -> list[Refused]:
    """Run `second` while the first is done and not yet committed: until it is over too, or waits for the first. Gives why it was
    refused, if it was."""
    refused: list[Refused] = []

    def run() -> None:
        try:
            database.write(second)
        except Refused as why:
            refused.append(why)

    other = threading.Thread(target=run)

    def both(session: Session) -> None:
        first(session)
        session.flush()
        other.start()
        while other.is_alive() and not _somebody_waits(database):
            pass

    database.write(both)
    other.join()
    return refused


def _somebody_waits(database: Database) -> bool:
    with database.read() as session:
        return bool(session.scalar(text(WAITING)))
