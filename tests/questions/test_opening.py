"""A question that is opened from a letter begins with its words, without the greeting and the name below them."""

import pytest

from app.db.engine import Database
from app.letters.models import Letter
from app.questions.actions import open_question
from tests.support.letters import create_letter
from tests.support.sample_newsroom import Newsroom

QUESTION = "Who owns the silos now?\n\nAnd since when have they owned them?"


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize(
    ("body", "wording"),
    [
        (f"Dear Nora,\n\n{QUESTION}\n\nBest regards,\nTimur", QUESTION),
        (f"Hello,\n{QUESTION}\n\nThanks\nTimur Aliev\nOsh", QUESTION),
        (QUESTION, QUESTION),
        ("Dear Nora,\n\nBest regards,\nTimur", "Dear Nora,\n\nBest regards,\nTimur"),
    ],
)
def test_the_wording_is_the_letter_without_its_frame(
    database: Database, newsroom: Newsroom, body: str, wording: str
) -> None:
    letter_id = create_letter(database, newsroom, body)
    opened = database.write(
        lambda session: open_question(session, newsroom.nora, [session.get_one(Letter, letter_id)]).wording
    )
    assert opened == wording
    with database.read() as session:
        assert session.get_one(Letter, letter_id).body == body
