"""Databases for the tests, copied from templates, and two concurrent changes in one of them."""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from app.core.domain_errors import DomainError
from app.crypto.seal import Keys
from app.db.engine import Database
from demo.loader import load_newsroom
from tests.support import postgres
from tests.support.app import BASE_URL, SECRETS, open_app
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom, create_newsroom
from tests.support.waiting import wait_until

# For tests of what doesn't depend on the database.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
COUNT_CONNECTIONS_QUERY, CONNECTION_CHECKS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", 50
Result = TypeVar("Result")
VOLATILE_COLUMNS = ("id", "version", "state_at", "indexed_version")  # columns that undoing a change doesn't restore


def _connect_as_admin() -> psycopg.Connection[Any]:
    if not os.environ.get(postgres.URL_VARIABLE):
        skip_without("PostgreSQL server that lets us create databases")
    return psycopg.connect(postgres.to_psycopg_url(os.environ[postgres.URL_VARIABLE]), autocommit=True)


def execute_as_admin(statement: str) -> None:
    with _connect_as_admin() as server:
        server.execute(statement)


def _copy_database(server: psycopg.Connection[Any], name: str, template: str) -> None:
    """Create a database from a template. FILE_COPY is five times faster than the default, which writes to the log."""
    server.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE {template} STRATEGY FILE_COPY")


def postgres_url(name: str) -> str:
    return make_url(os.environ[postgres.URL_VARIABLE]).set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_copy(template: str) -> Iterator[str]:
    """Create a database from a template, yield its name, and drop it."""
    name = f"newsroom_{uuid4().hex}"
    with _connect_as_admin() as server:
        _copy_database(server, name, template)
    try:
        yield name
    finally:
        execute_as_admin(f"DROP DATABASE {name} WITH (FORCE)")


def create_newsroom_at(url: str) -> Newsroom:
    """Create the newsroom in the database of a URL."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    newsroom = database.write(create_newsroom)
    database.close()
    return newsroom


def load_demo_year(url: str) -> None:
    """Load the demo newsroom with its year until now."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    load_newsroom(database)
    database.close()


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, to keep other test workers out."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class DatabasePool:
    """The databases of one test worker: one URL for each kind, with a new copy of a template for each test.

    As the URLs stay the same, the engines and the app are reused. SQLAlchemy compiles each statement once per engine
    and Jinja loads each template once per app, which would take longer than most tests.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.file, self.stack = folder, folder / "data" / "newsroom.db", stack
        self.file.parent.mkdir()
        self.name = f"newsroom_{uuid4().hex}"
        self._server: psycopg.Connection[Any] | None = None
        self._databases: dict[str, Database] = {}
        self._apps: dict[str, Flask] = {}
        self._snapshots: dict[tuple[str, str], tuple[Any, Any]] = {}  # by URL and name: a template, and what to return

    def copy_sqlite(self, template: Path) -> str:
        """Replace the SQLite database by a copy of a file; return its URL."""
        for old_file in self.file.parent.iterdir():
            old_file.unlink()
        shutil.copy(template, self.file)
        return f"sqlite:///{self.file}"

    def copy_postgres(self, template: str) -> str:
        """Replace the PostgreSQL database by a copy of a template database; return its URL."""
        if self._server is None:
            self._server = self.stack.enter_context(_connect_as_admin())
            self.stack.callback(self._drop, self.name)
        self._drop(self.name)
        _copy_database(self._server, self.name, template)
        return postgres_url(self.name)

    def fill(self, database: Database, name: str, build: Callable[[], Result]) -> Result:
        """Bring the database of a test into the state that `build` creates; return what `build` returned.

        Only the first test with this `name` calls `build`; the others get a copy of its database, which is faster.
        `build` closes connections other than those of `database` and the app. What it returns must hold for all of them: keys and texts, but no rows and nothing of the test's folder.
        """
        if (database.url, name) not in self._snapshots:
            result = build()
            self._close(database.url)
            self._snapshots[database.url, name] = (self._save(database), result)
        else:
            self._close(database.url)
            template, result = self._snapshots[database.url, name]
            (self.copy_sqlite if database.is_sqlite else self.copy_postgres)(template)
        return result

    def _close(self, url: str) -> None:
        """Close all connections of this process to a database."""
        self._databases[url].close()
        if url in self._apps:
            self._apps[url].extensions["database"].close()

    def _save(self, database: Database) -> Path | str:
        """Copy the database, which nobody uses, to a template."""
        template = f"newsroom_{uuid4().hex}"
        if database.is_sqlite:
            assert [path.name for path in self.file.parent.iterdir()] == [self.file.name], "close all connections"
            return Path(shutil.copy(self.file, self.folder / f"{template}.db"))
        assert self._server is not None
        self._wait_for_disconnects(self.name)
        _copy_database(self._server, template, self.name)
        self.stack.callback(self._drop, template)
        return template

    def _wait_for_disconnects(self, name: str) -> None:
        """Wait for connections to end, most of which do so a few milliseconds after they are closed."""
        assert self._server is not None
        for _ in range(CONNECTION_CHECKS):
            if self._server.execute(COUNT_CONNECTIONS_QUERY, [name]).fetchone() == (0,):
                break

    def _drop(self, name: str) -> None:
        """Drop a database when its connections have ended, because DROP DATABASE looks for them only every 100 ms."""
        self._wait_for_disconnects(name)
        assert self._server is not None
        self._server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def get_database(self, url: str) -> Database:
        if url not in self._databases:
            self._databases[url] = Database(url, Keys(SECRETS), BASE_URL)
        return self._databases[url]

    def get_app(self, database: Database, bytecode_cache: FileSystemBytecodeCache) -> Flask:
        if database.url not in self._apps:
            app = open_app(database, self.folder, bytecode_cache, limits="0")
            self._apps[database.url] = self.stack.enter_context(app)
        return self._apps[database.url]


ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
COUNT_WAITING_QUERY = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def write_concurrently(
    database: Database, first: Callable[[Session], object], second: Callable[[Session], object]
) -> list[DomainError]:
    """Start `second` after `first` has written and before it commits; return the error of `second`, if it was refused.

    `first` commits when `second` has ended or waits for its lock.
    """
    errors: list[DomainError] = []

    def write_second() -> None:
        try:
            database.write(second)
        except DomainError as error:
            errors.append(error)

    thread = threading.Thread(target=write_second)

    def write_first(session: Session) -> None:
        first(session)
        session.flush()
        thread.start()
        wait_until_blocked(database, thread)

    database.write(write_first)
    thread.join()
    return errors


def wait_until_blocked(database: Database, writer: threading.Thread) -> None:
    """Wait until a writing thread has ended, or waits for the open transaction of this thread."""
    wait_until(lambda: not writer.is_alive() or _is_writer_blocked(database), "the second writer")


def _is_writer_blocked(database: Database) -> bool:
    if database.is_sqlite:
        return len(database._writer_queue._queue) > 1
    with database.read() as session:
        return bool(session.scalar(text(COUNT_WAITING_QUERY)))
