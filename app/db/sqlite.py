"""The parts that are specific to SQLite: a private file, the begin of transactions, and a queue for writers."""

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

BUSY_TIMEOUT = 10_000  # milliseconds that a writer waits for the lock
BEGIN = "BEGIN IMMEDIATE"
AGAIN = 4  # milliseconds between two attempts of a writer to get the lock
PATIENCE = 250  # milliseconds that emptying the log waits for readers, while writers wait for it
LONG = 2.0  # seconds after which a writer counts as slow
WAITING = 3  # writers of a process that may wait for a slow one, so that its other threads keep answering


class Turns:
    """A fair queue that lets one thread of a process write at a time.

    SQLite's own way is that every waiting writer sleeps and retries, and the first to wake up wins: the last of eight
    waited a second for what takes a tenth of that one by one. And while another process holds the lock for long,
    writers far back in the queue fail at once instead of blocking threads that readers need.
    """

    def __init__(self) -> None:
        self._changed = threading.Lock()
        self._queue: deque[threading.Condition] = deque()  # one per writer, so that only the next is woken
        self._since = 0.0  # when the turn of the first in the queue began, by time.monotonic()

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for the calling thread's turn and hold it inside the block.

        Raises `Busy` after `BUSY_TIMEOUT`, or once a writer is slow and more than `WAITING` others wait in front.
        """
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
                self._since = time.monotonic()  # the next one's turn begins before it wakes up
                if self._queue:
                    self._queue[0].notify()

    def _wait(self, me: threading.Condition) -> None:
        until = time.monotonic() + BUSY_TIMEOUT / 1000
        while self._queue[0] is not me:
            now = time.monotonic()
            are_many = now - self._since > LONG and self._queue.index(me) > WAITING
            if are_many or now > until:
                raise Busy("others are writing, and it takes long")
            me.wait(max(0.0, self._since + LONG - now) or LONG)  # until the current writer counts as slow


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database, or None for PostgreSQL and for a database in memory."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if is_file else None


def make_private(url: str) -> None:
    """Create the file of a new SQLite database with mode 600; SQLite's own would depend on the umask."""
    if (file := file_of(url)) is not None and not file.exists():
        with suppress(OSError):  # SQLite reports a folder that it can't write to
            file.touch(0o600)


def empty_log(url: str) -> bool:
    """Checkpoint the write-ahead log and truncate it, as it still holds erased data; return whether that succeeded.

    It fails while a transaction reads older pages or writes (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
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
        connection.isolation_level = None  # the driver must not begin transactions: see `begin_listener`
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
    """Begin a writer's transaction, retrying every few milliseconds while another process writes.

    SQLite's own busy handler backs off, up to a tenth of a second, while the writers of another process follow each
    other almost without a gap, so a waiting writer could starve.
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
    """Begin as soon as the lock is free. Raises `fault` at the deadline, and at once if its cause isn't a lock."""
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
    # The driver itself would begin only before the first write, leaving earlier reads outside the transaction.
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return begin


def rewrite(engine: Engine) -> bool:
    """Rebuild the database file, so that rows are stored by key and not by time of arrival, and empty the log of the
    old pages. Writers wait meanwhile.

    Return False if a reader prevented the log from being emptied, so that it still holds the old pages.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")
    return empty_log(engine.url.render_as_string(hide_password=False))
