"""`python -m bench.growth`: what a page and a submission cost at several sizes of one newsroom, in one process.

For each page of the desk and of readers (these made anew, past the served copies), and for a submission: statements,
steps of SQLite's machine, and milliseconds of CPU and of waiting, in the medians of rounds in which the sizes take
turns. PostgreSQL's own CPU is in the waiting alone. A ratio compares the last size with the first.
"""

import argparse
import base64
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

import config
from app import create_app
from app.core.actors import Mailroom
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from app.editions.archive import listing, sent_editions
from app.letters import receive
from app.newsletters.models import Newsletter
from app.newsletters.queries import by_slug
from app.reader import form_token
from demo.scale.people import SLUG

from . import doors
from .desk import desk_paths
from .fill import fill_newsroom, invite_editor, write_letter

SECRET = bytes(range(32))
STEPS = 100  # of SQLite's virtual machine, between two calls of the progress handler
ROUNDS, POSTS = 9, 90
OF_TODAY = 60
NEXT = text("UPDATE public_versions SET version = :version")


@dataclass
class House:
    """A newsroom of one size, open in this process."""

    app: Flask
    size: int
    cookie: str
    desk: dict[str, str]
    reader: dict[str, str]
    number: int = 0

    @property
    def database(self) -> Database:
        database: Database = self.app.extensions["database"]
        return database

    def open(self, path: str) -> None:
        cookie = {"Cookie": self.cookie} if path.startswith("/desk/") else {}
        answer = self.app.test_client(use_cookies=False).get(path, headers=cookie)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} {answer.status_code} at {self.size:,}")

    def change(self) -> None:
        """Invalidate all cached pages of readers."""
        self.database.write(lambda session: session.execute(NEXT, {"version": secrets.token_hex(8)}))

    def form(self) -> dict[str, str]:
        self.number += 1
        with self.app.test_request_context(), self.database.read() as session:
            newsletter = by_slug(session, SLUG)
            assert newsletter is not None
            token = form_token.make(session, newsletter)
        return {"form": token, "body": write_letter(self.number), "hear_back": "number"}

    def send(self, form: dict[str, str]) -> None:
        answer = self.app.test_client(use_cookies=False).post(f"/{SLUG}/ask", data=form)
        if answer.status_code != 200:
            raise RuntimeError(f"a submission: {answer.status_code}")


def filled(url: str, size: int) -> Database:
    """Open a database, and fill it with this many questions if it is empty."""
    migrate(url)
    database = Database(url, Keys({1: SECRET}), "http://127.0.0.1")
    with database.read() as session:
        is_new = session.scalar(select(Newsletter.id).limit(1)) is None
    if is_new:
        began = time.monotonic()
        fill_newsroom(database, size)
        print(f"{size:,}: filled in {time.monotonic() - began:.1f} s")
        if not database.is_sqlite:
            with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    return database


def opened(url: str, size: int, folder: str) -> House:
    filled(url, size).close()
    key = "1:" + base64.b64encode(SECRET).decode()
    settings = {"READERS_ASKED_ENV": "demo", "SECRET_KEYS": key, "DATABASE_URL": url, "LIMITS": "0"}
    app = create_app(config.load({**settings, "BASE_URL": "http://127.0.0.1", "MAIL_FOLDER": f"{folder}/mail"}))
    database: Database = app.extensions["database"]
    cookie = doors.cookie(app, database.write(invite_editor))
    database.write(_busy_day)
    with database.read() as session, app.test_request_context():
        desk = desk_paths(session) | {"what leaves": f"/desk/{SLUG}/leaving", "search": f"/desk/{SLUG}/search?q=Leyla"}
        return House(app, size, cookie, desk, _readers(session))


def _busy_day(session: Session) -> None:
    """Add the same number of today's letters at each size, as a submission is compared with up to sixty of them."""
    newsletter = by_slug(session, SLUG)
    assert newsletter is not None
    for number in range(OF_TODAY):
        receive.send(session, Mailroom(), newsletter, receive.Submission(write_letter(-1 - number)), channel="mail")


def _readers(session: Session) -> dict[str, str]:
    newsletter = by_slug(session, SLUG)
    assert newsletter is not None
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
    return {name: f"/{SLUG}{path}" for name, path in paths.items()}


@contextmanager
def heard(house: House) -> Iterator[tuple[list[str], list[int]]]:
    """Yield lists that collect the SQL statements of the block, and the steps of SQLite's virtual machine for them."""
    statements: list[str] = []
    steps: list[int] = []
    engines = (house.database.reader, house.database.writer)

    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if house.database.is_sqlite:
            connection.connection.dbapi_connection.set_progress_handler(lambda: steps.append(STEPS), STEPS)
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield statements, steps
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
        if house.database.is_sqlite:
            with engine.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                driver.set_progress_handler(None, 0)


def taken(do: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of CPU time of this thread, and of wall-clock time."""
    cpu, wall = time.thread_time(), time.perf_counter()
    do()
    return (time.thread_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000


def row(name: str, houses: list[House], before: Callable[[House], Any], do: Callable[[House, Any], None]) -> None:
    asked, found = [], {house.size: list[tuple[float, float]]() for house in houses}
    for house in houses:
        do(house, before(house))
        given = before(house)
        with heard(house) as (statements, steps):
            do(house, given)
        asked.append((len(statements), sum(steps)))
    for _ in range(POSTS if name == "a submission" else ROUNDS):
        for house in houses:
            given = before(house)
            found[house.size].append(taken(lambda house=house, given=given: do(house, given)))  # type: ignore[misc]
    cpu, wall = ([median(one[which] for one in found[house.size]) for house in houses] for which in (0, 1))
    machine = " ".join(f"{number / 1000:>7.1f}" for _, number in asked)
    figures = "   ".join(" ".join(f"{one:>7.2f}" for one in column) for column in (cpu, wall))
    counted = " ".join(f"{number:>3}" for number, _ in asked)
    print(
        f"{name:<22} {counted}   {machine}   {figures}   x{cpu[-1] / cpu[0]:.2f} x{wall[-1] / wall[0]:.2f}", flush=True
    )


def report(houses: list[House]) -> None:
    sizes = ", ".join(f"{house.size:,}" for house in houses)
    print(f"\n{'at ' + sizes:<22} statements, thousand steps, CPU ms, waited ms, ratios of CPU and waiting")
    row("a submission", houses, House.form, House.send)
    for name in houses[0].reader:
        row(name, houses, House.change, lambda house, _, name=name: house.open(house.reader[name]))  # type: ignore[misc]
    for name in houses[0].desk:
        row(f"desk: {name}", houses, lambda _: None, lambda house, _, name=name: house.open(house.desk[name]))  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--kept", type=Path, help="a folder for the SQLite databases, used again the next time")
    parser.add_argument("--postgres", nargs="+", help="PostgreSQL databases, one of each size, empty or kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        kept = (given.kept or Path(folder)).resolve()
        kept.mkdir(exist_ok=True)
        urls = given.postgres or [f"sqlite:///{kept}/{size}.db" for size in given.sizes]
        houses = [opened(url, size, folder) for url, size in zip(urls, given.sizes, strict=True)]
        for house in houses:
            if (file := kept / f"{house.size}.db").exists():
                print(f"{house.size:,}: {file.stat().st_size / 2**20:,.0f} MiB")
        print(f"load {os.getloadavg()[0]:.1f}")
        report(houses)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
