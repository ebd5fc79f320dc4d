"""The list of letters narrowed, searched and paged: each list has an address, and a wrong one says so."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from flask import g, request
from sqlalchemy import event, select, true, update

from app.core.actors import Mailroom
from app.db.engine import Database
from app.db.session import now
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editor.frame import RequestContext
from app.editor.letters import letter_list, letter_pages
from app.editor.letters.letter_list import LETTERS, get_list_values
from app.letters import filing, look_alike_flags, mailed_letters, queries, spam_filter
from app.letters.models import Letter
from app.mailroom.batch import BatchLookups, Settings
from app.mailroom.inbound_context import InboundContext
from app.mailtext.parsing.parse import parse
from app.newsletters.models import Newsletter
from app.workflows.indexing import index_due
from tests.support.assignments import ask_expert
from tests.support.database_checks import count_queries
from tests.support.desk import follow_pages
from tests.support.letters import change_letter, get_letter, list_letter_ids, send_letter
from tests.support.mailroom import receive_expert_mail
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.both_databases

SALT = "who counts the salt in our orchard?"
AGAIN = "Who counts the salt that falls in the orchard?"
WIND = "ئۇ يەردە شامال قاچان توختايدۇ؟"
FIGURES = "can a village ask for the figures"


def receive_letter(database: Database, newsroom: Newsroom, text: str, number: int | None = None) -> str:
    """A reader mails, maybe in answer to an edition that ran; gives the letter's public id."""

    def fn(session):
        edition = session.scalars(select(Edition).filter_by(number=number)).one() if number else None
        return mailed_letters.take(
            session, Mailroom(), session.get_one(Newsletter, newsroom.newsletter_id),
            mailed_letters.MailedLetter(text, "dana@post.example", now(session), about_edition_id=edition.id if edition else None),
        ).public_id  # fmt: skip

    return database.write(fn)


def publish_edition(database: Database, newsroom: Newsroom, number: int) -> str:
    """The next edition, as if it had run yesterday; gives its public id."""

    def fn(session):
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        past = now(session) - timedelta(days=1)
        session.execute(
            update(Edition).where(Edition.id == edition.id).values(number=number, runs_at=past, cutoff_at=past)
        )
        return edition.public_id

    return database.write(fn)


def set_received_at(database: Database, public_id: str, days_ago: int) -> None:
    def fn(session):
        moment = now(session) - timedelta(days=days_ago)
        session.execute(update(Letter).filter_by(public_id=public_id).values(received_at=moment))

    database.write(fn)


def test_each_filter_narrows_the_list_and_all_of_them_combine(nora, database, newsroom):
    edition = publish_edition(database, newsroom, 60)
    salt, wind = send_letter(database, newsroom, SALT), send_letter(database, newsroom, WIND)
    reply, mail = (
        receive_letter(database, newsroom, FIGURES, 60),
        receive_letter(database, newsroom, "Кто измеряет соль?"),
    )
    held = send_letter(database, newsroom, "?! ?! …12345678 1")
    tip = send_letter(database, newsroom, "Look at the works in Osh.")
    change_letter(database, tip, lambda session, letter: filing.file(session, newsroom.nora, letter, "tip"))
    set_received_at(database, salt, 9)
    set_received_at(database, wind, 40)
    listed = {
        query: list_letter_ids(nora.get(f"/letters?{query}"))
        for query in (
            "channel=mail", "language=ru", f"edition={edition}", "kind=tip", "held=no+text", "age=over-week", "age=over-month",
            "age=day", "channel=mail&language=ru", f"channel=web&edition={edition}", "kind=tip&channel=web&state=all",
        )
    }  # fmt: skip
    assert listed == {
        "channel=mail": [mail, reply],
        "language=ru": [mail],
        f"edition={edition}": [reply],
        "kind=tip": [tip],
        "held=no+text": [held],
        "age=over-week": [wind, salt],  # the oldest first
        "age=over-month": [wind],
        "age=day": [mail, reply, held],  # the newest first, and of who left no address only the day is known
        "channel=mail&language=ru": [mail],
        f"channel=web&edition={edition}": [],
        "kind=tip&channel=web&state=all": [tip],
    }
    page = nora.get(f"/letters?channel=mail&edition={edition}")
    assert "via Mail, about the edition of 60, " in page
    assert f'href="/desk/steppe/letters/{reply}?channel=mail&edition={edition}"' in page
    assert f'href="/desk/steppe/letters?channel=mail&edition={edition}&state=all"' in page


def test_an_address_that_was_typed_wrong_says_where(nora):
    for query in (
        "state=secret", "channel=pigeon", "language=<b>", "language=zz", "edition=0123456789AB", "kind=answer", "held=moon",
        "age=ever", "alike=yes", "chanel=mail",
    ):  # fmt: skip
        page, part = nora.get(f"/letters?{query}", 404), query.partition("=")[0]
        assert f"The part “{part}” of the address is no filter of this list." in page
        assert '<a class="btn" href="/desk/steppe/letters">To the whole list</a>' in page
        assert "<b>" not in page


def test_words_are_found_in_any_script_and_marked(nora, app, database, newsroom):
    salt, wind = send_letter(database, newsroom, SALT), send_letter(database, newsroom, WIND)
    filed = send_letter(database, newsroom, "The salt & <i>the orchard</i> again.")
    change_letter(database, filed, lambda session, letter: filing.file(session, newsroom.nora, letter, "comment"))
    while index_due(database):
        pass
    page = nora.get("/letters?q=salt+orchard")
    assert list_letter_ids(page) == [filed, salt]
    assert "who counts the <mark>salt</mark> in our <mark>orchard</mark>?" in page
    assert "&lt;i&gt;" in nora.client.get(f"{nora.base_path}/letters?q=orchard").text
    assert list_letter_ids(nora.get("/letters?q=شامال")) == [wind]
    assert list_letter_ids(nora.get("/letters?q=salt&state=waiting")) == [salt]
    assert list_letter_ids(nora.get("/letters?q=salt&channel=mail")) == []
    assert "Nothing was found." in nora.get("/letters?q=glacier")
    assert '<a class="btn" href="/desk/steppe/letters">' in nora.get("/letters?q=salt&state=no", 404)


@pytest.mark.parametrize(
    ("header", "score"),
    [
        ("X-Spam-Status: No, score=2.1 required=5.0 tests=BAYES_50", "2.1 of 5.0"),
        ("X-Spamd-Result: default: False [1.20 / 15.00]; ARC_NA", "1.20 of 15.00"), ("X-Spam-Score: -0.3", "-0.3"),
        ("X-Spam-Score: <b>none</b>", ""), ("Subject: score=9 required=1", ""),
    ],
)  # fmt: skip
def test_a_mail_says_what_our_servers_filter_made_of_it(header, score):
    raw = f"From: dana@post.example\r\n{header}\r\n\r\nWho counts the salt?\r\n".encode()
    assert InboundContext(None, raw, parse(raw), BatchLookups(Settings())).reading.spam_score == score


def test_what_looks_alike_is_said_in_the_list_and_has_a_list_of_its_own(nora, app, database, newsroom):
    salt, other, again = (send_letter(database, newsroom, body) for body in (SALT, WIND, AGAIN))
    while index_due(database):
        pass
    version = get_letter(database, salt).version
    while look_alike_flags.flag_new_letters(database):
        pass
    assert list_letter_ids(nora.get("/letters?alike=1")) == [again, salt]
    assert nora.get("/letters").count("Has a look-alike") == 2
    assert (get_letter(database, salt).version, get_letter(database, other).alike) == (version, False)
    assert look_alike_flags.flag_new_letters(database) == 0
    page = nora.get(f"/letters/{again}")
    sent = {name: page.value(name) for name in ("with", "pair")}
    nora.post(f"/letters/{again}/alike", same="no", version="1", **sent)
    assert look_alike_flags.flag_new_letters(database) == 2
    assert list_letter_ids(nora.get("/letters?alike=1")) == []


@pytest.mark.parametrize("query", ["", "channel=web", "age=over-week", "age=week"])
def test_pages_of_a_list_neither_lose_nor_repeat_a_letter(nora, database, newsroom, monkeypatch, query):
    monkeypatch.setattr(spam_filter, "MIN_HELD_WEIGHT", 100)  # so many that are alike would be held

    def fill(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for number in range(85):
            mailed_letters.take(
                session, Mailroom(), newsletter, mailed_letters.MailedLetter(f"{SALT} {number}", "", now(session))
            )
        days = 3 if query == "age=week" else 9
        session.execute(update(Letter).values(channel="web", received_at=now(session) - timedelta(days=days)))

    database.write(fill)
    path, seen = f"/letters?{query}", []
    for _page in range(3):
        page = nora.get(path)
        seen += list_letter_ids(page)
        path = page.next_url or path
    with database.read() as session:
        newest = list(session.scalars(select(Letter.public_id).order_by(Letter.received_at.desc(), Letter.id.desc())))
    assert seen == (newest[::-1] if query == "age=over-week" else newest)


@pytest.mark.parametrize("query", ["", "channel=web", "age=over-week", "age=week"])
def test_the_way_back_leads_over_the_same_pages_and_the_same_letters(nora, database, newsroom, monkeypatch, query):
    for module in (letter_list, letter_pages):
        monkeypatch.setattr(module, "LETTERS", replace(module.LETTERS, page_size=3))
    age = timedelta(days=3 if query == "age=week" else 9)

    def fill(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for number in range(8):
            mailed_letters.take(
                session, Mailroom(), newsletter, mailed_letters.MailedLetter(f"{SALT} {number}", "", now(session))
            )
        session.execute(update(Letter).values(channel="web", received_at=now(session) - age))

    database.write(fill)
    there = follow_pages(nora, f"/letters?{query}", "next")
    assert [len(list_letter_ids(page)) for page in there] == [3, 3, 2]
    last = there[-1].attributes("[rel=prev]", "href")[0]
    back = follow_pages(nora, nora.client.get(last).location, "prev")
    assert [list_letter_ids(page) for page in back] == [list_letter_ids(page) for page in there[-2::-1]]

    first = there[0].attributes("a.text", "href")[0]
    down = follow_pages(nora, first, "next", "neighbours")
    letters = [list_letter_ids(page)[at] for page in there for at in range(len(list_letter_ids(page)))]
    assert [get_open_letter(page) for page in down] == letters
    assert [list_letter_ids(page) for page in down[3::3]] == [
        list_letter_ids(page) for page in there[1:]
    ]  # the list goes with it
    up = follow_pages(nora, f"/letters/{letters[-1]}?{query}", "prev", "neighbours")
    assert [get_open_letter(page) for page in up] == letters[::-1]


def get_open_letter(page: Page) -> str:
    """The letter that is read on a page."""
    return page.form("/file").action.split("/")[-2]


def test_a_list_takes_some_statements_at_most_beside_the_frame(app, database, newsroom):
    """The beginning of the transaction is one more; of what waits each part has one, what many are like, and what a flood erased."""
    edition, first = publish_edition(database, newsroom, 60), send_letter(database, newsroom, SALT)
    receive_letter(database, newsroom, FIGURES, 60)
    receive_expert_mail(database, ask_expert(database, newsroom).assignment_id)
    for query in ("", "channel=mail", "language=en", f"edition={edition}", "kind=tip", "held=links", "age=over-week", "alike=1",
                  "state=all", f"before={first}", f"before={first}&channel=mail", "q=salt"):  # fmt: skip
        with app.test_request_context(f"/?{query}"), app.extensions["database"].read() as session:
            g.zone = "UTC"
            desk = RequestContext(session, newsroom.nora, session.get_one(Newsletter, newsroom.newsletter_id))
            assert count_queries(app.extensions["database"], lambda desk=desk: get_list_values(desk)) <= (
                11 if LETTERS.parse(desk, request.args).state in ("waiting", "new") else 7
            ), query


WALKS = (
    ("ix_letters_newsletter_id_state_received_at_id", queries.listing(1, ("received", "held"))),
    (
        "ix_letters_newsletter_id_channel_state_received_at_id",
        queries.listing(1, ("received", "held"), Letter.channel == "mail"),
    ),
    (
        "ix_letters_newsletter_id_language_state_received_at_id",
        queries.listing(1, ("received",), Letter.language == "ug"),
    ),
    ("ix_letters_edition", queries.listing(1, ("received", "filed"), Letter.about_edition_id == 1)),
    ("ix_letters_filed", queries.listing(1, ("filed",), Letter.filed_as == "tip")),
    ("ix_letters_held", queries.listing(1, ("held",), Letter.held_reason == "links")),
    (
        "ix_letters_newsletter_id_state_received_at_id",
        queries.listing(1, ("received",), until=datetime(2026, 1, 1, tzinfo=UTC)),
    ),
    ("ix_letters_alike", queries.listing(1, ("received",), Letter.alike == true())),
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_filter_walks_an_index_of_its_own_at_any_depth(database, newsroom):
    """On SQLite, whose plans don't follow from how much is in a table."""
    after = get_letter(database, send_letter(database, newsroom, SALT))
    for (index, listed), start in product(WALKS, (None, after)):
        plan = plan_of(database, lambda session, listed=listed, start=start: listed.page(session, start, 41))
        walks = [line for line in plan if re.search(r"(SEARCH|SCAN) letters\b", line) and "PRIMARY KEY" not in line]
        assert [line for line in walks if f" {index} " not in line] == []
        assert len(walks) == len(listed.split_by[1])


def plan_of(database: Database, read) -> list[str]:
    """How the database answers the one statement of `read`."""
    asked_for = []

    def keep(_connection, _cursor, statement, parameters, *_rest):
        asked_for.append((statement, parameters))

    with database.read() as session:
        event.listen(database.reader, "before_cursor_execute", keep)
        read(session)
        event.remove(database.reader, "before_cursor_execute", keep)
        (begin, _none), (statement, parameters) = asked_for
        assert begin == "BEGIN"
        cursor = session.connection().connection.cursor()
        return [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()]


def test_what_waited_in_the_pen_stands_under_its_own_day_and_no_day_comes_twice(nora, database, newsroom):
    def days() -> list[str]:
        return [heading.main_text for heading in nora.get("/letters").parts("h2.unseen")]

    set_received_at(database, receive_letter(database, newsroom, SALT), 2)
    set_received_at(database, receive_letter(database, newsroom, WIND), 0)
    today, before = days()
    set_received_at(database, receive_letter(database, newsroom, FIGURES), 1)  # written yesterday, and let in last
    [now_first, between, now_last] = days()
    assert (now_first, now_last, between in (today, before)) == (today, before, False)


def test_a_row_is_drawn_by_the_names_that_its_words_have() -> None:
    """The template takes them apart by their places."""
    source = Path(letter_list.__file__).parents[2] / "templates/macros/desk.html"
    [names] = re.findall(r"for (.+) in lines %", source.read_text(encoding="utf-8"))
    assert names.split(", ") == [*letter_list.LetterRow._fields]
