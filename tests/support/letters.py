"""Letters as readers send them, their rows in the desk’s list, and questions opened from them or without them."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import filing, receive
from app.letters.models import Letter
from app.letters.receive import FormToken, Submission, send
from app.newsletters.models import Newsletter
from app.questions import actions, wording
from app.questions.notes import note
from app.workflows.letters import endings
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom

TIMURS_QUESTION = "my uncle at the cannery says that nobody weighs the salt, who should we ask?"


def send_letter(database: Database, newsroom: Newsroom, body: str, **more: object) -> str:
    """A reader writes; gives the letter's public id."""

    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        form = receive.FormToken(f"nonce {body} {more}", 1)
        return receive.send(session, Reader(), newsletter, receive.Submission(body, **more), form=form).public_id

    return database.write(fn)


def get_letter(database: Database, public_id: str) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter).filter_by(public_id=public_id)).one()


def change_letter(database: Database, public_id: str, fn: Callable) -> None:
    database.write(lambda session: fn(session, session.scalars(select(Letter).filter_by(public_id=public_id)).one()))


def list_checkbox_values(page: Page) -> list[str]:
    return page.values("letter")


def list_letter_ids(page: Page) -> list[str]:
    """The ids of the letters in the list, in its order."""
    return [box.split(".")[0] for box in list_checkbox_values(page)]


def send_letters(session: Session, newsroom: Newsroom, *asks: str | receive.Submission) -> list[Letter]:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    whole = [ask if isinstance(ask, receive.Submission) else receive.Submission(ask) for ask in asks]
    return [
        receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(f"nonce {ask.body}", 1))
        for ask in whole
    ]


def create_letter(database: Database, newsroom: Newsroom, words: str, **more: str) -> int:
    def fn(session: object) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)  # type: ignore[attr-defined]
        return send(session, Reader(), newsletter, Submission(words, **more), form=FormToken(words, 1)).id  # type: ignore[arg-type]

    return database.write(fn)


QUESTION_BODY = "Who measures the salt in the orchards, and can a village ask for the figures?"


def open_question_of_letters(database: Database, newsroom: Newsroom, words: str, *askers: dict) -> str:
    """A question that readers have asked; gives its public id."""

    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        letters = [
            receive.send(
                session, Reader(), newsletter, receive.Submission(f"{words} ({number})", **asker),
                form=receive.FormToken(f"{words} {number}", 1),
            )
            for number, asker in enumerate(askers)
        ]  # fmt: skip
        return actions.open_question(
            session, newsroom.nora, letters, headline=words, body=words, language="en"
        ).public_id

    return database.write(fn)


def open_question(database: Database, newsroom: Newsroom, headline: str = "The Salt Wind", cleared: bool = True) -> str:
    def fn(session):
        question = actions.open_question(
            session, newsroom.nora, [], headline=headline, body=QUESTION_BODY, language="en"
        )
        if cleared:
            wording.clear(session, newsroom.nora, question, question.text_id)
        return question.public_id

    return database.write(fn)


# What Timur wrote, by what became of it.
LETTERS_BY_FATE = {
    "held": "Buy the kettles of Osh at the well",
    "spam": "Buy the silver kettles of Osh today",
    "unfiled": "Nobody has looked at the tannery yet",
    "ended": "Why is the ferry never on time?",
    "comment": "The pears were good this year",
    "closed": "Who locked the reading room?",
    "running": "Who weighs the salt at the cannery?",
    "ran": "Who owns the silos along the line?",
}


def send_letters_by_fate(database: Database, newsroom: Newsroom) -> dict[str, int]:
    """Each letter, as the desk has dealt with it; gives their keys."""

    def fn(session: Session) -> dict[str, int]:
        first, *others = LETTERS_BY_FATE
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        held = receive.send(
            session,
            Reader(),
            newsletter,
            Submission(LETTERS_BY_FATE[first]),
            form=receive.FormToken("robot", 1),
            signs=["trap"],
        )
        letters = {
            first: held,
            **dict(zip(others, send_letters(session, newsroom, *map(LETTERS_BY_FATE.get, others)), strict=True)),
        }
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
