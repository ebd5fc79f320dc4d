"""`python -m bench desk`: the desk's pages with 1,000 and with 100,000 questions, in pairs that run one after the
other.

The newsroom is the demo's own big newsletter, its search index and its insights filled. For each page: statements,
milliseconds of CPU, and how long one waits for it, at both sizes; the ratio is that of the waiting. A page that a
database can't open more than twice as slowly is good enough.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from flask import Flask
from sqlalchemy import event, func, make_url, select
from sqlalchemy.orm import Session

import config
from app import create_app
from app.actors import Clock
from app.answers.models import Assignment
from app.db import Database
from app.editions.models import Edition
from app.indexing import index_anew
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.migrate import migrate
from app.newsletters.models import Newsletter
from app.newsroom.weekly_counts import count_due
from app.people import sign_in
from app.people.directory import by_email
from app.people.models import Expert
from app.questions.models import Question
from app.seal import Keys
from demo.scale.fill import grow
from demo.scale.people import DESK, SLUG
from tests.support import postgres

from . import doors
from .load import Call, Result, run
from .servers import serving

SIZES = (1_000, 100_000)
SECRET = bytes(range(32))
CLIENTS, ROUNDS, SECONDS = 1, 3, 1.0  # one editor: two would wait for each other now and then
GOAL = 2.0  # as slow at the larger size, at most
ABSENT = 404  # a page that this version has not
Say = Callable[[str], None]


@dataclass(frozen=True)
class Desk:
    """A newsroom of one size, being served: the app to count statements in, the server to measure, what to open."""

    app: Flask
    port: int
    server: psutil.Process
    cookie: str
    paths: dict[str, str]

    def call(self, page: str) -> Call:
        return Call(self.paths[page], cookie=self.cookie)


def report(say: Say, sizes: tuple[int, ...] = SIZES, kept: Path | None = None) -> None:
    """Measure on SQLite, and on PostgreSQL where there is one. Databases in the folder `kept` are used again and
    stay."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        place = kept or Path(folder)
        place.mkdir(exist_ok=True)
        urls = [f"sqlite:///{(place / f'desk-{size}.db').resolve()}" for size in sizes]
        _compare(say, "SQLite", urls, sizes, folder)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder, _on_postgres(len(sizes)) as urls:
        if urls:
            _compare(say, "PostgreSQL", urls, sizes, folder)
        else:
            say("the desk, PostgreSQL: not measured, no server lets us make a database (TEST_POSTGRES_URL)")


@contextmanager
def _on_postgres(number: int) -> Iterator[list[str]]:
    """So many new databases, dropped at the end; none where there is no server."""
    # What is filled for minutes has counts that are written over and over: without cleaning up they grow and grow slow.
    with postgres.server(autovacuum="on") as server, ExitStack() as stack:
        if not server:
            yield []
            return
        admin = stack.enter_context(psycopg.connect(postgres.plain(server), autocommit=True))
        names = [f"desk_{uuid4().hex}" for _ in range(number)]
        for name in names:
            admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
            stack.callback(admin.execute, f"DROP DATABASE {name} WITH (FORCE)")
        yield [make_url(server).set(database=name).render_as_string(hide_password=False) for name in names]


def _compare(say: Say, name: str, urls: list[str], sizes: tuple[int, ...], folder: str) -> None:
    with ExitStack() as stack:
        desks = []
        for url, size in zip(urls, sizes, strict=True):
            say(f"the desk, {name}, {size:,} questions: filling ...")
            _fill(url, size)
            desks.append(stack.enter_context(_served(url, folder)))
        say(
            f"\n{name:<24} statements    CPU ms        p50 ms        p99 ms    ratio  (at "
            f"{' and '.join(f'{size:,}' for size in sizes)})"
        )
        for page in desks[0].paths:
            if _status(desks[0], page) == ABSENT:
                continue
            say(_row(page, desks))


def _fill(url: str, size: int) -> None:
    """Fill an empty database; one that was kept from another time is only brought to the shape of the code."""
    migrate(url)
    database = Database(url, Keys({1: SECRET}), "http://127.0.0.1")
    with database.read() as session:
        empty = session.scalar(select(Newsletter.id).limit(1)) is None
    if empty:
        grow(database, size)
        for _ in index_anew(database):
            pass
        while count_due(database):
            pass
        with database.writer.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
    database.close()


@contextmanager
def _served(url: str, folder: str) -> Iterator[Desk]:
    from .__main__ import environment

    settings = environment(url, folder)
    app = create_app(config.load(settings))
    with serving("wsgi:app", settings) as (port, server):
        database: Database = app.extensions["database"]
        cookie = doors.cookie(app, database.write(_way_in))
        with database.read() as session:
            paths = _paths(session)
        yield Desk(app, port, server, cookie, paths)
        database.close()


def _way_in(session: Session) -> str:
    person = by_email(session, DESK[0][1])
    assert person is not None
    return sign_in.invite(session, Clock(), person, "desk")


def _paths(session: Session) -> dict[str, str]:
    """What the pages of the big newsletter's desk are, each with a row in the midst of the others. Lists are full at
    any size: what is compared is how they are found, not how many rows are drawn."""
    newsletter = session.scalar(select(Newsletter.id).filter_by(slug=SLUG))

    def one(model: type[Letter] | type[Question] | type[Edition] | type[OutboxMail], *where: Any) -> str:
        mine: list[Any] = [model.newsletter_id == newsletter, *where]
        middle = (session.scalar(select(func.count()).where(*mine)) or 0) // 2
        public_id: str | None = session.scalar(
            select(model.public_id).where(*mine).order_by(model.id).offset(middle).limit(1)
        )
        assert public_id is not None, (model, where)
        return public_id

    busiest = session.scalar(
        select(Expert.public_id)
        .join(Assignment, Assignment.expert_id == Expert.id)
        .group_by(Expert.id)
        .order_by(func.count().desc())
        .limit(1)
    )
    deep = one(Letter, Letter.state == "filed")
    paths = {
        "overview": "/",
        "letters": "/letters",
        "letters, deep": f"/letters?state=filed&before={deep}",
        "letters, filtered": "/letters?state=filed&channel=mail",
        "letters, searched": "/letters?state=all&q=prices",
        "a letter": f"/letters/{one(Letter, Letter.state == 'received')}",
        "questions": "/questions",
        "questions, searched": "/questions?state=all&q=prices",
        "a question": f"/questions/{one(Question, Question.state == 'published')}",
        "a question to route": f"/questions/{one(Question, Question.state == 'open')}",
        "whom to ask": f"/questions/{one(Question, Question.state == 'open')}/ask",
        "shelf": "/shelf",
        "experts": "/experts",
        "an expert": f"/experts/{busiest}",
        "editions": "/editions",
        "an edition sent": f"/editions/{one(Edition, Edition.state == 'sent')}",
        "builder": f"/editions/{_next_planned(session, newsletter)}",
        "outbox": "/outbox",
        "a mail": f"/outbox/{one(OutboxMail, OutboxMail.state == 'sent')}",
        "pen": "/pen",
        "archive": "/archive",
        "insights": "/insights",
        "trail": "/trail",
    }
    return {name: f"/desk/{SLUG}{path}" for name, path in paths.items()}


def _next_planned(session: Session, newsletter_id: int | None) -> str | None:
    planned = (
        select(Edition.public_id).filter_by(newsletter_id=newsletter_id, state="planned").order_by(Edition.runs_at)
    )
    return session.scalar(planned.limit(1))


def _status(desk: Desk, page: str) -> int:
    call = desk.call(page)
    return desk.app.test_client(use_cookies=False).get(call.path, headers={"Cookie": call.cookie}).status_code


def statements(desk: Desk, page: str) -> list[str]:
    """What a page asks of its database."""
    asked: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    reader = desk.app.extensions["database"].reader
    event.listen(reader, "before_cursor_execute", listen)
    assert _status(desk, page) == 200, page
    event.remove(reader, "before_cursor_execute", listen)
    return asked


def _row(page: str, desks: list[Desk]) -> str:
    counted = [len(statements(desk, page)) for desk in desks]
    rounds: list[list[Result]] = [[] for _ in desks]
    for desk in desks:
        run(desk.port, desk.server, repeat(desk.call(page)), CLIENTS, 0.3)
    for _ in range(ROUNDS):
        for desk, found in zip(desks, rounds, strict=True):
            found.append(run(desk.port, desk.server, repeat(desk.call(page)), CLIENTS, SECONDS))
    failed = sum(result.failed for found in rounds for result in found)
    columns = [[median(getattr(one, value) for one in found) for found in rounds] for value in ("cpu_ms", "p50", "p99")]
    ratio = columns[1][-1] / max(columns[1][0], 0.01)
    cells = "  ".join(" ".join(f"{value:>6.1f}" for value in column) for column in columns)
    return (
        f"{page:<24} {' '.join(f'{number:>4}' for number in counted)}  {cells}   x{ratio:.2f}"
        + ("   OVER" if ratio > GOAL else "")
        + (f"   FAILED {failed}" if failed else "")
    )
