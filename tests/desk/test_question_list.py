"""The list of questions in work: who acts next on each, and how many wait for the desk."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Assignment
from app.db.engine import Database
from app.db.session import now
from app.editor.questions.question_list import GROUPS, STATUS_LABELS
from tests.support.assignments import ExpertAssignment
from tests.support.desk import ComingEdition, Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_submitted_answer


def read_groups(page: Page) -> dict[str, list[str]]:
    headings = page.texts("tbody th")
    return {text: page.texts(f"tbody:nth-of-type({number}) a.said") for number, text in enumerate(headings, 1)}


def test_questions_are_grouped_by_who_acts_next(
    nora: Desk, database: Database, newsroom: Newsroom, coming_edition: ComingEdition, salt: ExpertAssignment
) -> None:
    _approved, picked = coming_edition.create_questions("Approved", "Picked")
    coming_edition.press("pick", question=picked)
    database.write(lambda s: create_submitted_answer(s, newsroom, "Submitted"))
    page = nora.get("questions")
    assert read_groups(page) == {
        "Waits for you": ["Submitted"],
        "With an expert": ["The Salt Wind"],
        "Ready to run": ["Picked", "Approved"],
    }
    assert page.texts("p.standing") == ["One of these waits for you."]


def test_the_page_says_how_many_experts_are_late(nora: Desk, database: Database, salt: ExpertAssignment) -> None:
    assert nora.get("questions").texts("p.standing") == ["None of these waits for you."]

    def let_the_time_pass(session: Session) -> None:
        session.scalars(select(Assignment)).one().reply_by = now(session) - timedelta(days=2)

    database.write(let_the_time_pass)
    assert nora.get("questions").texts("p.standing") == ["One with an expert is late."]


@pytest.mark.parametrize("tab", ["questions?state=all", "questions?state=seeking"])
def test_the_other_lists_are_not_grouped(nora: Desk, salt: ExpertAssignment, tab: str) -> None:
    page = nora.get(tab)
    assert (page.texts("tbody th"), page.texts("p.standing"), page.texts("a.said")) == ([], [], ["The Salt Wind"])


def test_each_status_says_who_acts_next() -> None:
    assert {labels.waits_for for labels in STATUS_LABELS.values()} == {*GROUPS}
