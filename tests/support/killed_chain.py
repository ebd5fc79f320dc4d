"""A worker that is killed (SIGKILL) at a chosen statement while it extends the chain over the trail; see killed_worker.py."""

import sys
from datetime import UTC, datetime

from app.audit import chain
from tests.support.killed_worker import doomed, lead


def work(last: int) -> None:
    """Extend the chain, four events a link, up to the statement that is the last one."""
    chain.AT_ONCE = 4
    chain.extend(doomed(sys.argv[1], "words", last), datetime(2026, 3, 5, 0, 30, tzinfo=UTC))


if __name__ == "__main__":
    lead(work)
