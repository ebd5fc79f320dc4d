"""Translations: written and approved by Nora at the desk, or by Shirin, an outside translator."""

import re
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import translating, translators
from app.answers.models import Answer
from app.answers.translating import WORDING_KEY, Original
from app.db.engine import Database
from app.mail import outbox
from app.mail.models import OutboxMail
from app.questions.models import Question, Translation, Translator
from tests.support.assignments import ExpertAssignment
from tests.support.desk import Desk, get_version_token
from tests.support.pages import Browser


def save_translation(nora: Desk, question: str, language: str = "fa", key: str = "", **fields: str) -> str:
    """Save a translation with its form, and return the URL of the page with all texts in its language."""
    path = f"questions/{question}/translations/{language}/{key or 'question'}"
    return nora.post(path, seen=get_version_token(nora.get(path), path.rpartition("/")[2]), **fields)


def approve_translation(
    nora: Desk, question: str, key: str = "question", status: int = 303, language: str = "fa", **fields: str
) -> str:
    page_path = f"questions/{question}/translations/{language}"
    action = f"{key}/approve"
    return nora.post(
        f"{page_path}/{action}",
        status,
        **{"seen": get_version_token(nora.get(page_path), action), "compared": "1"} | fields,
    )


def get_answer_id(database: Database, question: str) -> str:
    with database.read() as session:
        query = select(Answer.public_id).join(Question, Question.id == Answer.question_id)
        return session.scalars(query.where(Question.public_id == question)).one()


SHIRIN = ("Shirin Amini", "shirin@words.example")
PERSIAN = {"headline": "باد شور", "body": "چه کسی نمک را اندازه می‌گیرد؟", "translator": "Shirin Amini"}


def get_original(session: Session, question_id: int, key: str = WORDING_KEY) -> Original:
    """Return the original text of a question's wording, or of its only answer."""
    originals = translating.list_originals(session, session.get_one(Question, question_id))
    return originals[0] if key == WORDING_KEY else originals[1]


@dataclass(frozen=True)
class TranslatorTask:
    """A text that Shirin is asked to translate; `page` is the path of its page."""

    assignment: ExpertAssignment
    translator_id: int
    page: str

    def get_translator(self, session: Session) -> Translator:
        return session.get_one(Translator, self.translator_id)

    @property
    def state(self) -> str | None:
        with self.assignment.database.read() as session:
            return self.get_translator(session).state

    def get_translation(self) -> Translation | None:
        with self.assignment.database.read() as session:
            return session.scalar(select(Translation).order_by(Translation.id.desc()))

    def open_browser(self, app: Flask) -> Browser:
        """Open Shirin's page in a browser without scripts or cookies."""
        browser = Browser(app, cookies=False)
        browser.open(self.page)
        return browser


def find_translator_page(session: Session) -> str:
    """Return the path of the page in the newest mail to a translator."""
    kind = select(OutboxMail).where(OutboxMail.kind == translators.INVITATION_KIND).order_by(OutboxMail.id.desc())
    mail = session.scalars(kind).first()
    assert mail is not None
    link = re.search(r"https?://[^/]+(/a/\S+/translation)", outbox.read(session, mail).text)
    assert link is not None
    return link[1]


def ask_translator(
    assignment: ExpertAssignment, key: str = WORDING_KEY, language: str = "fa", recipient: tuple[str, str] = SHIRIN
) -> TranslatorTask:
    def invite(session: Session) -> tuple[int, str]:
        original = get_original(session, assignment.question_id, key)
        translator = translators.invite(session, assignment.newsroom.nora, original, language, *recipient)
        return translator.id, find_translator_page(session)

    return TranslatorTask(assignment, *assignment.database.write(invite))
