"""Mails that stand in the outbox, and its page."""

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.answers import assigning
from app.core.actors import Clock, Reader
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.letters import receive
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions as questions
from app.questions import wording
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.cast import Newsroom, answered
from tests.support.pages import Page
from tests.support.shown import version
from tests.support.stored import one

ADDRESS = "dana@post.example"


def mails(database: Database) -> dict[str, str]:
    """The public id of the newest mail of each kind."""
    with database.read() as session:
        rows = session.execute(select(OutboxMail.kind, OutboxMail.public_id).order_by(OutboxMail.id))
        return dict(rows.all())


def state(database: Database, public_id: str) -> str:
    return one(database, OutboxMail, public_id=public_id).state or ""


def turn(database: Database, public_id: str, action: str, **facts: object) -> None:
    """What the worker does with a mail."""

    def fn(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(public_id=public_id)).one()
        outbox.move(session, Clock(), mail, action, **facts)

    database.write(fn)


def pane(page: TestResponse) -> list[str]:
    """The buttons beside the mail that is open, without those of the list and the one that shows whom it went to."""
    buttons = Page(page.text).part("section.pane").buttons
    return [words for words in buttons if not words.startswith("Show the address")]


def version_in(page: TestResponse) -> str:
    """The version of the mail that is open, as its first form carries it."""
    return version(page.text)


def invited(session: Session, newsroom: Newsroom) -> None:
    """Leyla is invited."""
    question = questions.open_question(session, newsroom.nora, [], headline="Salt", body="Who measures?", language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    invitations.invite(session, newsroom.nora, assigning.assign(session, newsroom.nora, question, leyla))


def sent_for_dana(session: Session, newsroom: Newsroom) -> None:
    """Dana's question ran, and the news for her waits."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask = receive.Submission("who knew of it?", hear_back="while", email=ADDRESS)
    letter = receive.send(session, Reader(), newsletter, ask, form=receive.FormToken("dana", 1))
    question = answered(session, newsroom, "Who knew?")
    questions.join(session, newsroom.nora, question, [letter])
    edition = list_editions_to_run(session, newsletter.id, 1)[0]
    slots.pick(session, newsroom.nora, question, edition)
    locking.lock_edition(session, newsroom.nora, edition)
    publication.send(session, newsroom.nora, edition)
