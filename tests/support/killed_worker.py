"""A worker that is killed (SIGKILL) at a chosen SQL statement.

`python -m tests.support.killed_worker TASK URL MATCHER` reads lines with the number of the statement. For each, the
parent process, which has imported everything, forks a worker, and prints "killed", or "done" if it ended before.
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

BATCH_SIZE = 4  # rows per transaction, for many transactions


def open_killing_database(url: str, matcher: str, statement_count: int) -> Database:
    """Open a database that kills the process after this many statements and commits."""
    database = Database(url, Keys(SECRETS), BASE_URL, matcher=matcher)
    remaining = iter(range(statement_count))

    def count_down(*_: Any) -> None:
        if next(remaining, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", count_down)
        event.listen(engine, "commit", count_down)
    return database


def run_duties(url: str, matcher: str, statement_count: int) -> None:
    """Index, flag, count, invite and erase what is due, as the worker does, until the process is killed."""
    indexing.BATCH = semantic.EMBED_BATCH = look_alike_flags.BATCH_SIZE = BATCH_SIZE
    database = open_killing_database(url, matcher, statement_count)
    while indexing.index_due(database) or semantic.embed_due(database):
        pass
    while look_alike_flags.flag_new_letters(database):
        pass
    weekly_counts.count_due(database)
    ladder.climb(database, invitations.invite_next)
    database.write(worker.forget_overdue)


def extend_chain(url: str, matcher: str, statement_count: int) -> None:
    """Extend the chain of audit events, four events per link, until the process is killed."""
    chain.EVENTS_PER_LINK = 4
    chain.extend(open_killing_database(url, matcher, statement_count), datetime(2026, 3, 5, 0, 30, tzinfo=UTC))


TASKS = {"duties": run_duties, "chain": extend_chain}


def run_in_forks(task: Callable[[int], object]) -> None:
    """For each number on standard input, run a task in a forked process, and print how it ended."""
    configure_mappers()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            task(int(line))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        results = {-signal.SIGKILL: "killed", 0: "done"}
        print(results.get(code, f"failed with {code}"), flush=True)


if __name__ == "__main__":
    run_in_forks(partial(TASKS[sys.argv[1]], *sys.argv[2:]))
