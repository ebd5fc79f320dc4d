"""Benchmarks of the desk's pages, the page of an expert's link, and searches, at each size.

Measures the statements, CPU time and latency of each page, for each size in turn, with a bare page in between. A page
may take at most twice as long in a larger database.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import psutil
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

import config
from app import create_app
from app.answers.models import Assignment
from app.db.engine import Database
from app.editions import archive
from app.editions.models import Edition
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.newsletters.queries import by_slug
from app.people import links
from app.people.models import Expert
from app.questions.models import Question
from demo.scale.people import SLUG

from . import doors
from .databases import NAMES, filled
from .fill import fill_newsroom, invite_editor
from .floor_rows import prepare
from .goals import BY_KEY, Figures, Measured, Place, worst
from .load import Call, Contender, Result, interleave
from .readers import changing
from .servers import serving
from .surroundings import Run, environment

# One editor, since two would sometimes wait for each other; more for the list of letters, which everybody opens.
CLIENTS, AT_THE_LETTERS = 1, 8
EXPERT, AUTOSAVE, EDITION = "an expert's link", "a draft saved", "an edition of 30, made anew"
FOUND = ("search", "search of readers")
ABSENT = 404  # the status of a page that this version doesn't have
Found = dict[str, dict[str, Measured]]  # by the goal's key and by the page


@dataclass(frozen=True)
class Desk:
    """A served newsroom of one size: the app for counting statements, the measured servers, and the requests."""

    app: Flask
    port: int
    server: psutil.Process
    floor: tuple[int, psutil.Process]
    calls: dict[str, Call]
    drafts: Iterator[Call]
    edition: Iterator[Call]


def report(run: Run) -> Figures:
    """Measure in each kind of database."""
    figures: Figures = {}
    for kind in run.databases:
        with (
            filled(run, kind, "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
            ExitStack() as stack,
        ):
            if not urls:
                continue
            desks = {size: stack.enter_context(served(url, folder)) for size, url in urls.items()}
            run.say(
                f"\n{NAMES[kind] + ', ' + ' and '.join(f'{size:,}' for size in desks):<32} statements, then by size"
            )
            found = _measured(run, desks)
        for size, goals in found.items():
            figures |= {Place(key, NAMES[kind], size): worst(each, BY_KEY[key]) for key, each in goals.items()}
    return figures


@contextmanager
def served(url: str, folder: str) -> Iterator[Desk]:
    settings = environment(url, folder)
    app = create_app(config.load(settings))
    database: Database = app.extensions["database"]
    prepare(database)
    with serving("wsgi:app", settings) as (port, server), serving("bench.floor:app", settings) as floor:
        cookie = doors.cookie(app, database.write(invite_editor))
        page, drafts = doors.expert(app, database.write(_experts_link))
        with database.read() as session:
            calls = {name: Call(path, cookie=cookie) for name, path in desk_paths(session).items()}
        calls |= {EXPERT: page, FOUND[1]: Call(f"/{SLUG}/answers", urlencode({"words": "prices"}))}
        edition = changing(database, Call(f"/{SLUG}/editions/{database.write(_edition_of_thirty)}"))
        yield Desk(app, port, server, floor, calls, drafts, edition)
        database.close()


def _experts_link(session: Session) -> str:
    writing = select(Assignment.id).where(Assignment.is_writing).order_by(Assignment.id.desc()).limit(1)
    return links.new_link(session, assignment_id=session.scalars(writing).one())


def _edition_of_thirty(session: Session) -> str:
    """Move the thirty latest Q&As into the newest edition that was sent, and return its public ID."""
    newsletter = by_slug(session, SLUG)
    assert newsletter is not None
    newest = archive.sent_editions(newsletter).page(session, None, 1)[0]
    for place, item in enumerate(archive.listing(newsletter).page(session, None, 30)):
        item.edition_id, item.position = newest.id, 1_000 + place
    return newest.public_id


def desk_paths(session: Session) -> dict[str, str]:
    """Return the paths of the desk's pages, by name. Pages of a single row have one from the middle of its table.

    Lists are full at any size, so the comparison is of finding rows, not of rendering more of them.
    """
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
        FOUND[0]: "/search?q=prices",
    }
    return {name: f"/desk/{SLUG}{path}" for name, path in paths.items()}


def _next_planned(session: Session, newsletter_id: int | None) -> str | None:
    planned = (
        select(Edition.public_id).filter_by(newsletter_id=newsletter_id, state="planned").order_by(Edition.runs_at)
    )
    return session.scalar(planned.limit(1))


def _status(desk: Desk, page: str) -> int:
    call = desk.calls[page]
    headers = {"Cookie": call.cookie} if call.cookie else {}
    client, sent = desk.app.test_client(use_cookies=False), dict(parse_qsl(call.body or ""))
    return (client.post if sent else client.get)(call.path, data=sent, headers=headers).status_code


def statements(desk: Desk, page: str) -> list[str]:
    """Return the SQL statements of a page, without BEGIN, which is only visible on SQLite."""
    asked: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement != "BEGIN":
            asked.append(statement)

    reader = desk.app.extensions["database"].reader
    event.listen(reader, "before_cursor_execute", listen)
    assert _status(desk, page) == 200, page
    event.remove(reader, "before_cursor_execute", listen)
    return asked


def _measured(run: Run, desks: dict[int, Desk]) -> dict[int, Found]:
    found: dict[int, Found] = {size: {} for size in desks}
    smallest = next(iter(desks))
    for page in desks[smallest].calls:
        if any(_status(desk, page) == ABSENT for desk in desks.values()):
            continue
        room = _room(page)
        counted = {size: len(statements(desk, page)) for size, desk in desks.items()}
        calls: dict[int, Iterator[Call]] = {size: repeat(desk.calls[page]) for size, desk in desks.items()}
        results, bare = _in_turn(run, desks, calls, AT_THE_LETTERS if room == "letters" else CLIENTS, Call("/"))
        _print_row(run, page, counted, results)
        for size, result in results.items():
            failed = result.failed
            figures = {
                "statements": Measured(counted[size]),
                "cpu": Measured(result.cpu_ms, bare.cpu_ms, failed=failed),
                "p99": Measured(result.p99, failed=failed),
            }
            if room == "desk" and size != smallest:
                before = results[smallest]
                figures["growth"] = Measured(result.p50, before.p50, failed=failed + before.failed)
            for name, figure in figures.items():
                if (key := f"{room}-{name}") in BY_KEY:
                    found[size].setdefault(key, {})[page if room != "expert" else ""] = figure
    insert = Call("/insert", urlencode({"body": "The water is lower in winter. " * 20}))
    results, bare = _in_turn(run, desks, {size: desk.drafts for size, desk in desks.items()}, CLIENTS, insert)
    _print_row(run, AUTOSAVE, {}, results)
    for size, result in results.items():
        found[size]["autosave-cpu"] = {"": Measured(result.cpu_ms, bare.cpu_ms, failed=result.failed)}
    results, _ = _in_turn(run, desks, {size: desk.edition for size, desk in desks.items()}, CLIENTS, Call("/rows"))
    _print_row(run, EDITION, {}, results)
    for size, result in results.items():
        found[size]["edition-cpu"] = {"": Measured(result.cpu_ms, failed=result.failed)}
    return found


def _room(page: str) -> str:
    """Return the prefix of the goals that a page is measured for."""
    if page in FOUND:
        return "search"
    return "letters" if page.startswith("letters") else "expert" if page == EXPERT else "desk"


def _in_turn(
    run: Run, desks: dict[int, Desk], calls: dict[int, Iterator[Call]], clients: int, bare: Call
) -> tuple[dict[int, Result], Result]:
    """Measure each size and the smallest one's floor, in turn."""
    floor = next(iter(desks.values())).floor
    contenders = [Contender(desk.port, desk.server, calls[size]) for size, desk in desks.items()]
    *results, last = interleave(run.pace, clients, *contenders, Contender(*floor, repeat(bare)))
    return dict(zip(desks, results, strict=True)), last


def _print_row(run: Run, page: str, counted: dict[int, int], results: dict[int, Result]) -> None:
    figures = "   ".join(
        f"{one.cpu_ms:>6.1f} ms CPU  p50 {one.p50:>6.1f}  p99 {one.p99:>6.1f}" for one in results.values()
    )
    failed = sum(one.failed for one in results.values())
    run.say(
        f"{page:<24} {' '.join(f'{one:>4}' for one in counted.values()):<10} {figures}"
        + (f"   FAILED {failed}" * bool(failed))
    )
