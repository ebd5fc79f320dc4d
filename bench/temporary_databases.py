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

from .surroundings import SECRET, Run

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# The tests' own server doesn't wait for the disk; benchmarks must.
DURABLE = {"autovacuum": "on", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def _server() -> Iterator[str | None]:
    """Yield the URL of a running server that we may use, or start one; None if there is none."""
    named = os.environ.get(postgres.URL_VARIABLE)
    running = next(
        (url for url in ((named,) if named else postgres.DEFAULT_URLS) if postgres.can_create_databases(url)), None
    )
    if running:
        yield running
        return
    with postgres.find_or_start_server(**DURABLE) as url:
        yield url


@contextmanager
def empty(kind: str, number: int, folder: Path) -> Iterator[list[str]]:
    """Create empty databases and yield their URLs; drop them at the end. Yield none if there is no server for them."""
    if kind == "sqlite":
        yield [f"sqlite:///{(folder / f'{uuid4().hex}.db').resolve()}" for _ in range(number)]
        return
    with _server() as server, ExitStack() as stack:
        if not server:
            yield []
            return
        admin = stack.enter_context(psycopg.connect(postgres.to_psycopg_url(server), autocommit=True))
        names = [f"bench_{uuid4().hex}" for _ in range(number)]
        for name in names:
            admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
            stack.callback(admin.execute, f"DROP DATABASE {name} WITH (FORCE)")
        yield [make_url(server).set(database=name).render_as_string(hide_password=False) for name in names]


def opened(url: str) -> Database:
    return Database(url, Keys({1: SECRET}), "http://127.0.0.1")


@contextmanager
def filled(run: Run, kind: str, what: str, fill: Callable[[Database, int], object]) -> Iterator[dict[int, str]]:
    """Yield the URLs of databases by size, filled by `fill`, or copied from those kept by an earlier run."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name,
        empty(kind, len(run.sizes), Path(name)) as urls,
    ):
        if not urls:
            run.say(f"{what}, {NAMES[kind]}: not measured, no server lets us make a database ({postgres.URL_VARIABLE})")
        for size, url in zip(run.sizes, urls, strict=False):
            kept = _kept(run.kept, url, f"{what}-{size}") if run.kept else None
            if kept and _copy(kept, url):
                migrate(url)
                continue
            run.say(f"{what}, {NAMES[kind]}, {size:,} questions: filling ...")
            migrate(url)
            database = opened(url)
            fill(database, size)
            with database.writer.connect() as connection:
                connection.exec_driver_sql("ANALYZE")
                connection.commit()
            database.close()
            if kept:
                _copy(url, kept)
        yield dict(zip(run.sizes, urls, strict=False))


def _kept(folder: Path, url: str, name: str) -> str:
    """Return the URL of the kept copy of a filled database: in the folder for SQLite, else on the same server."""
    if url.startswith("sqlite"):
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder.resolve() / name}.db"
    kept = make_url(url).set(database=f"bench_kept_{name}")
    return kept.render_as_string(hide_password=False)


def _copy(source: str, target: str) -> bool:
    """Replace the target with a copy of the source; return whether there is a source."""
    one, other = make_url(source), make_url(target)
    if source.startswith("sqlite"):
        if not Path(str(one.database)).is_file():
            return False
        with closing(sqlite3.connect(str(one.database))) as file, closing(sqlite3.connect(str(other.database))) as copy:
            file.backup(copy)
        return True
    everywhere = one.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(postgres.to_psycopg_url(everywhere), autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [one.database]).fetchone():
            return False
        admin.execute(f'DROP DATABASE IF EXISTS "{other.database}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{other.database}" TEMPLATE "{one.database}" STRATEGY FILE_COPY')
    return True
