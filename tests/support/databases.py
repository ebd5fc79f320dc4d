"""Databases for the tests, copies of templates, and two changes at one time in one of them."""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
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
from demo.load import load
from tests.support import postgres
from tests.support.app import BASE_URL, SECRETS, open_app
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom, create_newsroom
from tests.support.waiting import wait_until

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where the database makes no difference
VOLATILE_COLUMNS = ("id", "version", "state_at", "indexed_version")  # columns that an undone press leaves changed


def _connect_as_admin() -> psycopg.Connection[Any]:
    if not os.environ.get(postgres.URL_VARIABLE):
        skip_without("PostgreSQL server that lets us create databases")
    return psycopg.connect(postgres.to_psycopg_url(os.environ[postgres.URL_VARIABLE]), autocommit=True)


def execute_as_admin(statement: str) -> None:
    with _connect_as_admin() as server:
        server.execute(statement)


def _copy_database(server: psycopg.Connection[Any], name: str, template: str) -> None:
    """Copying files is five times faster than writing them to the log."""
    server.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE {template} STRATEGY FILE_COPY")


def postgres_url(name: str) -> str:
    return make_url(os.environ[postgres.URL_VARIABLE]).set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_copy(template: str) -> Iterator[str]:
    """A new database, dropped at the end; gives its name."""
    name = f"newsroom_{uuid4().hex}"
    with _connect_as_admin() as server:
        _copy_database(server, name, template)
    try:
        yield name
    finally:
        execute_as_admin(f"DROP DATABASE {name} WITH (FORCE)")


def create_newsroom_at(url: str) -> Newsroom:
    """Found the newsroom in a template, once for all tests that want one."""
    opened = Database(url, Keys(SECRETS), BASE_URL)
    newsroom = opened.write(create_newsroom)
    opened.close()
    return newsroom


def load_demo_year(url: str) -> None:
    """Let the demo newsroom live through its year until now."""
    opened = Database(url, Keys(SECRETS), BASE_URL)
    load(opened)
    opened.close()


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Keep other workers out meanwhile, by a lock on a file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class DatabasePool:
    """Where the tests of one worker find their databases: one address for each kind, filled anew for each test.

    The addresses stay, so that what is opened there stays too, and an app with it: SQLAlchemy compiles a statement once for
    each engine and Jinja loads a page once for each app, which for a new one took longer than most tests.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.file, self.stack = folder, folder / "data" / "newsroom.db", stack
        self.file.parent.mkdir()
        self.name = f"newsroom_{uuid4().hex}"
        self._server: psycopg.Connection[Any] | None = None
        self._databases: dict[str, Database] = {}
        self._apps: dict[str, Flask] = {}

    def copy_sqlite(self, template: Path) -> str:
        for left in self.file.parent.iterdir():
            left.unlink()
        shutil.copy(template, self.file)
        return f"sqlite:///{self.file}"

    def copy_postgres(self, template: str) -> str:
        if self._server is None:
            self._server = self.stack.enter_context(_connect_as_admin())
            self.stack.callback(self._drop)
        self._drop()
        _copy_database(self._server, self.name, template)
        return postgres_url(self.name)

    def _drop(self) -> None:
        assert self._server is not None
        self._server.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def get_database(self, url: str) -> Database:
        if url not in self._databases:
            self._databases[url] = Database(url, Keys(SECRETS), BASE_URL)
        return self._databases[url]

    def get_app(self, database: Database, compiled: FileSystemBytecodeCache) -> Flask:
        if database.url not in self._apps:
            opened = open_app(database, self.folder, compiled, limits="0")
            self._apps[database.url] = self.stack.enter_context(opened)
        return self._apps[database.url]


ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
COUNT_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def write_concurrently(
    database: Database, first: Callable[[Session], object], second: Callable[[Session], object]
) -> list[DomainError]:
    """Run `second` while the first is done and not yet committed: until it is over too, or waits for the first. Gives why it was
    refused, if it was."""
    refused: list[DomainError] = []

    def run() -> None:
        try:
            database.write(second)
        except DomainError as why:
            refused.append(why)

    other = threading.Thread(target=run)

    def both(session: Session) -> None:
        first(session)
        session.flush()
        other.start()
        wait_until_blocked(database, other)

    database.write(both)
    other.join()
    return refused


def wait_until_blocked(database: Database, other: threading.Thread) -> None:
    """Wait until a thread that writes is over, or stands behind the transaction that is open now."""
    wait_until(lambda: not other.is_alive() or _is_writer_blocked(database), "the other one at the door")


def _is_writer_blocked(database: Database) -> bool:
    if database.is_sqlite:
        return len(database._writer_queue._queue) > 1
    with database.read() as session:
        return bool(session.scalar(text(COUNT_WAITING)))
