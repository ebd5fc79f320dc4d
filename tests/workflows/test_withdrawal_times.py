"""What a withdrawal changes besides the letter keeps no more than the day, if the reader left no address."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters.models import Letter
from app.questions import actions, wording
from app.questions.models import QuestionText
from app.workflows.letters import withdrawal
from tests.support.letters import send_letter
from tests.support.sample_newsroom import Newsroom


@pytest.mark.threat("stolen database")
def test_a_former_wording_that_goes_with_a_letter_knows_no_minute(database: Database, newsroom: Newsroom) -> None:
    """Timur and Dina ask the same; the first version was in the words of Timur, who takes his back."""
    timur, dina = (send_letter(database, newsroom, body) for body in ("Who weighs the salt?", "Who measures the wind?"))
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)

    def find(session: Session, public_id: str) -> Letter:
        return session.scalars(select(Letter).filter_by(public_id=public_id)).one()

    def open_question(session: Session) -> None:
        letters = [find(session, public_id) for public_id in (timur, dina)]
        question = actions.open_question(session, newsroom.nora, letters, body="Who weighs the salt?")
        text = wording.reword(session, newsroom.ilya, question, headline="The salt", body="Whose task is the weighing?")
        wording.clear(session, newsroom.nora, question, text.id)

    def take_back(session: Session) -> None:
        letter = find(session, timur)
        withdrawal.withdraw(session, Reader(letter.id), letter)

    database.write(open_question)
    database.write(take_back, at=midnight + timedelta(hours=13, minutes=37, microseconds=345))
    with database.read() as session:
        erased = session.scalars(select(QuestionText.erased_at).where(QuestionText.erased_at.is_not(None))).all()
    assert erased == [midnight]
