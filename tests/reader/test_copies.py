"""Readers' pages come from copies: the same for everybody, true at every request, and without a word of whoever asked first."""

import gzip
import http.client
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits import RateLimitItemPerSecond
from sqlalchemy import event, inspect, select, text
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

import config
from app import create_app
from app.answers import translating
from app.core.actors import Staff
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.public_version import DEPENDENT_TABLES, WATCHED_TABLES, read_public_version
from app.editions.models import Correction, Edition, EditionItem, ItemTranslation
from app.editions.queries import list_editions_to_run
from app.letters.models import Letter
from app.letters.receipts import find_receipt, reader_of
from app.models import Base
from app.newsletters import settings
from app.newsletters.former_names import FormerName
from app.newsletters.models import Newsletter, Topic
from app.people import expert_pages
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question
from app.reader import copies, form_token, reader
from app.reader.copies import PageCache
from app.search.models import Vector, Verdict
from app.workflows.indexing import index_due
from app.workflows.letters import withdrawal
from app.workflows.newsletters import pausing
from app.workflows.publishing import after_sending, publication, recall, skip, translations
from tests.support.app import BASE_URL, TEST_SETTINGS
from tests.support.database_checks import record_statements
from tests.support.desk_people import create_delta_newsletter, hire_vera
from tests.support.pages import Page
from tests.support.processes import FORKSERVER, run_page_server
from tests.support.reader_pages import (
    add_topic_and_expert_page,
    answer_letters,
    get_form_token,
    get_question,
    list_public_paths,
    lock_edition,
    read_receipt,
    render_page,
    send_edition,
    send_question,
    strip_form_tokens,
)
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT

# Pages for one person alone, for everybody of every newsletter, or that lead elsewhere.
NEVER_COPIED = {
    *("report", "receipt", "stop", "back_to_form", "forget", "found", "short_address"),
    *("root", "robots", "handbook", "handbook_picture", "oembed"),
}
OPEN = "Who pays for the gauges at the weir?"
Change = Callable[[Session], object]


def shelf(app: Flask) -> copies.LruStore:
    made: PageCache = app.extensions["copies"]
    return made.store


def served(client: FlaskClient, path: str) -> tuple[int, str]:
    response = client.get(path, base_url=BASE_URL)
    return response.status_code, strip_form_tokens(response.data)


@pytest.fixture
def silos(client: FlaskClient, database: Database, newsroom: Newsroom) -> tuple[str, str]:
    """Timur asked about the silos, Leyla answered, it ran; a second answer ran beside it, and a question is shown. Gives
    the first question's key and the receipt of somebody who has just asked."""
    send_question(client)
    with database.read() as session:
        key = session.scalars(select(Letter.id)).one()
    answer_letters(database, newsroom, [], headline="The Scales", body="Who built the scales at the silos?")
    first = answer_letters(database, newsroom, [key], ties="The mill pays for our gauges.")
    lock_edition(database, newsroom)
    send_edition(database, newsroom)
    add_topic_and_expert_page(database, newsroom, first)

    def show(session: Session) -> None:
        question = actions.open_question(session, newsroom.nora, [], headline="Gauges", body=OPEN, language="en")
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        actions.show(session, newsroom.nora, question, True)
        session.add(Topic(newsletter_id=newsroom.newsletter_id, slug="wind", name="Wind"))

    database.write(show)
    index_due(database)
    return first, read_receipt(send_question(client, body="Who owns the old mill at the weir?").text)


@pytest.mark.usefixtures("without_quarters")
def test_every_page_of_readers_is_copied_or_said_to_be_none(
    app: Flask, client: FlaskClient, silos: tuple[str, str]
) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{reader.name}.")]
    pages = {rule.endpoint.partition(".")[2] for rule in rules if "GET" in (rule.methods or ())}
    known = list_public_paths(app.extensions["database"])
    assert pages == (known.keys() & pages) | NEVER_COPIED
    for name, path in known.items():
        assert served(client, path) == render_page(app, path), name
        with record_statements(app.extensions["database"]) as statements:
            client.get(path)
        assert statements == [], f"{name} does not come from a copy"


# Everything that readers can see of a change, by the verbs that make it; each leaves the house as the next one needs it.
def changes(newsroom: Newsroom, vera: Staff, silos: str, receipt: str) -> Iterator[tuple[str, Change]]:
    nora, key = newsroom.nora, newsroom.newsletter_id

    def get_newsletter(session: Session) -> Newsletter:
        return session.get_one(Newsletter, key)

    def get_shown_question(session: Session) -> Question:
        return session.scalars(select(Question).where(Question.shown_at.is_not(None))).one()

    def join(session: Session) -> None:
        letter = session.scalars(select(Letter).where(Letter.question_id.is_(None))).one()
        actions.join(session, nora, get_shown_question(session), [letter])
        session.execute(text("UPDATE questions SET asker_level = 3 WHERE shown_at IS NOT NULL"))

    def remove_name(session: Session) -> None:
        letter = find_receipt(session, receipt)
        assert letter is not None
        withdrawal.withdraw(session, reader_of(letter), letter)

    def topic(session: Session) -> None:
        wind = session.scalars(select(Topic).filter_by(slug="wind")).one()
        grain = session.scalars(select(Topic).filter_by(slug="grain")).one()
        actions.set_topics(session, nora, get_question(session, silos), [grain.id, wind.id])

    def no_page(session: Session) -> None:
        expert_pages.withdraw_consent(session, newsroom.leyla, session.get_one(Expert, newsroom.leyla.expert_id), key)

    def translate(session: Session) -> None:
        question = get_question(session, silos)
        for original in translating.list_originals(session, question):
            one = translating.translate(
                session, nora, original, "fa", translating.TranslationFields("Anbar", headline="Anbar")
            )
            translations.approve(session, nora, one, original, compared=True)

    def correct(session: Session) -> None:
        question, words = (
            get_question(session, silos),
            after_sending.PublishedText("The Silos", OPEN, ("The mill knows.",)),
        )
        after_sending.correct(
            session, nora, question, words, after_sending.CorrectionNote("It was Aral.", "It is Osh.")
        )

    def get_sent_edition(session: Session) -> Edition:
        return session.scalars(select(Edition).filter_by(state="sent")).one()

    yield "a setting", lambda s: settings.change(s, nora, get_newsletter(s), imprint="Printed in Brno.")
    yield (
        "a house sentence",
        lambda s: settings.save_house_sentences(
            s, nora, get_newsletter(s), "en", {"invitation": "Ask us about grain."}
        ),
    )
    yield "a topic", topic
    yield "its name", lambda s: s.execute(text("UPDATE topics SET name = 'Corn' WHERE slug = 'grain'"))
    yield "how many ask, at night", join
    yield (
        "other words",
        lambda s: wording.reword(s, nora, get_shown_question(s), headline="Gauges", body="Who pays?", language="en"),
    )
    yield (
        "that they are cleared",
        lambda s: wording.clear(s, nora, get_shown_question(s), get_shown_question(s).text_id or 0),
    )
    yield "a skip", lambda s: skip.skip(s, nora, list_editions_to_run(s, key, 1)[0])
    yield "a reader who leaves", remove_name
    yield "a translation", translate
    yield "a correction", correct
    yield "an expert's no", no_page
    yield "a withdrawal", lambda s: publication.retract(s, nora, get_question(s, silos), "for somebody's safety")
    yield "its return", lambda s: publication.restore(s, nora, get_question(s, silos))
    yield "a pause", lambda s: pausing.pause(s, vera, get_newsletter(s))
    yield "going on", lambda s: pausing.resume(s, vera, get_newsletter(s))
    yield "a recall", lambda s: recall.recall(s, nora, get_sent_edition(s))


@pytest.mark.usefixtures("without_quarters")
@pytest.mark.both_databases
@pytest.mark.threat("erased words")
def test_after_every_change_each_page_is_as_if_there_were_no_copies(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, silos: tuple[str, str]
) -> None:
    paths, changed, vera = list_public_paths(database), {}, hire_vera(database, newsroom)
    for name, change in changes(newsroom, vera, *silos):
        before = {path: served(client, path) for path in paths.values()}
        database.write(change)
        after = {path: served(client, path) for path in paths.values()}
        assert after == {path: render_page(app, path) for path in paths.values()}, name
        there = {path: page for path, page in after.items() if page[0] == 200}
        with record_statements(app.extensions["database"]) as statements:
            assert {path: served(client, path) for path in there} == there, name
        assert statements == [], f"{name}: the page does not come from a copy afterwards"
        changed[name] = before != after
        index_due(database)
    assert [name for name, was in changed.items() if not was] == [], "no page shows it, so nothing is tried by it"


@pytest.mark.both_databases
def test_each_statement_on_what_pages_show_draws_another_version(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, silos: tuple[str, str]
) -> None:
    def fill(session: Session) -> None:
        here = session.get_one(Newsletter, newsroom.newsletter_id)
        session.add(FormerName(newsletter_id=here.id, slug="plain"))
        settings.save_house_sentences(session, newsroom.nora, here, "en", {"invitation": "Ask."})
        actions.set_topics(
            session, newsroom.nora, get_question(session, silos[0]), list(session.scalars(select(Topic.id)))
        )
        row = {"newsletter_id": here.id, "kept_in": "public", "noun": "question", "noun_id": 1, "matcher": "m5"}
        session.add(Vector(**row, numbers=b""))
        item = session.scalars(select(EditionItem).filter_by(question_id=get_question(session, silos[0]).id)).one()
        made = {"input": item.input, "output": item.output, "sha256": item.sha256}
        session.add(ItemTranslation(item_id=item.id, language="fa", number=1, **made))
        note = {"wrong": "It was Aral.", "right": "It is Osh.", "made_at": utc_now()}
        session.add(Correction(newsletter_id=here.id, question_id=item.question_id, **note))
        two = {"a_noun": "question", "a_id": 1, "b_noun": "question", "b_id": 2, "matcher": "words"}
        session.add(Verdict(newsletter_id=here.id, **two, same=False, score=0.5, decided_at=utc_now()))

    database.write(fill)
    for table, seen in WATCHED_TABLES.items():
        columns = {column["name"] for column in inspect(database.reader).get_columns(table)}
        tried = {name: f'UPDATE {table} SET "{name}" = "{name}"' for name in columns}
        drawn = {}
        for name, statement in tried.items():
            before = read_public_version(database, "steppe")
            database.write(lambda s, said=statement: s.execute(text(said)))
            drawn[name] = read_public_version(database, "steppe") != before
        wanted = {name: (name in seen.only if seen.only else name not in seen.ignored) for name in columns}
        assert drawn == wanted, table
    before = read_public_version(database, "steppe")
    with pytest.raises(ZeroDivisionError):
        database.write(lambda s: (s.execute(text("DELETE FROM former_names")), 1 / 0))
    assert read_public_version(database, "steppe") == before, "what is not committed is no change"
    database.write(lambda s: s.execute(text("DELETE FROM former_names")))
    assert read_public_version(database, "steppe") != before


def test_whatever_table_a_page_reads_is_watched(
    app: Flask, database: Database, newsroom: Newsroom, silos: tuple[str, str]
) -> None:
    read: set[str] = set()
    app.extensions["newsletters"].clear()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        read.update(re.findall(r"(?:FROM|JOIN) (\w+)", statement))

    event.listen(database.reader, "before_cursor_execute", note)
    listened = app.extensions["database"]
    if listened is not database:
        event.listen(listened.reader, "before_cursor_execute", note)
    try:
        for path in list_public_paths(database).values():
            assert render_page(app, path)[0] == 200
    finally:
        event.remove(database.reader, "before_cursor_execute", note)
        if listened is not database:
            event.remove(listened.reader, "before_cursor_execute", note)
    named = {*Base.metadata.tables, *DEPENDENT_TABLES}
    assert (read & named) - WATCHED_TABLES.keys() - DEPENDENT_TABLES.keys() == set(), (
        "put them into WATCHED_TABLES of app/db/public_version.py"
    )
    # A short name of before is looked for where there is none of now; vectors are made by one of the matchers.
    assert WATCHED_TABLES.keys() - read == {"former_names", "vectors"}


def _answer(url: str, pipe: Any) -> None:
    """Be another process that serves the same house, one page for each address that comes."""
    app = create_app(
        {**config.load({"READERS_ASKED_ENV": "demo", "DATABASE_URL": url, "LIMITS": "0"}), **TEST_SETTINGS}
    )
    client = app.test_client()
    while path := pipe.recv():
        with record_statements(app.extensions["database"]) as statements:
            page = client.get(path, base_url=BASE_URL).data
        pipe.send((strip_form_tokens(page), len(statements)))


@pytest.mark.both_databases
def test_what_one_process_changes_the_other_shows_at_its_next_request(
    database: Database, newsroom: Newsroom, silos: tuple[str, str]
) -> None:
    ours, theirs = FORKSERVER.Pipe()
    other = FORKSERVER.Process(target=_answer, args=(database.url, theirs))
    other.start()

    def page() -> tuple[bool, bool]:
        ours.send("/steppe/answers")
        text, statements = ours.recv()
        return "The Silos" in text, statements == 0

    try:
        assert [page(), page()] == [(True, False), (True, True)]
        database.write(
            lambda s: publication.retract(s, newsroom.nora, get_question(s, silos[0]), "for somebody's safety")
        )
        assert [page(), page()] == [(False, False), (False, True)]
    finally:
        ours.send("")
        other.join(WAIT_TIMEOUT)


@pytest.mark.threat("stranger at the door")
def test_whoever_asks_first_leaves_nothing_in_the_copy(app: Flask, client: FlaskClient, silos: tuple[str, str]) -> None:
    for path in ("/steppe/answers", "/steppe/", "/steppe/ask", "/steppe/answers?lang=fa"):
        more = f"{path}{'&' if '?' in path else '?'}utm_source=letter&n=7&lang=ru&zzz9=zzz9"
        headers = {
            "Cookie": "__Host-desk=x", "Accept-Language": "fa", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example",
            "If-None-Match": "*", "Referer": "https://evil.example/", "X-Forwarded-Proto": "http", "X-Original-URL": "/desk/",
        }  # fmt: skip
        first = client.get(more if "lang" in path else more.replace("&lang=ru", ""), headers=headers, base_url=BASE_URL)
        assert first.status_code in (200, 304)
        assert "Set-Cookie" not in first.headers
        assert served(client, path) == render_page(app, path)
        assert not re.search("evil|utm_|zzz9", client.get(path).text)
    assert client.get("/steppe/answers", base_url="https://evil.example").status_code == 421


def test_forms_from_a_copy_have_each_a_token_of_their_own(client: FlaskClient, silos: tuple[str, str]) -> None:
    pages = [Page(client.get(path).text) for path in ("/steppe/", "/steppe/", "/steppe/ask", "/steppe/ask")]
    forms = [one for page in pages for one in page.attributes("[name=form]", "value")]
    tasks = [one for page in pages for one in page.attributes("[name=form]", "data-task")]
    assert (len(forms), len({*forms}), len({*filter(None, tasks)})) == (6, 6, 4)
    receipts = {
        read_receipt(send_question(client, form=form, body=f"Who owns silo {n}?").text) for n, form in enumerate(forms)
    }
    assert len(receipts) == 6
    kept = client.get("/steppe/ask").headers
    assert (kept["Cache-Control"], kept.get("ETag")) == ("private, max-age=0", None)


def test_a_form_that_was_opened_from_a_copy_just_now_is_known_to_be(
    limited_client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_token, "MIN_TYPING_TIME", RateLimitItemPerSecond(1, 1_000))
    opened = [get_form_token(limited_client) for _ in range(2)]
    house = limited_client.application
    with house.test_request_context(), house.extensions["database"].read() as session:
        forms = [form_token.read(one, session.get_one(Newsletter, newsroom.newsletter_id)) for one in opened]
        assert [form_token.opened_just_now(form.nonce) for form in forms if form] == [True, True]


@pytest.mark.threat("stranger at the door")
def test_what_is_one_persons_is_on_no_shelf(app: Flask, client: FlaskClient, silos: tuple[str, str]) -> None:
    receipt = read_receipt(send_question(client, body="Who weighs the salt?").text)
    client.post("/steppe/receipt", data={"receipt": receipt})
    client.post("/steppe/send", data={"form": get_form_token(client), "body": "Salt"})
    client.post("/steppe/answers", data={"words": "salt"}, follow_redirects=True)
    client.get("/steppe/receipt")
    client.get(f"/steppe/report/{silos[0]}")
    for path in (
        "/steppe/q/ZZZZZZZZZZZZ/x",
        "/steppe/answers?topic=none",
        "/steppe",
        "/nowhere/ask",
        f"/steppe/q/{silos[0]}/-",
    ):
        assert client.get(path).status_code != 200
    version = read_public_version(app.extensions["database"], "steppe")
    held = {key.path: key.query for key, copy in shelf(app)._pages.items() if copy.version == version}
    assert (held.pop("/steppe/arrived")[:1], held) == ((("lang", ""),), {"/steppe/ask": ()})
    assert receipt not in repr(shelf(app)._pages)


def test_a_copy_ends_when_time_makes_it_untrue(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/steppe/")
    copy = shelf(app)._pages[copies.CacheKey("", "/steppe/", ())]
    now = utc_now()
    assert now < datetime.fromtimestamp(copy.expires_at, UTC) <= now + timedelta(minutes=15)
    assert copy.expires_at % 900 == 0
    soon = (now + timedelta(minutes=1)).replace(microsecond=0)

    def hurry(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        edition.cutoff_at = edition.runs_at = soon

    database.write(hurry)
    before = served(client, "/steppe/calendar.ics")[1]
    copy = shelf(app)._pages[copies.CacheKey("", "/steppe/calendar.ics", ())]
    assert copy.expires_at <= soon.timestamp()
    monkeypatch.setattr(copies, "unix_time", lambda: soon.timestamp() + 0.1)
    assert shelf(app).get(copies.CacheKey("", "/steppe/calendar.ics", ()), copy.version) is None
    assert before.count("VEVENT") > 0


def test_the_shelf_holds_what_was_used_last_and_no_more_than_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, of = copies.LruStore(), (1, "a")
    ten = 10 * copies.CachedPage(of, 1e12, [], [b"x" * 100], "").size
    monkeypatch.setattr(copies, "MAX_STORE_SIZE", ten)
    keys = [copies.CacheKey("", f"/steppe/q/{n}", ()) for n in range(12)]
    assert kept.get(keys[0], of) is None
    for key in keys:
        kept.put(key, copies.CachedPage(of, 1e12, [], [b"x" * 100], ""))
        assert kept.get(keys[0], of) is not None
    assert [key in kept._pages for key in keys] == [True, False, False, *[True] * 9]
    kept.put(keys[1], copies.CachedPage(of, 1e12, [], [b"x" * 900], ""))
    assert (keys[1] in kept._pages, kept._size) == (False, ten)
    assert kept.get(keys[5], (1, "b")) is None
    assert (len(kept._pages), kept._size) == (0, 0), "copies of what was changed lie in memory no longer"
    kept.put(keys[5], copies.CachedPage(of, 1e12, [], [b"x" * 100], ""))
    assert (len(kept._pages), kept._size) == (0, 0), "nor does one that was being made meanwhile"


def test_a_name_that_another_newsletter_takes_over_shows_that_one_alone(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, silos: tuple[str, str]
) -> None:
    assert "The Silos" in client.get("/steppe/answers").text

    def swap(session: Session) -> None:
        other = session.get_one(Newsletter, create_delta_newsletter(session))
        session.get_one(Newsletter, newsroom.newsletter_id).slug = "plain"
        session.flush()
        other.slug = "steppe"

    database.write(swap)
    page = client.get("/steppe/answers").text
    assert ("The Delta Letter" in page, "The Silos" in page) == (True, False)
    assert "The Silos" in client.get("/plain/answers").text


def test_head_and_unchanged_are_answered_from_the_copy(client: FlaskClient, silos: tuple[str, str]) -> None:
    first, head = client.get("/steppe/answers"), client.head("/steppe/answers")
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", first.headers["Content-Length"])
    tag = first.headers["ETag"]
    for given in (tag, tag.removeprefix("W/"), f'"x", {tag}'):
        same = client.get("/steppe/answers", headers={"If-None-Match": given})
        assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    again = client.get("/steppe/answers")
    headers = [{one for one in answer.headers if one[0] not in ("X-Request-ID", "Date")} for answer in (first, again)]
    assert headers[0] == headers[1]
    assert len({answer.headers["X-Request-ID"] for answer in (first, head, same, again)}) == 4


def test_a_copy_answers_every_kind_of_request_as_the_page_that_was_just_made(
    app: Flask, client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = client.get("/steppe/answers").headers["ETag"]
    kinds: list[tuple[str, dict[str, str]]] = [
        ("GET", {}), ("GET", {"Accept-Encoding": "gzip"}), ("HEAD", {}), ("GET", {"If-None-Match": tag}), ("HEAD", {"If-None-Match": tag}),
        ("GET", {"Cookie": "__Host-desk=x", "Accept-Language": "fa"}), ("GET", {"Connection": "close"}), ("GET", {"Range": "bytes=0-9"}),
    ]  # fmt: skip
    with (
        run_page_server(app) as pages,
        closing(http.client.HTTPConnection("127.0.0.1", int(pages.effective_port), timeout=WAIT_TIMEOUT)) as line,
    ):

        def request(path: str, method: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
            line.request(method, path, headers=headers | {"Host": "ask.newsroom.example"})
            answer = line.getresponse()
            head = {name: value for name, value in answer.getheaders() if name not in ("X-Request-Id", "Date")}
            body = answer.read()
            return answer.status, head, strip_form_tokens(gzip.decompress(body) if "Content-Encoding" in head else body)

        for path in ("/steppe/", "/steppe/ask", "/steppe/answers", "/steppe/feed.xml", "/steppe/calendar.ics"):
            for method, headers in kinds:
                monkeypatch.setattr(app.extensions["copies"], "store", copies.LruStore())
                made = request(path, method, headers)
                with record_statements(app.extensions["database"]) as statements:
                    assert request(path, method, headers) == made, (path, method, headers)
                is_unchanged = path == "/steppe/answers" and "If-None-Match" in headers
                assert (made[0], statements) == (304 if is_unchanged else 200, []), (path, method, headers)


@pytest.mark.threat("stranger at the door")
def test_behind_a_proxy_a_copy_is_given_for_the_host_that_the_proxy_names(
    app: Flask, client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "TRUSTED_PROXIES", 1)
    monkeypatch.setattr(app, "wsgi_app", ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1))
    passed = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    hosts = ("ask.newsroom.example", "ask.newsroom.example", "evil.example")
    answers = [client.get("/steppe/answers", headers=passed | {"X-Forwarded-Host": host}) for host in hosts]
    assert [answer.status_code for answer in answers] == [200, 200, 421]
