"""What a reader's hands do in the tests: open a form, send it, read the number, and what the desk does to answer."""

import re
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.answers import assigning, editing, writing
from app.core.actors import Expert
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.letters.models import Letter
from app.people.models import Expert as ExpertRow
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.letters import public_state
from app.workflows.publishing import publication
from tests.support.cast import Newsroom
from tests.support.pages import Page

QUESTION = "Who owns the new grain silos along the line?"


def token(client: FlaskClient, path: str = "/steppe/ask") -> str:
    return Page(client.get(path).text).value("form")


def ask(client: FlaskClient, **fields: Any) -> TestResponse:
    """Send a question as it is sent where a fitting answer was shown before, if there is one."""
    form = fields.pop("form", None) or token(client)
    return client.post("/steppe/send", data={"form": form, "body": QUESTION, "then": "send", **fields})


def receipt_on(page: str) -> str:
    return "".join(re.findall(r"\d{4}", Page(page).texts("p.code")[0]))


def answered(
    database: Database, newsroom: Newsroom, letters: list[int], *, headline: str = "The Silos", ties: str = "",
    body: str = "Who built the silos, and who owns them now?", answer: str = "Nobody knows.\n\nWe asked the mill.",
) -> str:  # fmt: skip
    """Nora files the letters to one question, Leyla answers, Nora approves and picks. Returns the question's public key."""

    def work(session: Session) -> str:
        nora, rows = newsroom.nora, [session.get_one(Letter, key) for key in letters]
        question = questions.open_question(session, nora, rows, headline=headline, body=body, language="en")
        wording.clear(session, nora, question, question.text_id or 0)
        edition = public_state.list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        edition.slots = 1_000
        leyla = session.get_one(ExpertRow, newsroom.leyla.expert_id)
        assignment = assigning.assign(session, nora, question, leyla, for_edition_id=edition.id)
        invitations.invite(session, nora, assignment)
        written = writing.AnswerContent(answer, ties=ties, own_words=True)
        reply = writing.submit(session, Expert(leyla.id, leyla.name, assignment.id), assignment, written)
        editing.approve(session, nora, reply, checklist=editing.CHECKLIST, reason="read to her by phone")
        slots.pick(session, nora, question, edition)
        return question.public_id

    return database.write(work)


def locked(database: Database, newsroom: Newsroom) -> None:
    def lock(session: Session) -> None:
        edition = public_state.list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        locking.lock_edition(session, newsroom.nora, edition)

    database.write(lock)


def sent(database: Database, newsroom: Newsroom) -> None:
    """The edition that was locked is marked as sent, now."""

    def send(session: Session) -> None:
        edition = session.scalars(select(Edition).filter_by(state="locked")).one()
        publication.send(session, newsroom.nora, edition)

    database.write(send)


def published(database: Database, newsroom: Newsroom, letters: list[int], **words: Any) -> str:
    public_id = answered(database, newsroom, letters, **words)
    locked(database, newsroom)
    sent(database, newsroom)
    return public_id


def question_of(session: Session, public_id: str) -> Question:
    return session.scalars(select(Question).filter_by(public_id=public_id)).one()
