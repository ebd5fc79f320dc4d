"""No single act of a reader changes anything that others can see before the next midnight, nor what a stolen database tells.

The acts are those of the endpoints that take a reader's form: a new one needs its row in `ACTS`, and is tested by itself.
What others can see are all public pages, feeds and pictures with their headers, the copies that they come from, and the
pages of the newsletter's other readers and of the expert who is asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.answers import assigning
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import contacts, flood_ranking, receipts, unsubscribing
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.asker_levels import ASKER_LEVELS
from app.questions.models import Question
from app.questions.queries import letters_of
from app.reader import reader
from app.reader.copies import LruStore
from app.server import processes, worker
from app.text import languages
from app.watching.references import HEADER
from app.workflows import invitations
from app.workflows.asker_counts import publish_asker_levels
from app.workflows.letters import receipt_notes
from tests.support.app import BASE_URL
from tests.support.assignments import get_mailed_links
from tests.support.database_checks import record_statements
from tests.support.databases import ON_SQLITE, DatabasePool
from tests.support.incoming_mails import DESK_ADDRESS, mail, vacation_mail
from tests.support.mailroom import NewsletterMailroom
from tests.support.pages import Page
from tests.support.processes import reserve_port
from tests.support.reader_pages import (
    SILOS_QUESTION,
    add_topic_and_expert_page,
    answer_letters,
    get_form_token,
    get_question,
    list_public_paths,
    lock_edition,
    read_receipt,
    send_edition,
    send_question,
    strip_form_tokens,
)
from tests.support.sample_newsroom import Newsroom

CANAL = "Does the canal run at night?"
# Public pages that are made anew for each request, by endpoint.
UNCACHED = {
    "root": "/",
    "robots": "/robots.txt",
    "handbook": "/handbook/reader",
    "handbook_picture": "/handbook/pictures/none.png",
    "forget": "/forget.css",
    "back_to_form": "/steppe/send",
    "found": "{found}",
    "oembed": f"/steppe/oembed?url={BASE_URL}/steppe/q/{{ran}}/q",
    "receipt": "/steppe/receipt",
    "report": "/steppe/report/{ran}",
    "short_address": "/q/{shown}",
    "stop": "{stop_path}",
}
# What else anybody can open, and what the expert has who is asked the question.
OTHERS = {
    "a short code": "/q/000000",
    "a feed in a language": "/steppe/feed-fa.xml",
    "a JSON feed in a language": "/steppe/feed-fa.json",
    "what asks for a number": "/steppe/q/{shown}/q",
    "no page": "/steppe/no/page",
    "no newsletter": "/plain-nothing/",
    "links": "/a",
    "a lost link": "/a/nothing",
    "a style": "/static/nothing.css",
    "up": "/healthz",
    "ready": "/readyz",
    "numbers": "/metrics",
    "the expert's page": "{expert_path}",
}
DIFFER = ("Date", HEADER)  # headers that differ in each response


@dataclass
class Room:
    """A newsroom in which something ran and a question is shown, and the receipts of two readers who ask it."""

    app: Flask
    client: FlaskClient
    database: Database
    ran: str  # the public id of a published question
    shown: str  # the public id of the question that is shown
    receipt: str
    other_receipt: str
    receipts: dict[str, str]  # of a letter behind what ran, and of one that waits
    stop_path: str
    expert_path: str  # the link of the expert who is asked the question that is shown
    found: str = ""  # the path of what a search found

    def send(self, path: str, **fields: str) -> TestResponse:
        return self.client.post(path, data=fields, base_url=BASE_URL)

    def by_receipt(self, act: str = "", **fields: str) -> TestResponse:
        return self.send(f"/steppe/receipt{act}", receipt=self.receipt, **fields)


@pytest.fixture
def room(app: Flask, client: FlaskClient, database: Database, database_pool: DatabasePool, newsroom: Newsroom) -> Room:
    facts = database_pool.fill(database, "acts of readers", lambda: fill_newsroom(app, client, database, newsroom))
    found = client.post("/steppe/answers", data={"words": "silos"}).location
    return Room(app, client, database, **facts, found=found)


def fill_newsroom(app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom) -> dict[str, Any]:
    """Create what the fields of `Room` name, and return these."""
    ran_receipt = read_receipt(send_question(client).text)
    with database.read() as session:
        key = session.scalars(select(Letter.id)).one()
    answer_letters(database, newsroom, [], headline="The Scales", body="Who built the scales at the silos?")
    ran = answer_letters(database, newsroom, [key])
    lock_edition(database, newsroom)
    send_edition(database, newsroom)
    add_topic_and_expert_page(database, newsroom, ran)
    address = {"hear_back": "while", "email_while": "timur@post.example"}
    numbers = [
        read_receipt(
            send_question(
                client, body=f"Why do the pumps hum at three in the morning ({number})?", **(address if number else {})
            ).text
        )
        for number in range(2)
    ]

    def show(session: Session) -> tuple[str, str]:
        letters = [receipts.find_receipt(session, number) for number in numbers]
        question = actions.open_question(
            session, newsroom.nora, [one for one in letters if one], body=CANAL, language="en"
        )
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        actions.show(session, newsroom.nora, question, True)
        assert letters[0] and letters[1]
        receipt_notes.leave_note(session, newsroom.nora, letters[0], "Which canal?")
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        invitations.invite(session, newsroom.nora, assigning.assign(session, newsroom.nora, question, leyla))
        return question.public_id, unsubscribing.stop_link(session, letters[1]).removeprefix(BASE_URL)

    shown, stop_path = database.write(show)
    waiting = read_receipt(send_question(client, body="Who sweeps the square before the station?").text)
    worker.run(app, run_once=True)
    return {
        "ran": ran,
        "shown": shown,
        "receipt": numbers[0],
        "other_receipt": numbers[1],
        "receipts": {"ran": ran_receipt, "waits": waiting},
        "stop_path": stop_path,
        "expert_path": get_mailed_links(database, "expert.invitation")[0],
    }


# --- What readers do ---

Act = Callable[[Room], TestResponse]
ACTS: dict[str, Act] = {
    "ask_send": lambda room: send_question(room.client, body="Who sweeps the station square?"),
    "ask_send_before": lambda room: room.send(
        "/steppe/ask", form=get_form_token(room.client), body="Who sweeps the square?", then="send"
    ),
    "join": lambda room: room.send(f"/steppe/ask/{room.shown}", form=get_form_token(room.client)),
    "report_send": lambda room: room.send(
        f"/steppe/report/{room.ran}/send", form=get_form_token(room.client), body="The mill closed in 2009."
    ),
    "receipt_open": lambda room: room.by_receipt(),
    "receipt_add": lambda room: room.by_receipt("/add", more="The one behind the mill."),
    "receipt_answer": lambda room: room.by_receipt("/answer", reply="The one behind the mill."),
    "receipt_credit": lambda room: room.by_receipt("/credit", credit="first", first="Timur", place="Osh"),
    "receipt_held": lambda room: room.by_receipt("/held"),
    "receipt_withdraw": lambda room: room.by_receipt("/withdraw"),
    "stop_press": lambda room: room.send(room.stop_path),
    "begin": lambda room: room.send("/steppe/begin", body="Who sweeps the station square?"),
    "find_answers": lambda room: room.send("/steppe/answers", words="silos"),
}


def test_every_form_of_readers_is_tried(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{reader.name}.")]
    posts = {rule.endpoint.partition(".")[2] for rule in rules if "POST" in (rule.methods or ())}
    assert posts == ACTS.keys(), "Give each endpoint that takes a reader's form its row in ACTS."


# --- What others see ---

Seen = dict[str, tuple[int, list[tuple[str, str]], str]]


def look(room: Room) -> Seen:
    """All public pages, with their headers, and the pages of another reader's receipt and of the expert."""
    facts = {name: getattr(room, name) for name in ("ran", "shown", "found", "stop_path", "expert_path")}
    uncached = {name: path.format(**facts) for name, path in {**UNCACHED, **OTHERS}.items()}
    paths = {**list_public_paths(room.database), **uncached}
    found = {name: _read(room.client.get(path, base_url=BASE_URL)) for name, path in paths.items() if path}
    preview = {"form": get_form_token(room.client), "body": CANAL, "then": "look"}
    found["preview"] = _read(room.send("/steppe/send", **preview))
    found["another's receipt"] = _read(room.send("/steppe/receipt", receipt=room.other_receipt))
    return found


def _read(response: TestResponse) -> tuple[int, list[tuple[str, str]], str]:
    headers = [(name, value) for name, value in response.headers if name not in DIFFER]
    page = re.sub(r'name="(csrf_token|tab)" value="[^"]+"', "", strip_form_tokens(response.data))
    return response.status_code, headers, page


@pytest.mark.threat("watched pages")
def test_every_public_page_is_looked_at(room: Room) -> None:
    rules = [rule for rule in room.app.url_map.iter_rules() if rule.endpoint.startswith(f"{reader.name}.")]
    pages = {rule.endpoint.partition(".")[2] for rule in rules if "GET" in (rule.methods or ())}
    assert pages - list_public_paths(room.database).keys() == UNCACHED.keys(), "Give each page without a copy its row."
    statuses = {name: status for name, (status, _headers, _body) in look(room).items()}
    refused = {name: status for name, status in statuses.items() if name not in OTHERS and status != 200}
    assert refused == {"root": 303, "back_to_form": 303, "handbook_picture": 404, "short_address": 404}
    assert statuses["the expert's page"] == 200


def list_versions(database: Database) -> list[tuple[int, str]]:
    with database.read() as session:
        rows = session.execute(text("SELECT newsletter_id, version FROM public_versions ORDER BY 1"))
        return [(row[0], row[1]) for row in rows]


OF_LETTERS = [(name, whose) for name in ACTS if name.startswith("receipt") for whose in ("ran", "waits")]


@pytest.mark.usefixtures("without_quarters")
@pytest.mark.threat("watched pages")
@pytest.mark.parametrize(("name", "whose"), [*((name, "") for name in ACTS), *OF_LETTERS])
def test_no_act_of_a_reader_is_seen_before_midnight(
    room: Room, name: str, whose: str, attempts: Callable[[int], None]
) -> None:
    reader_room = replace(room, receipt=room.receipts.get(whose, room.receipt))
    if name == "stop_press":  # changes what its own reader sees by the link, and by the receipt of the same letter
        room.other_receipt, room.stop_path = room.receipt, ""
    before, versions = look(room), list_versions(room.database)
    assert ACTS[name](reader_room).status_code in ((200, 400, 409) if whose else (200, 303))  # some can be refused
    assert list_versions(room.database) == versions, "the copies of pages ended, and the next reader waited for them"
    for path in list_public_paths(room.database).values():
        with record_statements(room.app.extensions["database"]) as statements:
            room.client.get(path, base_url=BASE_URL)
        assert statements == [], f"{path} was made anew"
    assert look(room) == before
    worker.run(room.app, run_once=True)  # nor after the worker has looked at it
    assert (look(room), list_versions(room.database)) == (before, versions)
    attempts(2 * len(before))


MAILS = {
    "question": lambda room: mail(),
    "question from Leyla's mailbox": lambda room: mail(sender="leyla@field.example"),
    "robot": lambda room: vacation_mail("timur@post.example", DESK_ADDRESS),
    "number": lambda room: mail(body=f"Please take it back: {room.receipt}"),
}


@ON_SQLITE
@pytest.mark.usefixtures("without_quarters")
@pytest.mark.threat("watched pages")
@pytest.mark.parametrize("name", MAILS)
def test_no_mail_of_a_reader_is_seen_before_midnight(
    room: Room, newsroom: Newsroom, name: str, attempts: Callable[[int], None]
) -> None:
    mailroom = NewsletterMailroom(room.database, newsroom)
    before, versions = look(room), list_versions(room.database)
    mailroom.receive(MAILS[name](room))
    worker.run(room.app, run_once=True)
    assert (look(room), list_versions(room.database)) == (before, versions)
    attempts(len(before))


def ask(room: Room, name: str, count: int = 1, **fields: str) -> list[str]:
    """Ask as readers, and return the numbers."""
    asked = (
        send_question(room.client, body=f"Why does the {name} hum ({number})?", **fields) for number in range(count)
    )
    return [read_receipt(answer.text) for answer in asked]


def open_work(room: Room, newsroom: Newsroom) -> dict[str, str]:
    """Open questions that no page shows, or no longer, and return a number of a reader of each."""
    reworded, merged, alone, moved = ask(room, "mill", 2), ask(room, "dam"), ask(room, "lamp"), ask(room, "wire", 2)

    def work(session: Session) -> None:
        def open_with(*numbers: str) -> Question:
            letters = [letter for number in numbers if (letter := receipts.find_receipt(session, number))]
            return actions.open_question(session, newsroom.nora, letters, body=letters[0].body or "", language="en")

        shown, follower, _alone, left = open_with(*reworded), open_with(*merged), open_with(*alone), open_with(*moved)
        for question in (shown, follower):
            wording.clear(session, newsroom.nora, question, question.text_id or 0, reason="nothing of a person")
            actions.show(session, newsroom.nora, question, True)
        wording.reword(session, newsroom.nora, shown, headline="", body="Who keeps the grain dry in winter?")
        wording.clear(session, newsroom.nora, shown, shown.text_id or 0)
        actions.merge(session, newsroom.nora, follower, shown)
        actions.join(session, newsroom.nora, shown, list(letters_of(session, left)[:1]))

    room.database.write(work)
    return {"reworded": reworded[0], "merged": merged[0], "alone": alone[0], "moved": moved[0], "left": moved[1]}


def answer_work(room: Room, newsroom: Newsroom) -> dict[str, str]:
    """Have questions answered for the next edition, and return a number of a reader of each."""
    named = {"credit": "first", "first": "Timur", "place": "Osh"}
    numbers = {name: ask(room, f"{name} pump", **named) for name in ("answered", "locked")}

    def verify(session: Session, number: str) -> int:
        letter = receipts.find_receipt(session, number)
        assert letter
        contacts.verify_credit(session, newsroom.nora, letter, "he confirmed by phone")
        return letter.id

    for name, [number] in numbers.items():
        key = room.database.write(partial(verify, number=number))
        answer_letters(room.database, newsroom, [key], headline=name, body=f"Why is it loud at {name} pumps?")
    return {name: number for name, [number] in numbers.items()}


@pytest.mark.threat("watched pages")
def test_a_withdrawal_from_what_no_page_shows_leaves_the_copies_of_pages(
    room: Room, newsroom: Newsroom, attempts: Callable[[int], None]
) -> None:
    """Pages that are made anew take longer, which told everybody that, and when, somebody took something back."""
    tried = []

    def withdraw(numbers: dict[str, str]) -> list[str]:
        ended = []
        for name, room.receipt in numbers.items():
            for act in ("credit", "withdraw"):
                before = list_versions(room.database)
                assert room.by_receipt(f"/{act}").status_code == 200, name
                worker.run(room.app, run_once=True)
                tried.append(name)
                if list_versions(room.database) != before:
                    ended.append(f"{act} {name}")
        return ended

    numbers = open_work(room, newsroom)
    worker.run(room.app, run_once=True)
    assert withdraw(numbers) == []
    numbers = answer_work(room, newsroom)
    worker.run(room.app, run_once=True)
    assert withdraw({"answered": numbers.pop("answered")}) == []
    lock_edition(room.database, newsroom)
    worker.run(room.app, run_once=True)
    assert withdraw(numbers) == []
    attempts(len(tried))


# What a process keeps from the first text that it judges. Training the models takes some tenths of a second.
TABLES_OF_LETTERS = (languages._load_model, languages.scripts_with_function_words, flood_ranking._all_function_words)


@pytest.mark.usefixtures("without_quarters")
@pytest.mark.threat("watched pages")
@pytest.mark.parametrize("name", ACTS)
def test_no_act_of_a_reader_fills_a_cache_so_that_the_next_one_is_answered_sooner(room: Room, name: str) -> None:
    for table in TABLES_OF_LETTERS:
        table.cache_clear()
    flood_ranking.load_tables()  # as the server does at its start
    room.app.extensions["copies"].store = LruStore()
    for path in list_public_paths(room.database).values():  # without the preview, for which a text is sent
        room.client.get(path, base_url=BASE_URL)
    store = room.app.extensions["copies"].store
    before = {key: id(page) for key, page in store._pages.items()}
    loaded = [table.cache_info().misses for table in TABLES_OF_LETTERS]
    ACTS[name](room)
    assert {key: id(page) for key, page in store._pages.items()} == before
    assert [table.cache_info().misses for table in TABLES_OF_LETTERS] == loaded


@pytest.mark.threat("watched pages")
def test_the_server_loads_the_tables_before_its_processes_start(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in TABLES_OF_LETTERS:
        table.cache_clear()
    sizes_at_start: list[int] = []

    def start(*_: object) -> int:
        sizes_at_start.extend(table.cache_info().currsize for table in TABLES_OF_LETTERS)
        return 0

    monkeypatch.setattr(processes, "run", start)
    monkeypatch.setitem(app.config, "PORT", reserve_port())
    processes.serve(app, with_worker=False)
    assert sizes_at_start == [len(languages.scripts_with_function_words()), 1, 1]


# --- Counts of readers ---


def count_at(room: Room, time: datetime) -> str:
    """Publish the counts at a moment, and return what the front page says below the question."""
    publish_asker_levels(room.database, time)
    return "\n".join(Page(room.client.get("/steppe/").text).texts("p.credit")[:1])


def next_midnight(room: Room, days: int = 1) -> datetime:
    with room.database.read() as session:
        zone = ZoneInfo(session.scalars(select(Newsletter.zone).filter_by(slug="steppe")).one())
    day = utc_now().astimezone(zone).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


@pytest.mark.threat("watched pages")
def test_a_new_question_has_no_count_until_the_day_is_over_and_then_a_coarse_one(room: Room) -> None:
    def press(times: int) -> None:
        for _ in range(times):
            assert ACTS["join"](room).status_code == 200

    assert count_at(room, utc_now()) == ""
    later = next_midnight(room, 3)
    assert count_at(room, later) == "One or two readers ask this."
    press(1)
    assert count_at(room, later + timedelta(hours=12)) == "One or two readers ask this."
    assert count_at(room, later + timedelta(days=1)) == "Several readers ask this."
    press(17)
    assert count_at(room, later + timedelta(days=2)) == "Many readers ask this."
    assert not any(character.isdigit() for level in ASKER_LEVELS for character in level.sentence)


@pytest.mark.threat("watched pages", "stolen database")
def test_a_count_has_only_days_that_were_over_at_the_last_midnight_however_late_it_is_made(
    room: Room, database: Database
) -> None:
    """A worker that rests makes it up, and what readers did meanwhile is neither counted nor missing."""
    pressed_at = next_midnight(room, 3) + timedelta(hours=30)

    def arrive_at(session: Session) -> None:
        for letter in session.scalars(select(Letter).where(Letter.question_id.is_not(None))):
            letter.received_at = pressed_at.replace(hour=0, minute=0)

    ACTS["join"](room)
    assert count_at(room, next_midnight(room, 3)) == "Several readers ask this."
    with database.read() as session:
        assert get_question(session, room.shown).asker_level == 3
    database.write(arrive_at)  # as if all three had come that day
    assert count_at(room, pressed_at + timedelta(hours=8)) == ""
    assert count_at(room, pressed_at + timedelta(days=2)) == "Several readers ask this."

    def withdraw_at(session: Session) -> None:
        letter = session.scalars(select(Letter).filter_by(channel="web", filed_as="question", body=CANAL)).first()
        assert letter is not None
        letter.state, letter.state_at = "withdrawn", pressed_at + timedelta(days=4)
        letter.body, letter.erased_at = None, letter.state_at

    database.write(withdraw_at)
    assert count_at(room, pressed_at + timedelta(days=4, hours=2)) == "Several readers ask this."
    assert count_at(room, pressed_at + timedelta(days=6)) == "One or two readers ask this."


@pytest.mark.threat("erased words")
def test_what_nobody_asks_any_more_is_gone_at_once(room: Room) -> None:
    assert CANAL in room.client.get("/steppe/").text
    room.by_receipt("/withdraw")
    assert CANAL in room.client.get("/steppe/").text  # another reader still asks it
    room.receipt = room.other_receipt
    room.by_receipt("/withdraw")
    assert CANAL not in room.client.get("/steppe/").text
    assert SILOS_QUESTION not in room.client.get("/steppe/").text
