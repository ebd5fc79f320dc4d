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
from app.people import links
from app.people.models import Expert
from app.questions.models import Question
from demo.scale.long_road import SLUG

from .floor_tables import create_floor_tables
from .goals import GOALS_BY_KEY, Cases, FigureKey, Figures, Measurement, pick_worst
from .load_client import Call, Contender, LoadResult, interleave
from .newsroom_data import fill_newsroom, get_newsletter, invite_editor
from .request_builders import build_expert_calls, iter_uncached, sign_in
from .run_options import RunOptions, server_settings
from .servers import Server, serve_app
from .temporary_databases import DATABASE_NAMES, filled_databases

# One editor, since two would sometimes wait for each other; more for the list of letters, which everybody opens.
CLIENTS, LETTERS_CLIENTS = 1, 8
EXPERT_PAGE, AUTOSAVE, EDITION = "an expert's link", "a draft saved", "an edition of 30, made anew"
DESK_SEARCH, READERS_SEARCH = "search", "search of readers"
NOT_FOUND = 404  # the status of a page that this version doesn't have


@dataclass(frozen=True)
class ServedNewsroom:
    """A served newsroom of one size: the app for counting statements, the measured servers, and the requests."""

    app: Flask
    server: Server
    floor: Server
    calls: dict[str, Call]
    drafts: Iterator[Call]
    edition: Iterator[Call]


def measure(options: RunOptions) -> Figures:
    """Measure in each kind of database."""
    figures: Figures = {}
    for kind in options.databases:
        with (
            filled_databases(options, kind, "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
            ExitStack() as stack,
        ):
            if not urls:
                continue
            newsrooms = {size: stack.enter_context(serve_newsroom(url, folder)) for size, url in urls.items()}
            label = f"{DATABASE_NAMES[kind]}, {' and '.join(f'{size:,}' for size in newsrooms)}"
            options.write_line(f"\n{label:<32} statements, then by size")
            cases_by_size = _measure_newsrooms(options, newsrooms)
        for size, cases_by_goal in cases_by_size.items():
            for key, cases in cases_by_goal.items():
                figures[FigureKey(key, DATABASE_NAMES[kind], size)] = pick_worst(cases, GOALS_BY_KEY[key])
    return figures


@contextmanager
def serve_newsroom(url: str, folder: str) -> Iterator[ServedNewsroom]:
    settings = server_settings(url, folder)
    app = create_app(config.load(settings))
    database: Database = app.extensions["database"]
    create_floor_tables(database)
    with serve_app("wsgi:app", settings) as server, serve_app("bench.floor_app:app", settings) as floor:
        cookie = sign_in(app, database.write(invite_editor))
        expert_page, drafts = build_expert_calls(app, database.write(_create_expert_link))
        with database.read() as session:
            calls = {page: Call(path, cookie=cookie) for page, path in list_desk_paths(session).items()}
        calls[EXPERT_PAGE] = expert_page
        calls[READERS_SEARCH] = Call(f"/{SLUG}/answers", urlencode({"words": "prices"}))
        edition = iter_uncached(database, Call(f"/{SLUG}/editions/{database.write(_create_large_edition)}"))
        yield ServedNewsroom(app, server, floor, calls, drafts, edition)
        database.close()


def _create_expert_link(session: Session) -> str:
    writing = select(Assignment.id).where(Assignment.is_writing).order_by(Assignment.id.desc()).limit(1)
    return links.new_link(session, assignment_id=session.scalars(writing).one())


def _create_large_edition(session: Session) -> str:
    """Move the thirty latest Q&As into the newest edition that was sent, and return its public ID."""
    newsletter = get_newsletter(session)
    edition = archive.sent_editions(newsletter).page(session, None, 1)[0]
    for position, item in enumerate(archive.listing(newsletter).page(session, None, 30), 1_000):
        item.edition_id, item.position = edition.id, position
    return edition.public_id


def list_desk_paths(session: Session) -> dict[str, str]:
    """Return the paths of the desk's pages, by name. Pages of a single row have one from the middle of its table.

    Lists are full at any size, so the comparison is of finding rows, not of rendering more of them.
    """
    newsletter_id = get_newsletter(session).id

    def middle_id(model: type[Letter] | type[Question] | type[Edition] | type[OutboxMail], state: str) -> str:
        conditions: list[Any] = [model.newsletter_id == newsletter_id, model.state == state]
        middle = (session.scalar(select(func.count()).where(*conditions)) or 0) // 2
        query = select(model.public_id).where(*conditions).order_by(model.id).offset(middle).limit(1)
        public_id: str | None = session.scalar(query)
        assert public_id is not None, (model, state)
        return public_id

    paths = {
        "overview": "/",
        "letters": "/letters",
        "letters, deep": f"/letters?state=filed&before={middle_id(Letter, 'filed')}",
        "letters, filtered": "/letters?state=filed&channel=mail",
        "letters, searched": "/letters?state=all&q=prices",
        "a letter": f"/letters/{middle_id(Letter, 'received')}",
        "questions": "/questions",
        "questions, searched": "/questions?state=all&q=prices",
        "a question": f"/questions/{middle_id(Question, 'published')}",
        "a question to route": f"/questions/{middle_id(Question, 'open')}",
        "whom to ask": f"/questions/{middle_id(Question, 'open')}/ask",
        "shelf": "/shelf",
        "experts": "/experts",
        "an expert": f"/experts/{_find_busiest_expert(session)}",
        "editions": "/editions",
        "an edition sent": f"/editions/{middle_id(Edition, 'sent')}",
        "builder": f"/editions/{_find_next_edition(session, newsletter_id)}",
        "outbox": "/outbox",
        "a mail": f"/outbox/{middle_id(OutboxMail, 'sent')}",
        "pen": "/pen",
        "archive": "/archive",
        "insights": "/insights",
        "trail": "/trail",
        DESK_SEARCH: "/search?q=prices",
    }
    return {page: f"/desk/{SLUG}{path}" for page, path in paths.items()}


def _find_busiest_expert(session: Session) -> str | None:
    """Return the public ID of the expert with the most assignments."""
    query = (
        select(Expert.public_id)
        .join(Assignment, Assignment.expert_id == Expert.id)
        .group_by(Expert.id)
        .order_by(func.count().desc())
        .limit(1)
    )
    return session.scalar(query)


def _find_next_edition(session: Session, newsletter_id: int) -> str | None:
    """Return the public ID of the planned edition that runs first."""
    planned = select(Edition.public_id).filter_by(newsletter_id=newsletter_id, state="planned")
    return session.scalar(planned.order_by(Edition.runs_at).limit(1))


def _get_status(newsroom: ServedNewsroom, page: str) -> int:
    call = newsroom.calls[page]
    headers = {"Cookie": call.cookie} if call.cookie else {}
    client = newsroom.app.test_client(use_cookies=False)
    if call.body:
        return client.post(call.path, data=dict(parse_qsl(call.body)), headers=headers).status_code
    return client.get(call.path, headers=headers).status_code


def list_statements(newsroom: ServedNewsroom, page: str) -> list[str]:
    """Return the SQL statements of a page, without BEGIN, which is only visible on SQLite."""
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement != "BEGIN":
            statements.append(statement)

    reader = newsroom.app.extensions["database"].reader
    event.listen(reader, "before_cursor_execute", record)
    assert _get_status(newsroom, page) == 200, page
    event.remove(reader, "before_cursor_execute", record)
    return statements


def _measure_newsrooms(options: RunOptions, newsrooms: dict[int, ServedNewsroom]) -> dict[int, Cases]:
    """Return the figures by size."""
    cases: dict[int, Cases] = {size: {} for size in newsrooms}
    smallest = next(iter(newsrooms))
    for page in newsrooms[smallest].calls:
        if any(_get_status(newsroom, page) == NOT_FOUND for newsroom in newsrooms.values()):
            continue
        for size, figures in _measure_page(options, newsrooms, page).items():
            for key, figure in figures.items():
                cases[size].setdefault(key, {})[page if page != EXPERT_PAGE else ""] = figure

    insert = Call("/insert", urlencode({"body": "The water is lower in winter. " * 20}))
    drafts = {size: newsroom.drafts for size, newsroom in newsrooms.items()}
    results, floor = _run_in_turn(options, newsrooms, drafts, CLIENTS, insert)
    _print_row(options, AUTOSAVE, {}, results)
    for size, result in results.items():
        cases[size]["autosave-cpu"] = {"": Measurement(result.cpu_ms, floor.cpu_ms, failures=result.failures)}

    editions = {size: newsroom.edition for size, newsroom in newsrooms.items()}
    results, _ = _run_in_turn(options, newsrooms, editions, CLIENTS, Call("/rows"))
    _print_row(options, EDITION, {}, results)
    for size, result in results.items():
        cases[size]["edition-cpu"] = {"": Measurement(result.cpu_ms, failures=result.failures)}
    return cases


def _measure_page(
    options: RunOptions, newsrooms: dict[int, ServedNewsroom], page: str
) -> dict[int, dict[str, Measurement]]:
    """Return the figures of a page by size and by the goal's key."""
    prefix = _goal_prefix(page)
    smallest = next(iter(newsrooms))
    statements = {size: len(list_statements(newsroom, page)) for size, newsroom in newsrooms.items()}
    calls: dict[int, Iterator[Call]] = {size: repeat(newsroom.calls[page]) for size, newsroom in newsrooms.items()}
    clients = LETTERS_CLIENTS if prefix == "letters" else CLIENTS
    results, floor = _run_in_turn(options, newsrooms, calls, clients, Call("/"))
    _print_row(options, page, statements, results)
    figures: dict[int, dict[str, Measurement]] = {}
    for size, result in results.items():
        failures = result.failures
        page_figures = {
            f"{prefix}-statements": Measurement(statements[size]),
            f"{prefix}-cpu": Measurement(result.cpu_ms, floor.cpu_ms, failures=failures),
            f"{prefix}-p99": Measurement(result.p99, failures=failures),
        }
        if prefix == "desk" and size != smallest:
            small = results[smallest]
            page_figures["desk-growth"] = Measurement(result.p50, small.p50, failures=failures + small.failures)
        figures[size] = {key: figure for key, figure in page_figures.items() if key in GOALS_BY_KEY}
    return figures


def _goal_prefix(page: str) -> str:
    """Return the prefix of the keys of the goals that a page is measured for."""
    if page in (DESK_SEARCH, READERS_SEARCH):
        return "search"
    if page == EXPERT_PAGE:
        return "expert"
    return "letters" if page.startswith("letters") else "desk"


def _run_in_turn(
    options: RunOptions,
    newsrooms: dict[int, ServedNewsroom],
    calls: dict[int, Iterator[Call]],
    clients: int,
    floor_call: Call,
) -> tuple[dict[int, LoadResult], LoadResult]:
    """Run each size and the smallest one's floor, in turn. Return the results by size, and that of the floor."""
    floor = next(iter(newsrooms.values())).floor
    contenders = [Contender(*newsroom.server, calls[size]) for size, newsroom in newsrooms.items()]
    *results, floor_result = interleave(options.pace, clients, *contenders, Contender(*floor, repeat(floor_call)))
    return dict(zip(newsrooms, results, strict=True)), floor_result


def _print_row(options: RunOptions, page: str, statements: dict[int, int], results: dict[int, LoadResult]) -> None:
    counts = " ".join(f"{count:>4}" for count in statements.values())
    figures = "   ".join(
        f"{result.cpu_ms:>6.1f} ms CPU  p50 {result.p50:>6.1f}  p99 {result.p99:>6.1f}" for result in results.values()
    )
    failures = sum(result.failures for result in results.values())
    options.write_line(f"{page:<24} {counts:<10} {figures}" + (f"   FAILED {failures}" if failures else ""))
