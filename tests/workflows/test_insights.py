"""What went on at the desk, counted week by week: what came in, what ran and after how long, who answered, about what."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select, text
from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.models import Answer, Assignment
from app.core.actors import Reader
from app.core.clock import utc_now
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editor.frame import RequestContext as Frame
from app.editor.overview.insights_page import CHARTS
from app.letters import filing, receive
from app.letters.models import Letter
from app.newsletters.models import Newsletter, Topic
from app.people.models import Expert
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.overview import insights, weekly_counts
from app.workflows.overview.models import CountedWeek
from app.workflows.publishing import publication
from app.workflows.publishing import recall as recalling
from tests.support.database_checks import record_statements
from tests.support.desk import Desk
from tests.support.pages import get_node_text
from tests.support.sample_newsroom import Newsroom

TODAY = utc_now().replace(hour=12, minute=0, second=0, microsecond=0)
WEEK, DAY = timedelta(weeks=1), timedelta(days=1)
THEN = TODAY - 3 * WEEK


def write(session: Session, newsroom: Newsroom) -> None:
    """Four readers write: two ask about the salt, one in Persian is not read yet, one is a robot. Three experts are asked."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    letters = [
        receive.send(session, Reader(), newsletter, receive.Submission(words), form=receive.FormToken(words, 1))
        for words in (
            "who measures the salt?",
            "Who measures it there?",
            "چه کسی نمک را اندازه می‌گیرد؟",
            "buy salt now",
        )
    ]
    letters[2].channel = "event"
    filing.file(session, newsroom.nora, letters[3], "spam")
    topic = Topic(newsletter_id=newsletter.id, slug="salt", name="=Salt")
    session.add(topic)
    session.flush()
    words = {"headline": "The Salt Wind", "body": "Who measures the salt?", "language": "en"}
    question = questions.open_question(session, newsroom.nora, letters[:2], **words)
    questions.set_topics(session, newsroom.nora, question, [topic.id])
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    for expert in (newsroom.leyla, newsroom.marek, newsroom.gulnara):
        row = session.get_one(Expert, expert.expert_id)
        invitations.invite(session, newsroom.nora, assigning.assign(session, newsroom.nora, question, row))


def assignment_of(session: Session, expert: Any) -> Assignment:
    return session.scalars(select(Assignment).filter_by(expert_id=expert.expert_id)).one()


def publish(session: Session, newsroom: Newsroom) -> None:
    answer, question = session.scalars(select(Answer)).one(), session.scalars(select(Question)).one()
    editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST)
    edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
    slots.pick(session, newsroom.nora, question, edition)
    locking.lock_edition(session, newsroom.nora, edition)
    publication.send(session, newsroom.nora, edition)


@pytest.fixture
def autumn(database: Database, newsroom: Newsroom) -> Newsroom:
    """Three weeks from the first letter to print: Leyla answers after five days, Marek says no, Gulnara nothing."""
    database.write(lambda session: write(session, newsroom), THEN)
    no = "not my field"
    database.write(lambda s: assigning.decline(s, newsroom.marek, assignment_of(s, newsroom.marek), no), THEN + DAY)
    written = writing.AnswerContent("We put up salt plates in 2009.", own_words=True)
    database.write(
        lambda s: writing.submit(s, newsroom.leyla, assignment_of(s, newsroom.leyla), written), THEN + 5 * DAY
    )
    database.write(lambda session: publish(session, newsroom), TODAY)
    return newsroom


def weeks(database: Database) -> list[tuple[Any, insights.Figures]]:
    with database.read() as session:
        found = session.scalars(select(CountedWeek).order_by(CountedWeek.begins))
        return [(week.begins, {name: numbers for name, numbers in week.figures.items() if numbers}) for week in found]


def test_a_week_is_counted_from_what_came_in_and_what_ran(database: Database, autumn: Newsroom) -> None:
    assert weekly_counts.count_due(database, TODAY) == 4
    leyla, marek, gulnara = (str(one.expert_id) for one in (autumn.leyla, autumn.marek, autumn.gulnara))
    with database.read() as session:
        topic = str(session.scalars(select(Topic.id)).one())
    first, last = weekly_counts.get_monday(THEN), weekly_counts.get_monday(TODAY)
    assert weeks(database) == [
        (first, {
            "channels": {"web": 2, "event": 1}, "languages": {"en": 2, "fa": 1},
            "kinds": {"question": 2, "waiting": 1, "spam": 1}, "topics_in": {topic: 2},
            "asked": {leyla: 1, marek: 1, gulnara: 1}, "answered": {leyla: 1}, "declined": {marek: 1},
            "silent": {gulnara: 1}, "reply_days": {f"{leyla} 5": 1},
        }),
        (first + WEEK, {}),
        (first + 2 * WEEK, {}),
        (last, {"out": {"ran": 1, "readers": 2}, "days": {"21": 1}, "topics_out": {topic: 1}}),
    ]  # fmt: skip


def test_what_can_still_change_is_counted_again_and_the_newest_first(database: Database, autumn: Newsroom) -> None:
    last = weekly_counts.get_monday(TODAY)
    assert weekly_counts.count_due(database, TODAY, limit=2) == 2
    assert [begins for begins, _ in weeks(database)] == [last - WEEK, last]
    assert weekly_counts.count_due(database, TODAY) == 2
    assert weekly_counts.count_due(database, TODAY + timedelta(minutes=9)) == 0
    assert weekly_counts.count_due(database, TODAY + timedelta(minutes=11)) == 3  # the fourth week is settled for a day

    with database.read() as session:
        edition = list_editions_to_run(session, autumn.newsletter_id, 1)
    assert len(edition) == 1
    database.write(lambda session: recall(session, autumn), TODAY)
    weekly_counts.count_due(database, TODAY + timedelta(minutes=30))
    assert weeks(database)[-1][1] == {}


def recall(session: Session, newsroom: Newsroom) -> None:
    edition = session.get_one(Edition, session.scalars(select(Question.edition_id)).one())
    recalling.recall(session, newsroom.nora, edition)


@contextmanager
def explained(database: Database) -> Iterator[list[str]]:
    """How the database would find the rows of each statement that is read meanwhile."""
    plans: list[str] = []
    how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            cursor = connection.connection.dbapi_connection.cursor()
            plans.extend(str(row[-1]).strip() for row in cursor.execute(f"{how} {statement}", parameters))

    event.listen(database.reader, "before_cursor_execute", explain)
    yield plans
    event.remove(database.reader, "before_cursor_execute", explain)


def years_of_letters(session: Session, newsroom: Newsroom) -> None:
    """As many letters as 2,000 days brought, which ended long before the weeks that are counted."""
    letter = {"newsletter_id": newsroom.newsletter_id, "channel": "mail", "body": "Who?", "language": "en"}
    letter |= {"hear_back": "once", "state": "received"}
    days = [TODAY - number * DAY for number in range(100, 2_100)]
    session.execute(insert(Letter), [letter | {"received_at": day, "state_at": day} for day in days])
    session.execute(text("ANALYZE letters"))


def test_counting_walks_indexes_and_no_table(database: Database, autumn: Newsroom) -> None:
    if not database.is_sqlite:  # to which a few rows would not be worth an index, and one index as good as another
        database.write(lambda session: years_of_letters(session, autumn))
    with explained(database) as plans, database.read() as session:
        session.info["at"] = TODAY
        if not database.is_sqlite:
            session.execute(text("SET enable_seqscan = off"))
        weekly_counts.count_week(session, autumn.newsletter_id, weekly_counts.get_monday(THEN))
        weekly_counts.count_week(session, autumn.newsletter_id, weekly_counts.get_monday(TODAY))
        weekly_counts.list_due_weeks(session, autumn.newsletter_id)
    grow = "letters|questions|assignments|question_topics"
    assert [plan for plan in plans if re.match(rf"SCAN ({grow})$|.*Seq Scan on ({grow})\b", plan)] == []
    assert sum("ix_letters_newsletter_id_received_at" in plan for plan in plans) >= 3


def tables(nora: Desk, query: str = "") -> dict[str, list[list[str]]]:
    """The tables of the page by the keys of their charts, heads first."""
    page = nora.get(f"insights{query}")
    keys = page.attributes("figure.figure", "id")
    return {key: figure.rows for key, figure in zip(keys, page.parts("figure.figure"), strict=True)}


def test_before_the_first_count_the_page_says_what_will_stand_there(nora: Desk) -> None:
    assert "Nothing has been counted yet." in nora.get_text("insights")
    assert tables(nora) == {}


def test_each_chart_has_its_table_and_its_file(nora: Desk, database: Database, autumn: Newsroom) -> None:
    weekly_counts.count_due(database, TODAY)
    said = nora.get_text("insights")
    assert (
        "3 letters came in, besides one of spam, and one Q&A ran. 2 readers got an answer. Half of what ran was in print within 21 days."
        in said
    )
    shown = tables(nora)
    assert list(shown) == ["flow", "speed", "experts", "topics", "channels", "kinds", "languages"]
    assert [row[1:] for row in shown["flow"][-4:]] == [
        ["3", "2", "0", "0"],
        ["0", "0", "0", "0"],
        ["0", "0", "0", "0"],
        ["0", "0", "1", "2"],
    ]
    assert shown["speed"][-1][1:] == ["1", "21", "21"]
    assert shown["experts"] == [
        ["Expert", "Asked", "Answered", "Said no", "No text in time", "Median days"],
        ["Leyla Aydın", "1", "1", "0", "0", "5"],
        ["Marek Dvořák", "1", "0", "1", "0", ""],
        ["Gulnara Esenova", "1", "0", "0", "1", ""],
    ]
    assert shown["topics"][1:] == [["=Salt", "2", "1"]]
    assert shown["languages"][1:] == [["English", "2"], ["Persian", "1"]]
    assert shown["kinds"][1:] == [["question", "2"], ["spam", "1"], ["not filed yet", "1"]]
    assert "What letters were Letters; spam is counted only here" in said
    first = weekly_counts.get_monday(THEN)
    days = [f"{first + back * WEEK}" for back in range(4)]
    for key, table in shown.items():
        file = nora.open(f"insights/{key}.csv?period=12-weeks")
        assert (file.mimetype, file.text[0]) == ("text/csv", "\ufeff")
        rows = list(csv.reader(file.text[1:].splitlines()))
        named = [table[0][0], *days] if key in ("flow", "speed") else [row[0] for row in table]
        whole = [[name, *row[1:]] for name, row in zip(named, table, strict=True)]
        assert rows == [[f"'{cell}" if cell.startswith("=") else cell for cell in row] for row in whole]


def test_a_picture_says_in_words_what_it_shows(nora: Desk, database: Database, autumn: Newsroom) -> None:
    weekly_counts.count_due(database, TODAY)
    page = nora.get("insights")
    pictures = page.tree.css("svg")
    assert len(pictures) == 7
    for picture in pictures:
        assert picture.attributes["role"] == "img"
        named = [picture.attributes[f"aria-{by}"] for by in ("labelledby", "describedby")]
        assert [get_node_text(one) != "" for name in named for one in picture.css(f"[id='{name}']")] == [True, True]
    assert "style=" not in page


def fill(database: Database, newsroom: Newsroom, number: int) -> None:
    """So many weeks before this one, with a letter in each."""
    columns = {"newsletter_id": newsroom.newsletter_id, "counted_at": TODAY, "figures": {"channels": {"web": 1}}}
    begins = [weekly_counts.get_monday(TODAY) - back * WEEK for back in range(1, number + 1)]
    database.write(lambda session: session.add_all(CountedWeek(begins=one, **columns) for one in begins))


def test_a_time_is_an_address_and_an_unknown_one_is_told(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    database.write(lambda session: write(session, newsroom), TODAY)
    weekly_counts.count_due(database, TODAY)
    fill(database, newsroom, 60)
    for period, points, letters in (("12-weeks", 12, 14), ("year", 13, 54), ("all", 16, 63)):
        flow = tables(nora, f"?period={period}")["flow"][1:]
        assert (len(flow), sum(int(row[1]) for row in flow)) == (points, letters)
    assert "There is no such time in the address" in nora.get_text("insights?period=decade")
    assert "There is no such time" not in nora.get_text("insights?period=year")
    nora.get_text("insights/flow.csv?period=decade", 404)
    nora.get_text("insights/readers.csv", 404)


def test_the_year_of_a_week_is_told_where_it_is_another_one_at_the_newsletters_place(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    """In Prague it is 2027 already, while it is still 2026 in Greenwich."""
    weeks = [insights.Span(begins, 1, {}) for begins in (date(2026, 12, 28), date(2027, 1, 4))]

    def labels(session: Session) -> list[str | int]:
        desk = Frame(session, newsroom.nora, session.get_one(Newsletter, newsroom.newsletter_id))
        return [row[0] for row in CHARTS["flow"](desk, insights.Insight(weeks, {}, None)).rows]

    with app.test_request_context():
        assert database.write(labels, at=datetime(2026, 12, 31, 23, 30, tzinfo=UTC)) == ["28 Dec 2026", "4 Jan"]
        assert database.write(labels, at=datetime(2026, 12, 31, 22, 30, tzinfo=UTC)) == ["28 Dec", "4 Jan 2027"]


def test_the_page_asks_as_often_however_much_there_is(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    def count_queries() -> int:
        with record_statements(database) as statements:
            nora.get_text("insights?period=all")
        return len(statements)

    database.write(lambda session: write(session, newsroom), TODAY)
    weekly_counts.count_due(database, TODAY)
    few = count_queries()
    fill(database, newsroom, 300)
    assert count_queries() == few


def test_whoever_works_elsewhere_finds_nothing(nora: Desk) -> None:
    nora.slug = "tundra"
    nora.get_text("insights", 404)
    nora.get_text("insights/flow.csv", 404)


@pytest.mark.parametrize(
    ("days", "share", "number"),
    [({}, 0.5, None), ({4: 1}, 0.9, 4), ({1: 1, 9: 1}, 0.5, 1), ({1: 1, 2: 1, 9: 1}, 0.5, 2), ({1: 9, 30: 1}, 0.9, 1),
     ({1: 8, 30: 2}, 0.9, 30)],
)  # fmt: skip
def test_the_median_is_a_day_that_there_was(days: dict[int, int], share: float, number: int | None) -> None:
    assert insights.quantile(Counter(days), share) == number
