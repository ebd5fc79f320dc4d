"""The trail of the whole newsletter: every act in a sentence, looked through by address, taken away as a file."""

import ast
import csv
import io
import json
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app import audit
from app.audit import Event, trail
from app.audit.events import EVENTS, FORMER_EVENTS
from app.cli.commands import MACHINES
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import override_time
from app.editor.settings.trail_page import NOUNS, PAGE_SIZE
from app.letters.models import Letter
from app.newsletters import settings
from app.newsletters.models import Newsletter
from app.people.models import Person
from app.questions import actions as questions
from tests.support.database_checks import record_statements
from tests.support.desk import Desk, follow_pages
from tests.support.desk_people import create_delta_newsletter
from tests.support.pages import Page
from tests.support.reader_pages import answer_letters, send_question
from tests.support.sample_newsroom import Newsroom

APP = Path(__file__).parent.parent.parent / "app"
ONLY_OF_PEOPLE = {"person", "sign_in"}  # acts of the house, which no newsletter's trail holds
WORDS, NAME, ADDRESS = "Whose silos glimmer by the crooked mill?", "Timur Asanov", "timur@osh.example"


def recorded() -> set[str]:
    """Every action that the code can write into the trail: by a table of moves, or by its name."""
    calls = [
        node
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
        in ("record", "_record")
        and len(node.args) > 2
    ]
    named = {
        one.value
        for call in calls
        for one in ast.walk(call.args[2])
        if isinstance(one, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_ ]+", str(one.value))
    }
    assert len(named) > 40
    return named | {f"{machine.noun}.{move.action}" for machine in MACHINES for move in machine.moves}


@pytest.mark.threat("rewritten trail")
def test_every_act_that_can_be_recorded_has_its_sentence_and_no_sentence_is_for_nothing() -> None:
    assert recorded() - set(EVENTS) == set(), "Give each of these events its row in EVENTS of app/audit/events.py."
    assert set(EVENTS) - recorded() == set(FORMER_EVENTS), (
        "Nothing records these events any more: take their rows out of EVENTS."
    )
    nouns = {action.partition(".")[0] for action in EVENTS}
    assert nouns == set(NOUNS) | ONLY_OF_PEOPLE, "Say in NOUNS of the trail's page what this noun is called there."
    known = {
        "who",
        "expert",
        "version",
        "outcome",
        "kind",
        "person",
        "role",
        "columns",
        "why",
        "language",
        "until",
        "numbers",
    }
    said = [words for kind in EVENTS.values() for words in (kind.sentence, kind.here)]
    assert {hole for words in said for hole in re.findall(r"%\((\w+)\)s", words)} == known


def test_where_an_event_is_told_and_whom_it_concerns_are_places_and_nouns_that_there_are() -> None:
    places = {word for kind in EVENTS.values() for word in kind.places.split()}
    nouns = {word for kind in EVENTS.values() for word in kind.changes.split()}
    assert (places, nouns) == (
        {"step", "line", "edition"},
        {
            "letter",
            "question",
            "outboxmail",
            "inbound",
            "edition",
            "membership",
            "newsletter",
            "translation",
            "translator",
            "answer",
            "expert",
        },
    )


@pytest.mark.threat("rewritten trail")
def test_what_has_no_row_in_the_table_of_events_is_not_recorded(database: Database, newsroom: Newsroom) -> None:
    def record(session):  # type: ignore[no-untyped-def]
        audit.record(session, newsroom.nora, "newsletter.burn", session.get_one(Newsletter, newsroom.newsletter_id))

    with pytest.raises(LookupError, match=r"newsletter\.burn has no row"):
        database.write(record)


def note(database: Database, newsroom: Newsroom, times: int) -> str:
    """A question with so many notes. Returns its public id."""

    def fn(session):  # type: ignore[no-untyped-def]
        question = questions.open_question(
            session, newsroom.nora, [], headline="The Silos", body="Whose are they?", language="en"
        )
        for number in range(times):
            with override_time(session, datetime(2026, 3, 1 + number % 20, 12, number % 60, tzinfo=UTC)):
                questions.set_topics(session, newsroom.ilya, question, [])
        return question.public_id

    public_id: str = database.write(fn)
    return public_id


def lines(nora: Desk, query: str = "") -> list[str]:
    """The sentences of a page of the trail, newest first."""
    return sentences_on(nora.get(f"trail?{query}"))


def test_an_event_of_a_minute_has_the_next_key_and_one_of_a_day_a_drawn_one(
    database: Database, newsroom: Newsroom
) -> None:
    def record_both(session: Session) -> list[Event]:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        with audit.collect_events(session) as events:
            audit.record(session, newsroom.nora, "newsletter.pause", newsletter, facts={"days": 3})
            day = datetime(2026, 1, 1, tzinfo=UTC)
            audit.record(session, newsroom.nora, "newsletter.pause", newsletter, at=day)
        return events

    in_line, drawn = database.write(record_both)
    assert (in_line.id > 0, drawn.id < 0) == (True, True)
    with database.read() as session:
        ids = [in_line.id, drawn.id]
        stored = {event.id: event.facts for event in session.scalars(select(Event).where(Event.id.in_(ids)))}
    assert stored == {in_line.id: {"days": 3}, drawn.id: None}


def test_what_went_by_itself_stands_there_only_where_it_is_asked_for(nora: Desk, newsroom: Newsroom) -> None:
    note(nora.database, newsroom, 1)
    planned = "The calendar planned the edition."
    assert planned not in lines(nora) and "Ilya Brandt set the topics." in lines(nora)
    assert "The calendar gave Nora Lind the role “editor”." in lines(nora)  # a command did: that is always told
    assert {planned, "Ilya Brandt set the topics."} <= {*lines(nora, "auto=1")}
    assert {*lines(nora, "what=edition.plan")} == {planned} < {*lines(nora, "who=clock")}
    page = nora.get("trail?auto=1")
    assert page.attributes("input[name=auto][checked]", "value") == ["1"]
    for form in ("csv", "jsonl"):
        assert planned in nora.open(f"trail/{form}").text and planned in nora.open(f"trail/{form}?auto=1").text


def sentences_on(page: Page) -> list[str]:
    return page.texts(".trail--whole bdi")


@pytest.mark.threat("rogue admin")
def test_a_readers_letter_leaves_no_word_name_or_address_in_the_trail_or_its_files(
    database: Database, newsroom: Newsroom, client: FlaskClient, nora: Desk
) -> None:
    send_question(client, body=WORDS, hear_back="once", email_once=ADDRESS, credit="first", first=NAME, place="Osh")
    with database.read() as session:
        letters = [row.id for row in session.scalars(select(Letter))]
    assert len(letters) == 1
    answer_letters(database, newsroom, letters, body=f"A reader wants to know: {WORDS}")
    sentences = lines(nora)
    for sentence in ("A letter came in.", "Nora Lind filed the letter as: Question.", "Nora Lind asked Leyla Aydın.",
                     "Nora Lind approved the answer (version 1).", "Nora Lind picked it for an edition."):  # fmt: skip
        assert sentence in sentences
    pages = [nora.open(f"trail{path}").text for path in ("", "/csv", "/jsonl")]
    assert [len(page) > 1_000 for page in pages] == [True, True, True]
    for secret in ("glimmer", "Timur", ADDRESS):
        assert [secret in unescape(page) for page in pages] == [False, False, False]


def test_the_trail_is_narrowed_by_person_act_noun_and_day(database: Database, newsroom: Newsroom, nora: Desk) -> None:
    note(database, newsroom, 3)
    with database.read() as session:
        ilya = session.get_one(Person, newsroom.ilya.person_id).public_id
    topics = "Ilya Brandt set the topics."
    assert lines(nora, f"who={ilya}") == [topics] * 3
    assert lines(nora, f"who={ilya}&what=question.open") == []
    assert lines(nora, "what=question.open") == ["Nora Lind made it a question."]
    assert lines(nora, "what=question") == ["Nora Lind worded it.", "Nora Lind made it a question.", *[topics] * 3]
    assert lines(nora, "who=desk&what=question.topics") == [topics] * 3
    assert lines(nora, "from=2026-03-02&to=2026-03-02") == [topics]
    assert lines(nora, "what=question.topics&from=2026-03-02") == [topics] * 2
    assert lines(nora, f"who={ilya}&to=2026-03-01") == [topics]
    assert set(lines(nora, "who=clock&what=edition")) == {"The calendar planned the edition."}
    assert "None of this was done." in nora.get_text("trail?what=letter.end")


def test_a_filter_typed_wrong_is_said_and_left_out(database: Database, newsroom: Newsroom, nora: Desk) -> None:
    note(database, newsroom, 1)
    whole = lines(nora)
    for query, fault in {
        "who=nobody": "This matches nobody at this desk.",
        "what=letter.burn": "Nothing of this kind is noted.",
        "from=yesterday": "Write the date like 2026-07-01.",
        "to=9999-12-31": "Write the date like 2026-07-01.",
        "before=x.y": "",
    }.items():
        assert fault in nora.get_text(f"trail?{query}"), query
        assert lines(nora, query) == whole
    taken = nora.open("trail/csv?from=yesterday")
    assert (taken.status_code, taken.headers["Location"]) == (303, "/desk/steppe/trail?from=yesterday")


def test_page_after_page_tells_everything_once(database: Database, newsroom: Newsroom, nora: Desk) -> None:
    note(database, newsroom, 2 * PAGE_SIZE + 30)
    pages = [sentences_on(page) for page in follow_pages(nora, "trail?auto=1", "next")]
    with database.read() as session:
        count = len(session.scalars(select(Event.id).filter_by(newsletter_id=newsroom.newsletter_id)).all())
    assert [len(sentences) for sentences in pages] == [PAGE_SIZE, PAGE_SIZE, count - 2 * PAGE_SIZE]
    assert len(list(csv.reader(io.StringIO(nora.open("trail/csv").text)))) == count + 1


@pytest.mark.threat("hostile words")
def test_the_files_hold_what_the_filters_leave_and_no_formula(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    evil = "=HYPERLINK(1)"
    public_id = note(database, newsroom, 2)
    database.write(lambda session: setattr(session.get_one(Person, newsroom.ilya.person_id), "name", evil))
    response = nora.open("trail/csv?what=question.topics")
    assert response.headers["Content-Disposition"] == 'attachment; filename="steppe-trail.csv"'
    heads, *rows = csv.reader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert heads == ["at", "who", "what", "act", "noun", "question", "from", "to"]
    assert [row[1:] for row in rows] == [
        [f"'{evil}", f"'{evil} set the topics.", "question.topics", "question", public_id, "", ""]
    ] * 2
    rows = [json.loads(line) for line in nora.open("trail/jsonl?what=question.open").text.splitlines()]
    assert [(row["who"], row["act"], row["question"], row["to"]) for row in rows] == [
        ("Nora Lind", "question.open", public_id, "open")
    ]
    # No number: between its neighbours' it would tell the hour of a reader's event, of which only the day is kept.
    assert set(rows[0]) == {"at", "actor", "who", "what", "act", "noun", "question", "from", "to", "facts"}


def test_settings_and_another_desk_each_have_their_own_trail(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    database.write(
        lambda session: settings.change(
            session, newsroom.nora, session.get_one(Newsletter, newsroom.newsletter_id), slots=3
        )
    )
    assert "Nora Lind changed the settings: Slots." in lines(nora, "what=newsletter")
    database.write(create_delta_newsletter)
    assert nora.open("/desk/delta/trail").status_code == 404


@pytest.mark.threat("rogue assistant")
def test_an_assistant_neither_sees_the_trail_nor_the_way_to_it(nora: Desk, ilya: Desk) -> None:
    assert [ilya.open(path).status_code for path in ("trail", "trail/csv", "trail/jsonl")] == [404, 404, 404]
    assert "trail" not in ilya.get_text("settings")
    assert "The trail of all that was done" in nora.get_text("settings")


def test_a_page_takes_as_many_queries_for_a_hundred_as_for_three_and_each_has_its_index(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    note(database, newsroom, 3)

    def queries(query: str = "") -> int:
        with record_statements(nora.database) as statements:
            assert nora.open(f"trail?{query}").status_code == 200
        return len(statements)

    few = [queries(query) for query in ("", "what=question", "who=desk")]
    note(database, newsroom, 200)
    assert [queries(query) for query in ("", "what=question", "who=desk")] == few
    if database.is_sqlite:
        for sought in (
            trail.TrailFilters(),
            trail.TrailFilters(actors=("staff:1",)),
            trail.TrailFilters(actions=("question.open",)),
        ):
            assert plan(database, newsroom.newsletter_id, sought) == []


def plan(database: Database, newsletter_id: int, sought: trail.TrailFilters) -> list[str]:
    """The steps in which SQLite would read more of the trail than it shows."""
    statements: list[tuple[str, tuple[object, ...]]] = []
    keep = lambda _c, _cursor, statement, values, *_rest: statements.append((statement, values))  # noqa: E731
    event.listen(database.reader, "before_cursor_execute", keep)
    with database.read() as session:
        trail.listing(newsletter_id, sought).page(session, (utc_now(), 9), 50)
        event.remove(database.reader, "before_cursor_execute", keep)
        [(statement, values)] = [one for one in statements if "audit" in one[0]]
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [step[3] for step in steps if re.match(r"SCAN audit", step[3])]
