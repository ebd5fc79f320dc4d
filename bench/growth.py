"""`python -m bench.growth`: the cost of a page and of a submission at several sizes of one newsroom, in one process.

For each page of the desk and of readers (with all cached pages invalidated), and for a submission: statements, steps of
SQLite's virtual machine, and milliseconds of CPU and wall-clock time, in the medians of rounds in which the sizes take
turns. PostgreSQL's own CPU is only in the wall-clock time. A ratio compares the last size with the first.
"""

import argparse
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

import config
from app import create_app
from app.core.actors import Mailroom
from app.db.engine import Database
from app.db.migrate import migrate
from app.editions.archive import listing, sent_editions
from app.letters import receive
from app.newsletters.models import Newsletter
from demo.scale.long_road import SLUG

from .desk_pages import list_desk_paths
from .newsroom_data import fill_newsroom, get_newsletter, invite_editor, write_letter
from .request_builders import ASK_PATH, build_question_form, sign_in
from .run_options import server_settings
from .temporary_databases import open_database

STEPS_PER_CALL = 100  # of SQLite's virtual machine, between two calls of the progress handler
PAGE_ROUNDS, SUBMISSION_ROUNDS = 9, 90
LETTERS_TODAY = 60
INVALIDATE_PAGES = text("UPDATE public_versions SET version = :version")


@dataclass
class OpenNewsroom:
    """A newsroom of one size, open in this process, with the paths of its pages by name."""

    app: Flask
    size: int
    cookie: str
    desk_paths: dict[str, str]
    reader_paths: dict[str, str]
    letters_written: int = 0

    @property
    def database(self) -> Database:
        database: Database = self.app.extensions["database"]
        return database

    def open_page(self, path: str) -> None:
        headers = {"Cookie": self.cookie} if path.startswith("/desk/") else {}
        response = self.app.test_client(use_cookies=False).get(path, headers=headers)
        if response.status_code != 200:
            raise RuntimeError(f"{path} {response.status_code} at {self.size:,}")

    def invalidate_pages(self) -> None:
        """Invalidate all cached pages of readers."""
        self.database.write(lambda session: session.execute(INVALIDATE_PAGES, {"version": secrets.token_hex(8)}))

    def build_form(self) -> dict[str, str]:
        self.letters_written += 1
        return build_question_form(self.app, self.letters_written)

    def submit(self, form: dict[str, str]) -> None:
        response = self.app.test_client(use_cookies=False).post(ASK_PATH, data=form)
        if response.status_code != 200:
            raise RuntimeError(f"a submission: {response.status_code}")


@dataclass(frozen=True)
class MeasuredAction:
    """An action whose cost is measured: `run` with what `prepare` returned, which isn't measured."""

    name: str
    rounds: int
    prepare: Callable[[OpenNewsroom], Any]
    run: Callable[[OpenNewsroom, Any], None]


def _fill_if_empty(url: str, size: int) -> None:
    """Migrate a database, and fill it with this many questions if it is empty."""
    migrate(url)
    database = open_database(url)
    with database.read() as session:
        is_empty = session.scalar(select(Newsletter.id).limit(1)) is None
    if is_empty:
        start = time.monotonic()
        fill_newsroom(database, size)
        print(f"{size:,}: filled in {time.monotonic() - start:.1f} s")
        if not database.is_sqlite:
            with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    database.close()


def open_newsroom(url: str, size: int, folder: str) -> OpenNewsroom:
    """Open a newsroom of this many questions; fill the database if it is empty."""
    _fill_if_empty(url, size)
    app = create_app(config.load(server_settings(url, folder)))
    database: Database = app.extensions["database"]
    cookie = sign_in(app, database.write(invite_editor))
    database.write(_add_letters_of_today)
    with database.read() as session, app.test_request_context():
        desk_paths = list_desk_paths(session)
        desk_paths |= {"what leaves": f"/desk/{SLUG}/leaving", "search": f"/desk/{SLUG}/search?q=Leyla"}
        return OpenNewsroom(app, size, cookie, desk_paths, _list_reader_paths(session))


def _add_letters_of_today(session: Session) -> None:
    """Add the same number of today's letters at each size, as a submission is compared with up to sixty of them."""
    newsletter = get_newsletter(session)
    for number in range(LETTERS_TODAY):
        receive.send(session, Mailroom(), newsletter, receive.Submission(write_letter(-1 - number)), channel="mail")


def _list_reader_paths(session: Session) -> dict[str, str]:
    newsletter = get_newsletter(session)
    items = listing(newsletter).page(session, None, 100)
    edition = sent_editions(newsletter).page(session, None, 1)[0].public_id
    story = items[0].question
    assert story.text is not None
    paths = {
        "front page": "/",
        "archive": "/answers",
        "archive, deep": f"/answers?before={items[-1].question.public_id}",
        "a Q&A": f"/q/{story.public_id}/{story.text.slug}",
        "editions": "/editions",
        "an edition": f"/editions/{edition}",
        "ask form": "/ask",
        "feed": "/feed.xml",
        "calendar": "/calendar.ics",
        "sitemap": "/sitemap.xml",
    }
    return {page: f"/{SLUG}{path}" for page, path in paths.items()}


@contextmanager
def record_statements(database: Database) -> Iterator[tuple[list[str], list[int]]]:
    """Yield lists that collect the SQL statements of the block, and the steps of SQLite's virtual machine for them."""
    statements: list[str] = []
    steps: list[int] = []
    engines = (database.reader, database.writer)

    def record(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if database.is_sqlite:
            driver_connection = connection.connection.dbapi_connection
            driver_connection.set_progress_handler(lambda: steps.append(STEPS_PER_CALL), STEPS_PER_CALL)
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", record)
    yield statements, steps
    for engine in engines:
        event.remove(engine, "before_cursor_execute", record)
        if database.is_sqlite:
            with engine.connect() as connection:
                driver_connection: Any = connection.connection.dbapi_connection
                driver_connection.set_progress_handler(None, 0)


def measure_times(work: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of CPU time of this thread, and of wall-clock time."""
    cpu, wall = time.thread_time(), time.perf_counter()
    work()
    return (time.thread_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000


def count_statements(newsroom: OpenNewsroom, action: MeasuredAction) -> tuple[int, int]:
    """Return the number of statements and of SQLite's steps, after a first run that fills caches."""
    action.run(newsroom, action.prepare(newsroom))
    prepared = action.prepare(newsroom)
    with record_statements(newsroom.database) as (statements, steps):
        action.run(newsroom, prepared)
    return len(statements), sum(steps)


def print_costs_by_size(action: MeasuredAction, newsrooms: list[OpenNewsroom]) -> None:
    counts = [count_statements(newsroom, action) for newsroom in newsrooms]
    times: list[list[tuple[float, float]]] = [[] for _ in newsrooms]
    for _ in range(action.rounds):
        for newsroom, times_at_size in zip(newsrooms, times, strict=True):
            prepared = action.prepare(newsroom)
            times_at_size.append(measure_times(partial(action.run, newsroom, prepared)))
    cpu_ms = [median(cpu for cpu, _ in times_at_size) for times_at_size in times]
    wall_ms = [median(wall for _, wall in times_at_size) for times_at_size in times]
    statements = " ".join(f"{count:>3}" for count, _ in counts)
    steps = " ".join(f"{count / 1000:>7.1f}" for _, count in counts)
    figures = "   ".join(" ".join(f"{value:>7.2f}" for value in values) for values in (cpu_ms, wall_ms))
    ratios = f"x{cpu_ms[-1] / cpu_ms[0]:.2f} x{wall_ms[-1] / wall_ms[0]:.2f}"
    print(f"{action.name:<22} {statements}   {steps}   {figures}   {ratios}", flush=True)


def list_actions(newsroom: OpenNewsroom) -> list[MeasuredAction]:
    """Return a submission, the readers' pages and the desk's pages, by the names of their paths in `newsroom`."""
    actions = [MeasuredAction("a submission", SUBMISSION_ROUNDS, OpenNewsroom.build_form, OpenNewsroom.submit)]
    for page in newsroom.reader_paths:
        open_page = partial(_open_reader_page, page=page)
        actions.append(MeasuredAction(page, PAGE_ROUNDS, OpenNewsroom.invalidate_pages, open_page))
    for page in newsroom.desk_paths:
        open_page = partial(_open_desk_page, page=page)
        actions.append(MeasuredAction(f"desk: {page}", PAGE_ROUNDS, lambda _: None, open_page))
    return actions


def _open_reader_page(newsroom: OpenNewsroom, _prepared: None, page: str) -> None:
    newsroom.open_page(newsroom.reader_paths[page])


def _open_desk_page(newsroom: OpenNewsroom, _prepared: None, page: str) -> None:
    newsroom.open_page(newsroom.desk_paths[page])


def print_growth(newsrooms: list[OpenNewsroom]) -> None:
    sizes = ", ".join(f"{newsroom.size:,}" for newsroom in newsrooms)
    print(f"\n{'at ' + sizes:<22} statements, thousand steps, CPU ms, waited ms, ratios of CPU and waiting")
    for action in list_actions(newsrooms[0]):
        print_costs_by_size(action, newsrooms)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--kept", type=Path, help="a folder in which the SQLite databases are kept for the next run")
    parser.add_argument("--postgres", nargs="+", help="PostgreSQL databases, one for each size, empty or filled before")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        sqlite_folder = (arguments.kept or Path(folder)).resolve()
        sqlite_folder.mkdir(exist_ok=True)
        urls = arguments.postgres or [f"sqlite:///{sqlite_folder}/{size}.db" for size in arguments.sizes]
        newsrooms = [open_newsroom(url, size, folder) for url, size in zip(urls, arguments.sizes, strict=True)]
        for size in arguments.sizes:
            file = sqlite_folder / f"{size}.db"
            if file.exists():
                print(f"{size:,}: {file.stat().st_size / 2**20:,.0f} MiB")
        print(f"load {os.getloadavg()[0]:.1f}")
        print_growth(newsrooms)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
