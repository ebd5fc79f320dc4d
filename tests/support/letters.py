"""Letters from readers, their rows in the list of the desk, and questions with and without letters."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import filing, receive
from app.letters.models import Letter
from app.letters.receive import FormToken, Submission
from app.newsletters.models import Newsletter
from app.questions import actions, wording
from app.questions.notes import note
from app.workflows.letters import endings
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom

TIMURS_QUESTION = "my uncle at the cannery says that nobody weighs the salt, who should we ask?"


def _receive(session: Session, newsroom: Newsroom, submission: Submission, nonce: str, **options: Any) -> Letter:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    return receive.send(session, Reader(), newsletter, submission, form=FormToken(nonce, 1), **options)


def send_letter(database: Database, newsroom: Newsroom, body: str, **fields: Any) -> str:
    """Send a letter as a reader, with further fields of `Submission`; return its public id."""
    submission = Submission(body, **fields)
    return database.write(lambda session: _receive(session, newsroom, submission, f"nonce {body} {fields}").public_id)


def create_letter(database: Database, newsroom: Newsroom, body: str, **fields: Any) -> int:
    """Send a letter as a reader, with further fields of `Submission`; return its key."""
    submission = Submission(body, **fields)
    return database.write(lambda session: _receive(session, newsroom, submission, body).id)


def send_letters(session: Session, newsroom: Newsroom, *letters: str | Submission) -> list[Letter]:
    """Send letters as readers; a string is a letter with this body and nothing else."""
    submissions = [letter if isinstance(letter, Submission) else Submission(letter) for letter in letters]
    return [_receive(session, newsroom, submission, f"nonce {submission.body}") for submission in submissions]


def get_letter(database: Database, public_id: str) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter).filter_by(public_id=public_id)).one()


def change_letter(database: Database, public_id: str, fn: Callable[[Session, Letter], object]) -> None:
    """Call a function with a session and a letter, in a transaction."""
    database.write(lambda session: fn(session, session.scalars(select(Letter).filter_by(public_id=public_id)).one()))


def list_checkbox_values(page: Page) -> list[str]:
    return page.values("letter")


def list_letter_ids(page: Page) -> list[str]:
    """Return the public ids of the letters in a list, in its order."""
    return [value.split(".")[0] for value in list_checkbox_values(page)]


QUESTION_BODY = "Who measures the salt in the orchards, and can a village ask for the figures?"


def open_question_of_letters(database: Database, newsroom: Newsroom, text: str, *letters: dict[str, Any]) -> str:
    """Open a question with this text from letters of readers; return its public id.

    `letters` are further fields of `Submission`, one dictionary for each letter.
    """

    def fn(session: Session) -> str:
        rows = [
            _receive(session, newsroom, Submission(f"{text} ({number})", **fields), f"{text} {number}")
            for number, fields in enumerate(letters)
        ]
        return actions.open_question(session, newsroom.nora, rows, headline=text, body=text, language="en").public_id

    return database.write(fn)


def open_question(database: Database, newsroom: Newsroom, headline: str = "The Salt Wind", clear: bool = True) -> str:
    """Open a question without letters, clear its wording by default, and return its public id."""

    def fn(session: Session) -> str:
        question = actions.open_question(
            session, newsroom.nora, [], headline=headline, body=QUESTION_BODY, language="en"
        )
        if clear:
            wording.clear(session, newsroom.nora, question, question.text_id or 0)
        return question.public_id

    return database.write(fn)


# Bodies of letters, by what the desk did with them.
LETTERS_BY_OUTCOME = {
    "held": "Buy the kettles of Osh at the well",
    "spam": "Buy the silver kettles of Osh today",
    "unfiled": "Nobody has looked at the tannery yet",
    "ended": "Why is the ferry never on time?",
    "comment": "The pears were good this year",
    "closed": "Who locked the reading room?",
    "running": "Who weighs the salt at the cannery?",
    "ran": "Who owns the silos along the line?",
}


def send_letters_by_outcome(database: Database, newsroom: Newsroom) -> dict[str, int]:
    """Send the letters of `LETTERS_BY_OUTCOME`, handle each at the desk, and return their keys by outcome."""

    def fn(session: Session) -> dict[str, int]:
        held_body, *bodies = LETTERS_BY_OUTCOME.values()
        held_letter = _receive(session, newsroom, Submission(held_body), "robot", signs=["trap"])
        rows = [held_letter, *send_letters(session, newsroom, *bodies)]
        letters = dict(zip(LETTERS_BY_OUTCOME, rows, strict=True))
        filing.file(session, newsroom.nora, letters["spam"], "spam")
        filing.file(session, newsroom.nora, letters["comment"], "comment")
        filing.end(session, newsroom.nora, letters["ended"], "later")
        closed = actions.open_question(session, newsroom.nora, [letters["closed"]], headline="The Reading Room")
        note(session, newsroom.nora, closed, "Is it the one behind the mill?")
        endings.close_question(session, newsroom.nora, closed, "nobody")
        actions.open_question(session, newsroom.nora, [letters["running"]], headline="The Salt")
        return {name: letter.id for name, letter in letters.items()}

    letters = database.write(fn)
    publish_answer(database, newsroom, [letters["ran"]], body="Who built the silos, and whose are they?")
    return letters
