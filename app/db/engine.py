"""The engines of a database, and the two ways to use it: `Database.read()` and `Database.write(fn)`."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from config import Unsafe

from ..crypto.seal import Keys
from ..settings.sign_in_rules import SignInRules
from . import encryption, postgresql, sqlite
from .fault_kinds import Busy, FaultKind, NoRoom, fault_kind

T = TypeVar("T")

POOL_SIZE = 8  # connections of each engine that are kept; as many again are opened for a while
TRIES = 5  # attempts to run a transaction that keeps losing races
MAX_OUTAGE = 2.0  # seconds for which a transaction is retried while the server can't be reached
# Seconds. Connections that are found broken within this time count as one outage (see `dispose_idle_connections`).
DISPOSE_INTERVAL = 2.0


class Database:
    """The database of an installation, as web, worker and commands use it.

    `url` is a SQLAlchemy URL for SQLite or PostgreSQL (psycopg). `keys` encrypt and decrypt stored values. Links in
    mails begin with `base_url`, never with a request's Host header. `matcher` names the algorithm that finds similar
    texts (the setting MATCHER). `rules` are the sign-in rules. `letters_a_day` is the number of letters that a
    newsletter accepts per day, unless it is the default. `file_key` is the key of an encrypted SQLite file.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        base_url: str,
        matcher: str = "words",
        rules: SignInRules = SignInRules(),  # noqa: B008 - immutable
        letters_a_day: int | None = None,
        file_key: bytes | None = None,
    ) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.file_key = file_key
        self.keyring = keys
        self.base_url = base_url.rstrip("/")
        self.matcher = matcher
        if (file := sqlite.database_file(url)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._writer_queue = sqlite.WriterQueue()
        self._connector = postgresql.Connector()
        self._disposed_at = -DISPOSE_INTERVAL  # by time.monotonic()
        self.reader = self._create_engine(can_write=False)
        self.writer = self._create_engine(can_write=True)
        # For frequent cheap queries (public_version.py, changes.py), which handle a broken connection themselves.
        if self.is_sqlite:
            self.polling_engine = self.reader
        else:
            self.polling_engine = self._create_server_engine(isolation_level="AUTOCOMMIT", pool_size=POOL_SIZE)
        session_info = {"keys": keys, "base_url": self.base_url, "matcher": matcher, "sign_in": rules}
        if letters_a_day:
            session_info["letters_a_day"] = letters_a_day
        self._read_session = sessionmaker(self.reader, expire_on_commit=False, autoflush=False, info=session_info)
        self._write_session = sessionmaker(self.writer, expire_on_commit=False, info=session_info)

    @property
    def has_older_file_key(self) -> bool:
        """Return whether the file is encrypted with a key of SECRET_KEYS that isn't the newest."""
        return self.file_key not in (None, encryption.derive_file_key(self.keyring))

    def _create_engine(self, *, can_write: bool) -> Engine:
        # Parameters may contain readers' words, which must not reach a log through an error message.
        options = {"pool_size": POOL_SIZE, "max_overflow": POOL_SIZE, "hide_parameters": True}
        if not self.is_sqlite:
            engine = self._create_server_engine(pool_pre_ping=True, **options)
            return engine if can_write else engine.execution_options(postgresql_readonly=True)
        engine = encryption.create_sqlite_engine(self.url, self.file_key, **options)
        event.listen(engine, "do_connect", lambda *_: sqlite.make_private(self.url), insert=True)  # before connecting
        event.listen(engine, "connect", sqlite.connect_listener(query_only=not can_write))
        event.listen(engine, "begin", sqlite.begin_to_write if can_write else sqlite.begin_to_read)
        return engine

    def _create_server_engine(self, **options: Any) -> Engine:
        """Return an engine for PostgreSQL."""
        engine = create_engine(self.url, connect_args=postgresql.connect_timeouts(self.url), **options)
        event.listen(engine, "do_connect", self._connector)
        event.listen(engine, "connect", postgresql.server_timeouts_listener(self.url))
        event.listen(engine, "handle_error", self._on_error)
        return engine

    def _on_error(self, context: ExceptionContext) -> None:
        if context.is_disconnect:
            self.dispose_idle_connections()

    def dispose_idle_connections(self) -> None:
        """Dispose of the idle connections after one was found broken, since testing each takes seconds.

        Do nothing if they were disposed of less than `DISPOSE_INTERVAL` ago: the broken connection was opened before
        that, and connections opened since then work.
        """
        now = time.monotonic()
        if now > self._disposed_at + DISPOSE_INTERVAL:
            self._disposed_at = now
            self.close()

    @contextmanager
    def read(self, at: datetime | None = None) -> Iterator[Session]:
        """Open a session in which the database refuses writes.

        If `at` is given, `now(session)` returns it instead of the time.
        """
        with self._read_session() as session:
            session.info["at"] = at
            yield session

    def write(self, fn: Callable[[Session], T], at: datetime | None = None, *, empties_log: bool = True) -> T:
        """Run `fn` in a transaction, commit it, and return its result.

        A transaction that loses a race is retried from the start, so `fn` must have no side effects outside its
        session. If `at` is given, `now(session)` returns it instead of the time. After an erasure, SQLite's write-ahead
        log is emptied; a caller that erases in several transactions passes `empties_log=False` and empties the log
        itself at the end.

        Raises `Busy` if the database stays locked, doesn't answer, or every attempt loses the race; `NoRoom`, a
        subclass, if it accepts no changes. Other database errors propagate unchanged.
        """
        with self._writer_queue.take_turn() if self.is_sqlite else nullcontext():
            return self._run_in_transaction(fn, at, empties_log)

    def _run_in_transaction(self, fn: Callable[[Session], T], at: datetime | None, empties_log: bool) -> T:
        started_at = time.monotonic()
        for attempt in range(TRIES):
            session = self._write_session()
            session.info["at"] = at
            try:
                with session, session.begin():
                    result = fn(session)
                if self.is_sqlite and empties_log and session.info.get("erased"):
                    sqlite.empty_log(self.url, self.file_key)  # if it fails, the worker tries again (secure_delete.py)
                return result
            except StaleDataError as error:
                fault: Exception = error
            except DBAPIError as error:
                fault = error
                kind = fault_kind(error)
                if kind is FaultKind.NO_ROOM:
                    raise NoRoom("the database takes no changes") from error
                if kind not in (FaultKind.LOST_RACE, FaultKind.UNAVAILABLE):
                    raise
                is_long_outage = kind is FaultKind.UNAVAILABLE and time.monotonic() > started_at + MAX_OUTAGE
                if self.is_sqlite or is_long_outage:  # on SQLite the attempt has already waited for the lock
                    break
            max_pause = 20 * (attempt + 1)  # milliseconds
            time.sleep(secrets.randbelow(max_pause) / 1000)
        raise Busy("the database did not take the change") from fault

    def session_for(self, connection: Connection) -> Session:
        """Return a session in the open transaction of a connection, which the caller commits."""
        return self._write_session(bind=connection)

    def close(self) -> None:
        """Close the idle connections. The database can still be used: engines reconnect."""
        for engine in (self.reader, self.writer, self.polling_engine):
            engine.dispose()


def open_database(settings: Mapping[str, Any]) -> Database:
    """Create the `Database` for the settings of `config.load`.

    Raises `Unsafe` if the folder of an SQLite file can't be created, or the file isn't as ENCRYPT_DATABASE says.
    """
    keys, url = Keys(settings["SECRETS"]), settings["DATABASE_URL"]
    try:
        file = sqlite.database_file(url)
        return Database(
            url,
            keys,
            settings["BASE_URL"],
            matcher=settings["MATCHER"],
            rules=SignInRules(*settings["SIGN_IN_RULES"]),
            letters_a_day=settings["LETTERS_A_DAY"],
            file_key=encryption.open_as_set(file, keys, encrypts=settings["ENCRYPT_DATABASE"]) if file else None,
        )
    except encryption.UnreadableFile as error:
        raise Unsafe([f"ENCRYPT_DATABASE: {error}"]) from None
    except OSError as error:
        raise Unsafe([f"DATABASE_URL: {error.filename} can't be made: {error.strerror}"]) from None
