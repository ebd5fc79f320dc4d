"""The parts for SQLite only: a file with private permissions, our own BEGIN, and a queue for writers."""

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

from .encryption import connect, get_driver
from .fault_kinds import Busy

BUSY_TIMEOUT = 10_000  # milliseconds that a writer waits for the lock
BEGIN_READ, BEGIN_WRITE = "BEGIN", "BEGIN IMMEDIATE"  # IMMEDIATE takes the lock for writers at once
RETRY_INTERVAL = 4  # milliseconds between two attempts of a writer to get the lock
LOG_TIMEOUT = 250  # milliseconds that emptying the log waits for readers; writers have to wait meanwhile
SLOW_AFTER = 2.0  # seconds after which a writer counts as slow
MAX_WAITING = 3  # writers of a process that may wait for a slow one, so that its other threads keep answering


class WriterQueue:
    """A fair queue that lets one thread of a process write at a time.

    With SQLite's own locking, every waiting writer sleeps and retries, and the first to wake up wins: the last of eight
    writers waited for a second. In order, all eight take a tenth of that. While another process holds the lock for
    long, writers far back in the queue fail at once instead of blocking threads that readers need.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[threading.Condition] = deque()  # one for each writer, so that only the next one wakes up
        self._turn_began = 0.0  # when the turn of the first in the queue began, by time.monotonic()

    @contextmanager
    def take_turn(self) -> Iterator[None]:
        """Wait for the calling thread's turn, and hold it inside the block.

        Raises `Busy` after `BUSY_TIMEOUT`, or once the current writer is slow and `MAX_WAITING` others wait before this
        one.
        """
        my_turn = threading.Condition(self._lock)
        with self._lock:
            self._queue.append(my_turn)
            if self._queue[0] is my_turn:
                self._turn_began = time.monotonic()
            try:
                self._wait_for(my_turn)
            except BaseException:
                self._queue.remove(my_turn)
                raise
        try:
            yield
        finally:
            with self._lock:
                self._queue.popleft()
                self._turn_began = time.monotonic()  # the next writer's turn begins before it wakes up
                if self._queue:
                    self._queue[0].notify()

    def _wait_for(self, my_turn: threading.Condition) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT / 1000
        while self._queue[0] is not my_turn:
            now = time.monotonic()
            slow_at = self._turn_began + SLOW_AFTER
            is_too_far_back = now > slow_at and self._queue.index(my_turn) > MAX_WAITING
            if is_too_far_back or now > deadline:
                raise Busy("others are writing, and it takes long")
            my_turn.wait(slow_at - now if slow_at > now else SLOW_AFTER)


def database_file(url: str) -> Path | None:
    """Return the path of a SQLite database, or None for PostgreSQL and for a database in memory."""
    parsed_url = make_url(url)
    is_file = parsed_url.get_backend_name() == "sqlite" and parsed_url.database not in (None, "", ":memory:")
    return Path(str(parsed_url.database)) if is_file else None


def make_private(url: str) -> None:
    """Create the file of a new SQLite database with mode 600, since SQLite would create it by the umask."""
    if (file := database_file(url)) is not None and not file.exists():
        with suppress(OSError):  # connecting reports a folder that can't be written to
            file.touch(0o600)


def empty_log(url: str, key: bytes | None = None) -> bool:
    """Checkpoint and truncate the write-ahead log, which still holds erased data. Return whether that succeeded.

    It fails while a transaction reads older pages or writes (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
    `key` is that of an encrypted file.
    """
    if (file := database_file(url)) is None:
        return True
    with suppress(get_driver(key).OperationalError), closing(connect(file, key)) as connection:
        connection.execute(f"PRAGMA busy_timeout={LOG_TIMEOUT}")
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not is_busy
    return False


def connect_listener(query_only: bool) -> Callable[[Any, Any], None]:
    """Return a listener that configures a new connection."""

    def configure(connection: Any, _record: Any) -> None:
        # The driver would begin only before the first write, leaving earlier reads outside the transaction.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return configure


def begin_to_read(connection: Any) -> None:
    connection.exec_driver_sql(BEGIN_READ)


def begin_to_write(connection: Any) -> None:
    """Begin a writer's transaction, retrying every few milliseconds while another process writes.

    SQLite's own busy handler backs off for up to a tenth of a second. A writer could starve, because the writers of
    another process follow each other almost without a gap.
    """
    driver_connection = connection.connection.driver_connection
    deadline = time.monotonic() + BUSY_TIMEOUT / 1000
    driver_connection.execute(f"PRAGMA busy_timeout={RETRY_INTERVAL}")
    try:
        connection.exec_driver_sql(BEGIN_WRITE)
    except OperationalError as error:
        _retry_begin(driver_connection, connection.dialect.loaded_dbapi, deadline, error)
    finally:
        driver_connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")


def _retry_begin(driver_connection: Any, driver: Any, deadline: float, first_error: OperationalError) -> None:
    """Begin as soon as the lock is free. Raises `first_error` at the deadline, or at once if no lock caused it."""
    last_error: BaseException | None = first_error.orig
    while _is_lock_error(last_error) and time.monotonic() < deadline:
        try:
            driver_connection.execute(BEGIN_WRITE)
        except driver.OperationalError as error:
            last_error = error
        else:
            return
    raise first_error


def _is_lock_error(error: BaseException | None) -> bool:
    primary_code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the other bits are SQLite's extended code
    return primary_code == sqlite3.SQLITE_BUSY


def vacuum(engine: Engine, key: bytes | None = None) -> bool:
    """Rebuild the database file, so that rows are stored by key and not by time of arrival. Then empty the log.

    Writers wait meanwhile. Return False if a reader prevented the log from being emptied: it still holds the old pages.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # VACUUM can't run inside a transaction
        connection.exec_driver_sql("VACUUM")
    return empty_log(engine.url.render_as_string(hide_password=False), key)
