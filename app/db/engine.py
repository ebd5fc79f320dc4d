"""The engines of one database, and the two ways to use them: `Database.read()` and `Database.write(fn)`."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from config import Unsafe

from ..crypto.seal import Keys
from ..settings.sign_in_rules import SignInRules
from . import postgresql, sqlite
from .fault_kinds import Busy, FaultKind, NoRoom, fault_kind

T = TypeVar("T")

TRIES = 5  # attempts to run a transaction that keeps losing races
GONE = 2.0  # seconds after which a transaction is not retried if the server can't be reached


class Database:
    """The database of an installation, as web, worker and commands use it.

    `url` is a SQLAlchemy URL for SQLite or PostgreSQL (psycopg). `keys` encrypt and decrypt stored values. Links in
    mails begin with `base_url`, never with a request's Host header. `matcher` names how similar texts are found (the
    setting MATCHER). `rules` are the sign-in rules; `letters_a_day` replaces the usual daily limit.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        base_url: str,
        pool_size: int = 8,
        matcher: str = "words",
        rules: SignInRules = SignInRules(),  # noqa: B008 - it can't be changed
        letters_a_day: int | None = None,
    ) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if (file := sqlite.file_of(url)) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._dialing, self._lost_at = postgresql.Dialing(), -GONE
        self.reader, self.writer = self._engine(False, pool_size), self._engine(True, pool_size)
        self._turns = sqlite.Turns()
        # For frequent cheap queries (public_version.py, changes.py), which handle a broken connection themselves.
        self.looker = self.reader if self.is_sqlite else self._server(isolation_level="AUTOCOMMIT", pool_size=8)
        self.matcher, self.ring, self.base_url = matcher, keys, base_url.rstrip("/")
        info = {"keys": keys, "base_url": self.base_url, "matcher": matcher, "sign_in": rules}
        info |= {"letters_a_day": letters_a_day} if letters_a_day else {}
        self._read = sessionmaker(self.reader, expire_on_commit=False, autoflush=False, info=info)
        self._write = sessionmaker(self.writer, expire_on_commit=False, info=info)

    def _engine(self, writes: bool, pool_size: int) -> Engine:
        # Parameters may hold what readers wrote, which must not reach a log through an error message.
        kept = {"pool_size": pool_size, "max_overflow": 8, "hide_parameters": True}
        if self.is_sqlite:
            engine = create_engine(self.url, **kept)
            event.listen(engine, "do_connect", lambda *_: sqlite.make_private(self.url))
            event.listen(engine, "connect", sqlite.connect_listener(query_only=not writes))
            event.listen(engine, "begin", sqlite.begin_to_write if writes else sqlite.begin_listener("BEGIN"))
            return engine
        engine = self._server(pool_pre_ping=True, **kept)
        return engine if writes else engine.execution_options(postgresql_readonly=True)

    def _server(self, **kept: Any) -> Engine:
        engine = create_engine(self.url, connect_args=postgresql.line_to(self.url), **kept)
        event.listen(engine, "do_connect", self._dialing)
        event.listen(engine, "connect", postgresql.let_go(self.url))
        event.listen(engine, "handle_error", lambda context: self.lost() if context.is_disconnect else None)
        return engine

    def lost(self) -> None:
        """Dispose of the idle connections after one was found broken, since testing each takes seconds.

        Further calls within `GONE` seconds do nothing: their callers had older connections, and newer ones work.
        """
        if (now := time.monotonic()) > self._lost_at + GONE:
            self._lost_at = now
            self.close()

    @contextmanager
    def read(self, at: datetime | None = None) -> Iterator[Session]:
        """Open a read-only session, enforced by the database. `at` overrides its time (see `app.db.session.now`)."""
        with self._read() as session:
            session.info["at"] = at
            yield session

    def write(self, fn: Callable[[Session], T], at: datetime | None = None, *, empties_log: bool = True) -> T:
        """Run `fn` in one transaction, commit it, and return its result.

        A transaction that loses a race is retried from the start, so `fn` must have no side effects outside its
        session. `at` overrides the session's time (see `app.db.session.now`). With `empties_log=False`, SQLite's log is
        not emptied after an erasure; a caller that erases in several transactions does that once, at the end.

        Raises `Busy` if the database stays locked, doesn't answer, or every attempt loses the race; `NoRoom`, a
        subclass, if it accepts no changes. Other database errors propagate unchanged.
        """
        with self._turns.mine() if self.is_sqlite else nullcontext():
            return self._run_in_transaction(fn, at, empties_log)

    def _run_in_transaction(self, fn: Callable[[Session], T], now: datetime | None, empties_log: bool) -> T:
        began = time.monotonic()
        for attempt in range(TRIES):
            session = self._write()
            session.info["at"] = now
            try:
                with session, session.begin():
                    done = fn(session)
                if empties_log and session.info.get("erased"):
                    sqlite.empty_log(self.url)  # if that fails, and on PostgreSQL, see secure_delete.py
                return done
            except StaleDataError as error:
                fault: Exception = error
            except DBAPIError as error:
                kind = fault_kind(fault := error)
                if kind is FaultKind.NO_ROOM:
                    raise NoRoom("the database takes no changes") from error
                if kind not in (FaultKind.LOST_RACE, FaultKind.UNAVAILABLE):
                    raise
                # SQLite has waited for the lock already, and a server that can't be reached isn't retried for long.
                if self.is_sqlite or (kind is FaultKind.UNAVAILABLE and time.monotonic() > began + GONE):
                    break
            time.sleep(secrets.randbelow(20 * (attempt + 1)) / 1000)
        raise Busy("the database did not take the change") from fault

    def within(self, connection: Connection) -> Session:
        """Return a session in the open transaction of a connection that the caller commits."""
        return self._write(bind=connection)

    def close(self) -> None:
        for engine in (self.reader, self.writer, self.looker):
            engine.dispose()


def open_database(settings: Mapping[str, Any]) -> Database:
    """Create the `Database` for the settings of `config.load`. Raises `Unsafe` if its folder can't be created."""
    try:
        ring, rules = Keys(settings["SECRETS"]), SignInRules(*settings["SIGN_IN_RULES"])
        about = settings["MATCHER"], rules, settings["LETTERS_A_DAY"]
        return Database(settings["DATABASE_URL"], ring, settings["BASE_URL"], 8, *about)
    except OSError as error:
        raise Unsafe([f"DATABASE_URL: {error.filename} can't be made: {error.strerror}"]) from None
