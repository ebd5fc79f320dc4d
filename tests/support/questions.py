"""Questions in the desk’s words, with and without letters behind them."""

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receive
from app.newsletters.models import Newsletter
from app.questions import actions, wording
from tests.support.cast import Newsroom

WORDS = "Who measures the salt in the orchards, and can a village ask for the figures?"


def question(database: Database, newsroom: Newsroom, words: str, *askers: dict) -> str:
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


def opened(database: Database, newsroom: Newsroom, headline: str = "The Salt Wind", cleared: bool = True) -> str:
    def fn(session):
        question = actions.open_question(session, newsroom.nora, [], headline=headline, body=WORDS, language="en")
        if cleared:
            wording.clear(session, newsroom.nora, question, question.text_id)
        return question.public_id

    return database.write(fn)
