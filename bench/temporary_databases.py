"""Temporary databases for benchmarks, filled to a size."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from tests.support import postgres

from .run_options import SECRET, RunOptions

DATABASE_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# The tests' own server doesn't wait for the disk; benchmarks must.
DURABLE_SETTINGS = {"autovacuum": "on", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def _postgres_server() -> Iterator[str | None]:
    """Yield the URL of a running server on which we may create databases, or start one; None if that is impossible."""
    configured = os.environ.get(postgres.URL_VARIABLE)
    for url in [configured] if configured else postgres.DEFAULT_URLS:
        if postgres.can_create_databases(url):
            yield url
            return
    with postgres.find_or_start_server(**DURABLE_SETTINGS) as started:
        yield started


@contextmanager
def postgres_databases(server: str, count: int) -> Iterator[list[str]]:
    """Create empty databases on a server and yield their URLs; drop them at the end."""
    with ExitStack() as stack:
        admin = stack.enter_context(psycopg.connect(postgres.to_psycopg_url(server), autocommit=True))
        names = [f"bench_{uuid4().hex}" for _ in range(count)]
        for name in names:
            admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
            stack.callback(admin.execute, f"DROP DATABASE {name} WITH (FORCE)")
        yield [_with_database(server, name) for name in names]


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def empty_databases(kind: str, count: int, folder: Path) -> Iterator[list[str]]:
    """Create empty databases and yield their URLs; drop them at the end. Yield none if there is no server for them.

    `kind` is a key of `DATABASE_NAMES`; the files of SQLite are created in the folder.
    """
    if kind == "sqlite":
        yield [f"sqlite:///{(folder / f'{uuid4().hex}.db').resolve()}" for _ in range(count)]
        return
    with _postgres_server() as server:
        if not server:
            yield []
            return
        with postgres_databases(server, count) as urls:
            yield urls


def open_database(url: str) -> Database:
    return Database(url, Keys({1: SECRET}), "http://127.0.0.1")


@contextmanager
def filled_databases(
    options: RunOptions, kind: str, name: str, fill: Callable[[Database, int], object]
) -> Iterator[dict[int, str]]:
    """Yield the URLs of databases by size, filled by `fill`, or copied from the cached ones of an earlier run.

    `name` distinguishes the contents in progress messages and in the names of cached databases.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        empty_databases(kind, len(options.sizes), Path(folder)) as urls,
    ):
        if not urls:
            options.write_line(
                f"{name}, {DATABASE_NAMES[kind]}: not measured, no server lets us make a database "
                f"({postgres.URL_VARIABLE})"
            )
        url_by_size = dict(zip(options.sizes, urls, strict=False))
        for size, url in url_by_size.items():
            cached = _cached_url(options.cache_folder, url, f"{name}-{size}") if options.cache_folder else None
            if cached and _copy_database(cached, url):
                migrate(url)
                continue
            options.write_line(f"{name}, {DATABASE_NAMES[kind]}, {size:,} questions: filling ...")
            _migrate_and_fill(url, size, fill)
            if cached:
                _copy_database(url, cached)
        yield url_by_size


def _migrate_and_fill(url: str, size: int, fill: Callable[[Database, int], object]) -> None:
    migrate(url)
    database = open_database(url)
    fill(database, size)
    with database.writer.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    database.close()


def _cached_url(folder: Path, url: str, name: str) -> str:
    """Return the URL of the cached copy of a filled database: in the folder for SQLite, else on the same server."""
    if url.startswith("sqlite"):
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder.resolve() / name}.db"
    return _with_database(url, f"bench_kept_{name}")


def _copy_database(source_url: str, target_url: str) -> bool:
    """Replace the target with a copy of the source; return whether there is a source."""
    source, target = make_url(source_url).database, make_url(target_url).database
    if source_url.startswith("sqlite"):
        if not Path(str(source)).is_file():
            return False
        with closing(sqlite3.connect(str(source))) as original, closing(sqlite3.connect(str(target))) as copy:
            original.backup(copy)
        return True
    admin_url = postgres.to_psycopg_url(_with_database(source_url, "postgres"))
    with psycopg.connect(admin_url, autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [source]).fetchone():
            return False
        admin.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY FILE_COPY')
    return True
