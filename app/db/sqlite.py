"""SQLite's own needs: a file that is its owner's alone, how a connection and a transaction begin, whose turn it is."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import OperationalError

from .fault_kinds import Busy

BUSY_TIMEOUT = 10_000  # milliseconds that a writer waits for another one
BEGIN = "BEGIN IMMEDIATE"
AGAIN = 4  # milliseconds after which a writer asks anew
PATIENCE = 250  # milliseconds that emptying the log waits for readers; writers wait for it meanwhile
LONG = 2.0  # seconds after which a writer takes long
WAITING = 3  # writers of a process that wait for one that takes long: its other threads go on answering


class Turns:
    """Lets one thread of a process write at a time, in the order in which they come.

    Left to itself SQLite lets each of them sleep and try again, and whoever wakes first is first: the last of eight
    waited for a second where one after the other takes a tenth of that. And where another process keeps the database
    to itself, those who can't be served soon are told so at once instead of holding the threads that readers need.
    """

    def __init__(self) -> None:
        self._changed = threading.Lock()
        self._queue: deque[threading.Condition] = deque()  # each is told alone when it is its turn
        self._since = 0.0  # when the first of them came to its turn, by time.monotonic()

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for one's turn and have it inside. Raises `Busy`."""
        me = threading.Condition(self._changed)
        with self._changed:
            self._queue.append(me)
            if self._queue[0] is me:
                self._since = time.monotonic()
            try:
                self._wait(me)
            except BaseException:
                self._queue.remove(me)
                raise
        try:
            yield
        finally:
            with self._changed:
                self._queue.popleft()
                self._since = time.monotonic()  # of the next one, which has yet to wake
                if self._queue:
                    self._queue[0].notify()

    def _wait(self, me: threading.Condition) -> None:
        until = time.monotonic() + BUSY_TIMEOUT / 1000
        while self._queue[0] is not me:
            now = time.monotonic()
            are_many = now - self._since > LONG and self._queue.index(me) > WAITING
            if are_many or now > until:
                raise Busy("others are writing, and it takes long")
            me.wait(max(0.0, self._since + LONG - now) or LONG)  # until the one before has had long


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database; None for any other one, and for one in memory."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if is_file else None


def make_private(url: str) -> None:
    """Make the file of a new SQLite database, for its owner alone: SQLite itself would let everybody read it."""
    if (file := file_of(url)) is not None and not file.exists():
        with suppress(OSError):  # where nothing can be made, SQLite says so itself
            file.touch(0o600)


def empty_log(url: str) -> bool:
    """Carry the write-ahead log into the database and cut it to nothing; return whether that went.

    What was erased stands in it until then, as it was. It does not go while somebody reads what is older, or writes
    (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
    """
    if (file := file_of(url)) is None:
        return True
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA busy_timeout={PATIENCE}")
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not is_busy
    return False


def connect_listener(query_only: bool) -> Callable[[Any, Any], None]:
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours: see begun
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return connect


def begin_to_write(connection: Any) -> None:
    """Begin a transaction of a writer, who asks again every few milliseconds while another process writes.

    SQLite's own waiting sleeps longer from time to time, up to a tenth of a second, while writers of the other process
    follow each other with hardly a gap: whoever came first would be last.
    """
    driver, until = connection.connection.driver_connection, time.monotonic() + BUSY_TIMEOUT / 1000
    driver.execute(f"PRAGMA busy_timeout={AGAIN}")
    try:
        connection.exec_driver_sql(BEGIN)
    except OperationalError as fault:
        _retry_begin(driver, until, fault)
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")


def _retry_begin(driver: sqlite3.Connection, deadline: float, fault: OperationalError) -> None:
    """Begin as soon as nobody else writes. Raises the fault where it isn't that, or it takes too long."""
    found: BaseException | None = fault.orig
    while getattr(found, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY and time.monotonic() < deadline:
        try:
            driver.execute(BEGIN)
        except sqlite3.OperationalError as again:
            found = again
        else:
            return
    raise fault


def begin_listener(statement: str) -> Callable[[Any], None]:
    # The driver's own BEGIN is deferred: two transactions read the same row, both write, one update is lost.
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return begin


def rewrite(engine: Engine) -> bool:
    """Write the file anew, so that it lies as its rows' keys say and not as they came, and let nothing of the old one
    stay in the write-ahead log. Writers wait meanwhile.

    Gives False where somebody was looking at the old file all the time: then the log keeps it.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")
    return empty_log(engine.url.render_as_string(hide_password=False))
