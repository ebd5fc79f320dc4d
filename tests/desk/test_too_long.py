"""What is too long is told at its field with all that was typed; the desk cuts nobody's words."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.answers import assigning, editing
from app.answers.models import Answer, Assignment
from app.db.engine import Database
from app.people.models import Expert
from app.questions.models import Question
from tests.support.database_checks import dump_tables, get_one
from tests.support.desk import Desk, combine_version_tokens, get_version, get_version_token
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

WORDS = "Who measures the salt in the orchards?"


@pytest.fixture
def question(database: Database, newsroom: Newsroom) -> str:
    """The page of a question with Leyla's answer; Marek's invitation is prepared."""

    def prepare(session: Session) -> str:
        row = session.get_one(Question, create_submitted_answer(session, newsroom, WORDS).question_id)
        assigning.assign(session, newsroom.nora, row, session.get_one(Expert, newsroom.marek.expert_id))
        return f"/questions/{row.public_id}"

    return database.write(prepare)


def faults_on(page: Page) -> list[str]:
    return [said for _field, said in page.errors]


def too_long(most: int) -> list[str]:
    return [f"This is too long: the limit is {most} characters."]


def get_assignment_id(database: Database, newsroom: Newsroom, name: str) -> str:
    return get_one(database, Assignment, expert_id=getattr(newsroom, name).expert_id).public_id


def test_a_headline_of_more_than_300_characters_is_told_and_kept(nora: Desk, database: Database, question: str) -> None:
    before, headline = dump_tables(database), "Salt " * 60 + "!"
    typed = {
        "headline": headline,
        "body": WORDS,
        "language": "en",
        "seen": get_version_token(nora.get(question), "wording"),
    }
    page = nora.post(f"{question}/wording", 422, **typed)
    assert faults_on(page) == too_long(300)
    assert f'value="{headline}"' in page and f">\n{WORDS}</textarea>" in page
    assert dump_tables(database) == before
    nora.post(f"{question}/wording", **typed | {"headline": headline[:300]})
    assert len(get_one(database, Question).headline) == 299  # and a blank at its end


@pytest.mark.parametrize(
    ("where", "field", "limit", "other_fields"),
    [
        ("assignments/{marek}/brief", "credit_line", 400, {"words": "180", "brief": "", "relation": ""}),
        ("assignments/{marek}/brief", "relation", 400, {"words": "180", "brief": "", "credit_line": ""}),
        ("ask", "credit_line", 400, {"name": "Saule Bekova", "words": "180", "brief": ""}),
        ("ask", "name", 200, {"words": "180", "brief": ""}),
        ("assignments/{leyla}/write", "letter", 4_000, {}),
        ("/experts", "name", 200, {}),
        ("/experts/{expert}/verify", "how", 400, {}),
    ],
)
def test_no_field_of_the_desk_is_cut(
    nora: Desk, database: Database, newsroom: Newsroom, question: str, where: str, field: str, limit: int,
    other_fields: dict[str, Any],
) -> None:  # fmt: skip
    with database.read() as session:
        expert = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    names = {
        "marek": get_assignment_id(database, newsroom, "marek"),
        "leyla": get_assignment_id(database, newsroom, "leyla"),
        "expert": expert,
    }
    path = where.format(**names)
    path = path if path.startswith("/") else f"{question}/{path}"
    page = nora.get(path if path.endswith("brief") else question)
    at = {"seen": combine_version_tokens(page)}
    before, text = dump_tables(database), "x" * (limit + 1)
    said = nora.post(path, 422, **at, **other_fields, **{field: text})
    assert faults_on(said) == too_long(limit)
    assert text in said
    assert dump_tables(database) == before


def test_a_reason_for_running_without_a_check_is_not_cut(nora: Desk, database: Database, question: str) -> None:
    answer = f"{question}/answers/{get_one(database, Answer).public_id}"
    nora.post(
        f"{answer}/edit", seen=get_version_token(nora.get(f"{answer}/edit")), answer="We put up plates.", act="save"
    )
    at = {"version": get_version(nora.get(question), "approve"), "checked": editing.CHECKLIST}
    page = nora.post(f"{answer}/approve", 422, **at, reason="x" * 401)
    assert faults_on(page) == ["The reason is too long: the limit is 400 characters."]
    assert "x" * 401 in page
    assert get_one(database, Answer).state == "edited"


def test_a_topic_that_is_too_long_is_given_back(nora: Desk, database: Database, question: str) -> None:
    before = dump_tables(database)
    page = nora.post(f"{question}/topics", 422, more="x" * 121)
    assert "The limit is 120 characters. Nothing was cut, and nothing was saved." in page
    assert f">\n{'x' * 121}</textarea>" in page
    assert dump_tables(database) == before
