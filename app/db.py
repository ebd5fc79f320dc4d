"""The two ways to the data, `read()` and `write(fn)`, and what every table shares."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, TypeVar

from sqlalchemy import DateTime, ForeignKey, MetaData, Select, String, bindparam, create_engine, event, select, text
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column, sessionmaker
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.types import TypeDecorator

from config import Unsafe

from . import postgresql, sqlite
from .core.clock import utc_now
from .db_faults import Busy, FaultKind, NoRoom, fault_kind
from .seal import Keys
from .sign_in_rules import SignInRules

T = TypeVar("T")
R = TypeVar("R", bound="Row")

TRIES = 5  # how often a transaction that lost a race is run again
GONE = 2.0  # seconds after which one whose connection broke is not
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: easy to read aloud


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC time with microseconds. SQLite keeps no zone, so it is taken off and put on again here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was about to be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def drawn_signs(number: int) -> str:
    """So many random Crockford symbols, of 5 bits each."""
    return secrets.token_bytes(number).translate(CROCKFORD.encode() * 8).decode()


def new_public_id() -> str:
    """Twelve random Crockford symbols (60 bits): stands in addresses and is no permission."""
    return drawn_signs(12)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UTCDateTime}


class Row(Base):
    """A table whose integer key stays inside the house and is never used twice."""

    __abstract__ = True
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)


class Public:
    """A row with an address of its own, by which SQLAlchemy tells several rows apart that one statement inserts."""

    public_id: Mapped[str] = mapped_column(String(12), unique=True, default=new_public_id, insert_sentinel=True)


class OfNewsletter:
    """A row of one newsletter."""

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))


class Verified:
    """A row with a name that somebody of the desk has checked, or nobody yet."""

    verified_at: Mapped[datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verified_how: Mapped[str | None] = mapped_column(String(400))


class Editable:
    """A row that two people can edit: the second of two writers is refused by its version."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - it is called with the class
        return {"version_id_col": cls.version}


def now(session: Session) -> datetime:
    """The session's time: the demo newsroom and the tests live through a year in a minute."""
    return session.info.get("at") or utc_now()


def added(session: Session, row: R) -> R:
    """Add a new row and give it its key."""
    session.add(row)
    session.flush()
    return row


@contextmanager
def as_of(session: Session, moment: datetime) -> Iterator[None]:
    """Let all that is done inside be noted as done at `moment`: where the minute must not be kept."""
    before, session.info["at"] = session.info.get("at"), moment
    try:
        yield
    finally:
        session.info["at"] = before


def keys(session: Session) -> Keys:
    """The secrets of the settings, and the older ones that the database keeps (sealing_keys.py)."""
    ring: Keys = session.info["keys"]
    if not ring.is_whole:
        older = text("SELECT number, kept FROM sealing_keys WHERE kept IS NOT NULL ORDER BY number DESC")
        rows = session.connection().execute(older).all()
        ring.take_in({f"sealing_keys.kept.{number}": (number, bytes(kept)) for number, kept in rows})
    return ring


def address(session: Session, path: str) -> str:
    """The whole address of a page of ours, for a mail or an export."""
    return f"{session.info['base_url']}{path}"


def by_keys(session: Session, noun: type[R], keys: Collection[int]) -> dict[int, R]:
    """Several rows by their keys, in one query."""
    return {row.id: row for row in session.scalars(_by_keys(noun), {"keys": list(keys)})} if keys else {}


@cache
def _by_keys(noun: type[R]) -> Select[R]:
    return select(noun).where(noun.id.in_(bindparam("keys", expanding=True)))


def quietly(session: Session, change: Any) -> None:
    """Change rows by one statement that moves no version: nobody's open form gets stale by it."""
    session.execute(change, execution_options={"synchronize_session": False})


def lock(session: Session, row: R) -> R:
    """Read the row again and keep other writers from it until the end of the transaction."""
    session.refresh(row, with_for_update={"of": type(row)})  # "of": not of what is joined to it
    return row


class Database:
    """One database for web, worker and commands.

    `url` is a SQLAlchemy address of SQLite or PostgreSQL (psycopg); `keys` seal and open what is stored; mailed links
    begin with `base_url`, never with what a request's Host header says. `rules` are those of signing in.
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
        # For a quick look (seen_by_readers.py, changes.py): whoever looks finds out whether its connection works.
        self.looker = self.reader if self.is_sqlite else self._server(isolation_level="AUTOCOMMIT", pool_size=8)
        self.matcher, self.ring, self.base_url = matcher, keys, base_url.rstrip("/")
        info = {"keys": keys, "base_url": self.base_url, "matcher": matcher, "sign_in": rules}
        info |= {"letters_a_day": letters_a_day} if letters_a_day else {}
        self._read = sessionmaker(self.reader, expire_on_commit=False, autoflush=False, info=info)
        self._write = sessionmaker(self.writer, expire_on_commit=False, info=info)

    def _engine(self, writes: bool, pool_size: int) -> Engine:
        # What readers wrote are parameters: no error may carry them into somebody's log.
        kept = {"pool_size": pool_size, "max_overflow": 8, "hide_parameters": True}
        if self.is_sqlite:
            engine = create_engine(self.url, **kept)
            event.listen(engine, "do_connect", lambda *_: sqlite.make_private(self.url))
            event.listen(engine, "connect", sqlite.connected(query_only=not writes))
            event.listen(engine, "begin", sqlite.begin_to_write if writes else sqlite.begun("BEGIN"))
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
        """Forget all connections that nobody uses. One was found broken; to find it out of each takes seconds.

        Those who find one a moment later have used an old one: what was made since works.
        """
        if (now := time.monotonic()) > self._lost_at + GONE:
            self._lost_at = now
            self.close()

    @contextmanager
    def read(self, at: datetime | None = None) -> Iterator[Session]:
        """A session that can only query, with `at` as its time; the database itself refuses a write through it."""
        with self._read() as session:
            session.info["at"] = at
            yield session

    def write(self, fn: Callable[[Session], T], at: datetime | None = None, *, empties_log: bool = True) -> T:
        """Run `fn` in one transaction and commit it.

        A transaction that loses a race is run again from the start, so `fn` has no other effect than on its session.
        `at` sets the session's time (see `now`). Without `empties_log`, whoever erases several times empties SQLite's
        log once, at the end. Raises `Busy` when the database stays locked, does not answer, or the race stays lost, and
        of that `NoRoom` where it can't take any; any other error of the database as it is.
        """
        with self._turns.mine() if self.is_sqlite else nullcontext():
            return self._written(fn, at, empties_log)

    def _written(self, fn: Callable[[Session], T], at: datetime | None, empties_log: bool) -> T:
        began = time.monotonic()
        for attempt in range(TRIES):
            session = self._write()
            session.info["at"] = at
            try:
                with session, session.begin():
                    done = fn(session)
                if empties_log and session.info.get("erased"):
                    sqlite.empty_log(self.url)  # where it can't, and on PostgreSQL, see remains.py
                return done
            except StaleDataError as error:
                fault: Exception = error
            except DBAPIError as error:
                kind = fault_kind(fault := error)
                if kind is FaultKind.NO_ROOM:
                    raise NoRoom("the database takes no changes") from error
                if kind not in (FaultKind.LOST_RACE, FaultKind.UNAVAILABLE):
                    raise
                # SQLite has waited for its turn already, and a server that is gone isn't waited for again and again.
                if self.is_sqlite or (kind is FaultKind.UNAVAILABLE and time.monotonic() > began + GONE):
                    break
            time.sleep(secrets.randbelow(20 * (attempt + 1)) / 1000)
        raise Busy("the database did not take the change") from fault

    def within(self, connection: Connection) -> Session:
        """Return a session in the transaction of a connection that somebody else has opened and commits."""
        return self._write(bind=connection)

    def close(self) -> None:
        for engine in (self.reader, self.writer, self.looker):
            engine.dispose()


def opened(settings: Mapping[str, Any]) -> Database:
    """Return the database of the settings that `config.load` returned. Raises `Unsafe` where its folder can't be."""
    try:
        ring, rules = Keys(settings["SECRETS"]), SignInRules(*settings["SIGN_IN_RULES"])
        about = settings["MATCHER"], rules, settings["LETTERS_A_DAY"]
        return Database(settings["DATABASE_URL"], ring, settings["BASE_URL"], 8, *about)
    except OSError as error:
        raise Unsafe([f"DATABASE_URL: {error.filename} can't be made: {error.strerror}"]) from None
