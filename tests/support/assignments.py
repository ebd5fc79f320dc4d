"""An assignment as the tests of the expert pages start from it: Timur's question, sent to Leyla with a link by mail."""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.assigning import Brief
from app.answers.models import Answer, Assignment, Check
from app.core.actors import Clock, Reader
from app.db.engine import Database
from app.db.session import now
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.letters import contacts, receive
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.sample_newsroom import Newsroom

WORDING = "Who measures the salt in the wind, and can a village ask for the figures?"
ANSWER = 'Nobody is told to. We put up "salt plates" in 2009.\n\nA village can ask, and the list is **short**.'
EDITED_ANSWER = 'Nobody has to. We put up "salt plates" in 2009.\n\nA village can ask, and the list is **short**.'
TIMURS_LETTER = receive.Submission(
    "My cousin Zarina in Moynaq coughs from the salt. Who measures it?",
    background="She works at the cannery by the old harbour.",
    hear_back="while",
    email="timur@post.example",
    credit="full",
    name="Timur Aliev",
    place="Nukus",
    consent="Print my name and town.",
)
# Parts of Timur's letter that identify him and have not been cleared for publication.
TIMURS_DETAILS = ("Timur", "Aliev", "timur@post", "Nukus", "Zarina", "Moynaq", "cannery", "old harbour", "Orynbay")


@dataclass(frozen=True)
class ExpertAssignment:
    """An assignment with its question; `link` is the path in the invitation."""

    newsroom: Newsroom
    database: Database
    question_id: int
    assignment_id: int
    public_id: str
    link: str

    def assignment(self, session: Session) -> Assignment:
        return session.get_one(Assignment, self.assignment_id)

    def state(self) -> str:
        with self.database.read() as session:
            return str(self.assignment(session).state)

    def answer(self, session: Session) -> Answer:
        return session.scalars(select(Answer).filter_by(assignment_id=self.assignment_id)).one()

    def send(self, body: str = ANSWER) -> None:
        content = writing.AnswerContent(body, own_words=True)
        self.database.write(
            lambda session: writing.submit(session, self.newsroom.leyla, self.assignment(session), content)
        )

    def edit(self, body: str = EDITED_ANSWER) -> None:
        self.database.write(lambda session: editing.edit(session, self.newsroom.nora, self.answer(session), body))

    def send_to_check(self) -> None:
        self.database.write(lambda session: editing.ask_check(session, self.newsroom.nora, self.answer(session)))

    def checks(self) -> list[tuple[str | None, str | None]]:
        """Return the outcome and reply of each quote check."""
        with self.database.read() as session:
            checks = session.scalars(select(Check).filter_by(answer_id=self.answer(session).id).order_by(Check.id))
            return [(check.outcome, check.reply_text) for check in checks]

    def approve(self) -> None:
        """Approve the answer and pick the question for the next edition."""

        def approve(session: Session) -> None:
            nora, answer = self.newsroom.nora, self.answer(session)
            editing.approve(session, nora, answer, checklist=editing.CHECKLIST, reason="read to her by phone")
            edition = list_editions_to_run(session, self.newsroom.newsletter_id, 1)[0]
            slots.pick(session, nora, session.get_one(Question, self.question_id), edition)

        self.database.write(approve)

    def publish(self) -> None:
        """Lock and send the next edition."""

        def publish_edition(session: Session) -> None:
            edition = list_editions_to_run(session, self.newsroom.newsletter_id, 1)[0]
            locking.lock_edition(session, self.newsroom.nora, edition, edition.version)
            publication.send(session, self.newsroom.nora, edition)

        self.database.write(publish_edition)

    def mails(self) -> list[tuple[str, str]]:
        """Return the kind of each mail to Leyla, with its subject and bodies as one text."""
        with self.database.read() as session:
            mails = session.scalars(select(OutboxMail).where(OutboxMail.kind.like("expert.%")).order_by(OutboxMail.id))
            messages = [(mail.kind, outbox.read(session, mail)) for mail in mails]
        return [
            (kind, f"{message.subject}\n{message.text}\n{message.html}")
            for kind, message in messages
            if message.to == "leyla@field.example"
        ]


def ask_expert(
    database: Database, newsroom: Newsroom, body: str = WORDING, expert: str = "leyla", **question_fields: str
) -> ExpertAssignment:
    """Create a question from Timur's letter and queue the invitation of an expert.

    `expert` is an attribute of `newsroom`; further arguments are those of `actions.open_question`.
    """

    def invite(session: Session) -> tuple[int, int, str]:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        receive.send(session, Reader(), newsletter, TIMURS_LETTER, form=receive.FormToken(body, 1))
        letter = session.scalars(select(Letter).order_by(Letter.received_at.desc(), Letter.id.desc())).first()
        assert letter is not None
        contacts.verify_credit(session, newsroom.nora, letter, "he confirmed by mail")
        question = actions.open_question(
            session, newsroom.nora, [letter], headline="The Salt Wind", body=body, language="en", **question_fields
        )
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        expert_row = session.get_one(Expert, getattr(newsroom, expert).expert_id)
        edition = list_editions_to_run(session, newsletter.id, 1)[0]
        brief = "Please say first who reads the plates."
        assignment = assigning.assign(
            session, newsroom.nora, question, expert_row, Brief(brief), for_edition_id=edition.id
        )
        invitations.invite(session, newsroom.nora, assignment)
        return question.id, assignment.id, assignment.public_id

    question_id, assignment_id, public_id = database.write(invite)
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(assignment_id=assignment_id)).one()
        link = re.search(r"https?://[^/]+(/a/\S+)", outbox.read(session, mail).text)
        assert link is not None
    return ExpertAssignment(newsroom, database, question_id, assignment_id, public_id, link[1])


def send_queued_mails(session: Session) -> None:
    """Mark all queued mails as sent."""
    for mail in session.scalars(select(OutboxMail).filter_by(state="queued")).all():
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))


def ask_expert_and_send(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Create an assignment as `ask_expert` does, and send the invitation."""
    assignment = ask_expert(database, newsroom)
    database.write(send_queued_mails)
    return assignment


def get_mailed_links(database: Database, kind: str) -> list[str]:
    """Return the paths of the links to pages of experts and translators in the newest mail of this kind, if any."""
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind=kind).order_by(OutboxMail.id.desc())).first()
        return re.findall(r"https?://[^/\s]+(/a/\S+)", outbox.read(session, mail).text) if mail else []
