"""One letter that asks something else is split off its question by one press, and comes back by another."""

import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.letters.models import Letter
from app.questions.models import Question
from tests.support.desk import Desk, press_undo
from tests.support.letters import open_question_of_letters
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.usefixtures("one_minute_undo")


@pytest.fixture
def salt(database: Database, newsroom: Newsroom) -> str:
    """A question that two readers ask."""
    return open_question_of_letters(database, newsroom, "Who measures the salt?", {}, {})


def list_letters_by_question(database: Database) -> list[list[str]]:
    """The letters behind each question that is one."""
    with database.read() as session:
        rows = session.scalars(select(Question).where(Question.is_going).order_by(Question.id))
        return [
            list(
                session.scalars(
                    select(Letter.body).filter_by(question_id=row.id).order_by(Letter.received_at, Letter.id)
                )
            )
            for row in rows
        ]


def test_a_letter_is_split_off_and_undo_puts_it_back(nora: Desk, database: Database, salt: str) -> None:
    first, second = "Who measures the salt? (0)", "Who measures the salt? (1)"
    part = nora.get(f"questions/{salt}").part("section[aria-labelledby=wording]")
    [to, _other] = [form.action for form in part.forms if form.action.endswith("/split")]
    led = nora.post(to)
    assert led != f"/desk/steppe/questions/{salt}"
    page = nora.get(led)
    assert page.notice.startswith("The letter asks a question of its own now.")
    assert list_letters_by_question(database) == [[second], [first]] or list_letters_by_question(database) == [
        [first],
        [second],
    ]
    assert press_undo(nora, page) == "Undone."
    assert list_letters_by_question(database) == [[first, second]]


def test_the_only_letter_can_not_be_split_off(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    alone = open_question_of_letters(database, newsroom, "Where does the wind come from?", {})
    part = nora.get(f"questions/{alone}").part("section[aria-labelledby=wording]")
    assert [form.action for form in part.forms if form.action.endswith("/split")] == []
