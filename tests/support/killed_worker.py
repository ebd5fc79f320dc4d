"""A worker that is killed (SIGKILL) at a chosen statement, in the middle of whatever it does then.

`python -m tests.support.killed_worker TASK URL MATCHER` reads a line for each life: at which statement it ends. The
parent process, which has loaded everything, forks it, and prints "killed", or "done" where the work was over sooner.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import configure_mappers

from app.answers import ladder
from app.audit import chain
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters import look_alike_flags
from app.search import semantic
from app.server import worker
from app.workflows import indexing, invitations
from app.workflows.overview import weekly_counts
from tests.support.app import BASE_URL, SECRETS

BATCH_SIZE = 4  # rows a transaction, so that there are many


def open_killing_database(url: str, matcher: str, last: int) -> Database:
    """The database for a life that ends at its statement `last`."""
    database = Database(url, Keys(SECRETS), BASE_URL, pool_size=2, matcher=matcher)
    left = iter(range(last))

    def one_less(*_: Any) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", one_less)
        event.listen(engine, "commit", one_less)
    return database


def run_duties(url: str, matcher: str, last: int) -> None:
    """All that the clock does to what is there, once, up to the statement that is the last one."""
    indexing.BATCH = semantic.EMBED_BATCH = look_alike_flags.BATCH_SIZE = BATCH_SIZE
    database = open_killing_database(url, matcher, last)
    while indexing.index_due(database) or semantic.embed_due(database):
        pass
    while look_alike_flags.flag_new_letters(database):
        pass
    weekly_counts.count_due(database)
    ladder.climb(database, invitations.invite_next)
    database.write(worker.forget_overdue)


def extend_chain(url: str, matcher: str, last: int) -> None:
    """Extend the chain over the trail, four events a link, up to the statement that is the last one."""
    chain.EVENTS_PER_LINK = 4
    chain.extend(open_killing_database(url, matcher, last), datetime(2026, 3, 5, 0, 30, tzinfo=UTC))


TASKS = {"duties": run_duties, "chain": extend_chain}


def run_in_forks(live: Callable[[int], object]) -> None:
    """Lead the lives that are asked for; `live` is told at which statement it ends."""
    configure_mappers()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            live(int(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = {-signal.SIGKILL: "killed", 0: "done"}
        code = os.waitstatus_to_exitcode(status)
        print(ended.get(code, f"failed with {code}"), flush=True)


if __name__ == "__main__":
    run_in_forks(partial(TASKS[sys.argv[1]], *sys.argv[2:]))
