"""Letters as readers send them, and their rows in the desk’s list."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receive
from app.letters.models import Letter
from app.letters.receive import FormToken, Submission, send
from app.newsletters.models import Newsletter
from tests.support.cast import Newsroom
from tests.support.pages import Page

TIMUR = "my uncle at the cannery says that nobody weighs the salt, who should we ask?"


def write(database: Database, newsroom: Newsroom, body: str, **more: object) -> str:
    """A reader writes; gives the letter's public id."""

    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        form = receive.FormToken(f"nonce {body} {more}", 1)
        return receive.send(session, Reader(), newsletter, receive.Submission(body, **more), form=form).public_id

    return database.write(fn)


def the(database: Database, public_id: str) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter).filter_by(public_id=public_id)).one()


def change(database: Database, public_id: str, fn: Callable) -> None:
    database.write(lambda session: fn(session, session.scalars(select(Letter).filter_by(public_id=public_id)).one()))


def boxes(page: Page) -> list[str]:
    return page.values("letter")


def rows_of(page: Page) -> list[str]:
    """The ids of the letters in the list, in its order."""
    return [box.split(".")[0] for box in boxes(page)]


def asked(session: Session, newsroom: Newsroom, *asks: str | receive.Submission) -> list[Letter]:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    whole = [ask if isinstance(ask, receive.Submission) else receive.Submission(ask) for ask in asks]
    return [
        receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(f"nonce {ask.body}", 1))
        for ask in whole
    ]


def ask(database: Database, newsroom: Newsroom, words: str, **more: str) -> int:
    def fn(session: object) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)  # type: ignore[attr-defined]
        return send(session, Reader(), newsletter, Submission(words, **more), form=FormToken(words, 1)).id  # type: ignore[arg-type]

    return database.write(fn)
