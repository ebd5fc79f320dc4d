"""The chain of a long audit trail: the time that the worker takes to extend it, and `flask audit verify` to check it.

    python -m bench.trail EVENTS [URL OF AN EMPTY POSTGRESQL DATABASE]

Without a URL, it uses a SQLite file in a temporary folder. Two thirds of the events have consecutive keys, one third
random ones, over 365 days.
"""

import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, text

from app.audit import Event, chain, chain_check
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
AT_ONCE = 10_000


def fill(database: Database, number: int) -> None:
    """Insert `number` events into an empty trail, in the order of time."""
    rng, drawn = random.Random(7), set[int]()
    with database.writer.begin() as connection:
        for start in range(0, number, AT_ONCE):
            rows = []
            for place in range(start, min(start + AT_ONCE, number)):
                moment = BEGAN + timedelta(days=DAYS) * place / number
                row = {"at": moment, "actor": "staff:5", "action": "letter.file", "noun": "letter", "noun_id": place}
                row |= {"id": place + 1, "old": "received", "new": "filed", "facts": {"kind": "question"}}
                if place % 3 == 0:
                    while (key := -rng.randrange(1, 2**31)) in drawn:
                        pass
                    drawn.add(key)
                    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
                    row |= {"id": key, "at": midnight, "actor": "reader", "action": "letter.send", "old": None}
                rows.append(row)
            connection.execute(insert(Event), rows)
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def main(number: int, url: str) -> None:
    migrate(url)
    database = Database(url, Keys({1: bytes(range(64, 128))}), "http://127.0.0.1")
    fill(database, number)
    after = BEGAN + timedelta(days=DAYS + 1, hours=1)
    faults: list[chain_check.ChainFault] = []
    for name, work in (
        ("made", lambda: chain.extend(database, after)),
        ("nothing new", lambda: chain.extend(database, after)),
        ("compared", lambda: chain_check.check(database, faults.append)),
    ):
        began, cpu = time.monotonic(), time.process_time()
        done = work()
        spent = time.monotonic() - began, time.process_time() - cpu
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{name}: {spent[0]:.1f} s, {spent[1]:.1f} s of it ours; {most} MB at the most so far; {str(done)[:60]}")
    print(f"faults: {len(faults)}")
    database.close()


if __name__ == "__main__":
    if sys.argv[2:]:
        main(int(sys.argv[1]), sys.argv[2])
    else:
        with TemporaryDirectory() as folder:
            main(int(sys.argv[1]), f"sqlite:///{Path(folder) / 'trail.db'}")
