"""The chain of a long audit trail: how long the worker takes to extend it, `readers-asked audit verify` to check it.

    python -m bench.trail EVENTS [URL OF AN EMPTY POSTGRESQL DATABASE]

Without a URL, it uses a SQLite file in a temporary folder. Two thirds of the events have consecutive keys, one third
random ones, over 365 days.
"""

import random
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, text

from app.audit import Event, chain, chain_check
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate

FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
PERIOD = timedelta(days=365)
BATCH_SIZE = 10_000


def fill_trail(database: Database, count: int) -> None:
    """Insert `count` events into an empty trail, in the order of time."""
    rng, used_keys = random.Random(7), set[int]()
    with database.writer.begin() as connection:
        for start in range(0, count, BATCH_SIZE):
            indexes = range(start, min(start + BATCH_SIZE, count))
            rows = [_build_event(index, FIRST_DAY + PERIOD * index / count, rng, used_keys) for index in indexes]
            connection.execute(insert(Event), rows)
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _build_event(index: int, at: datetime, rng: random.Random, used_keys: set[int]) -> dict[str, Any]:
    """Return the row of an event; every third has a random key and only a date."""
    event: dict[str, Any] = {"noun": "letter", "noun_id": index, "new": "filed", "facts": {"kind": "question"}}
    if index % 3:
        return event | {"id": index + 1, "at": at, "actor": "staff:5", "action": "letter.file", "old": "received"}
    key = -rng.randrange(1, 2**31)
    while key in used_keys:
        key = -rng.randrange(1, 2**31)
    used_keys.add(key)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return event | {"id": key, "at": midnight, "actor": "reader", "action": "letter.send", "old": None}


def measure_chain(count: int, url: str) -> None:
    """Fill the database at `url` with `count` events, and print the cost of extending and checking their chain."""
    migrate(url)
    database = Database(url, Keys({1: bytes(range(64, 128))}), "http://127.0.0.1")
    fill_trail(database, count)
    now = FIRST_DAY + PERIOD + timedelta(days=1, hours=1)
    faults: list[chain_check.ChainFault] = []
    steps: list[tuple[str, Callable[[], object]]] = [
        ("made", partial(chain.extend, database, now)),
        ("nothing new", partial(chain.extend, database, now)),
        ("compared", partial(chain_check.check, database, faults.append)),
    ]
    for name, work in steps:
        start, cpu_start = time.monotonic(), time.process_time()
        result = work()
        seconds, cpu_seconds = time.monotonic() - start, time.process_time() - cpu_start
        peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{name}: {seconds:.1f} s, {cpu_seconds:.1f} s of it ours; {peak_memory} MB at the most so far; "
            f"{str(result)[:60]}"
        )
    print(f"faults: {len(faults)}")
    database.close()


if __name__ == "__main__":
    if sys.argv[2:]:
        measure_chain(int(sys.argv[1]), sys.argv[2])
    else:
        with TemporaryDirectory() as folder:
            measure_chain(int(sys.argv[1]), f"sqlite:///{Path(folder) / 'trail.db'}")
