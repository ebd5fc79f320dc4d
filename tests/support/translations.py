"""Translations: typed and approved at the desk by Nora, or asked of Shirin, a translator outside."""

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


def save_translation(nora: Desk, question: str, language: str = "fa", key: str = "", **words: str) -> str:
    """Type a translation into its form as it stands and save it; gives the address of all texts in its language."""
    place = f"questions/{question}/translations/{language}/{key or 'question'}"
    return nora.post(place, seen=get_version_token(nora.get(place), place.rpartition("/")[2]), **words)


def approve_translation(
    nora: Desk, question: str, key: str = "question", status: int = 303, language: str = "fa", **typed: str
) -> str:
    all_texts = f"questions/{question}/translations/{language}"
    act = f"{key}/approve"
    return nora.post(
        f"{all_texts}/{act}", status, **{"seen": get_version_token(nora.get(all_texts), act), "compared": "1"} | typed
    )


def get_answer_id(database: Database, question: str) -> str:
    with database.read() as session:
        query = select(Answer.public_id).join(Question, Question.id == Answer.question_id)
        return session.scalars(query.where(Question.public_id == question)).one()


SHIRIN = ("Shirin Amini", "shirin@words.example")
PERSIAN = {"headline": "باد شور", "body": "چه کسی نمک را اندازه می‌گیرد؟", "translator": "Shirin Amini"}


def get_original(session: Session, question_id: int, key: str = WORDING_KEY) -> Original:
    """The wording of a question, or its only answer."""
    found = translating.list_originals(session, session.get_one(Question, question_id))
    return found[0] if key == WORDING_KEY else found[1]


@dataclass(frozen=True)
class TranslatorTask:
    """One text that Shirin was sent: the path of its page."""

    asked: ExpertAssignment
    translator_id: int
    page: str

    def translator(self, session: Session) -> Translator:
        return session.get_one(Translator, self.translator_id)

    @property
    def state(self) -> str | None:
        with self.asked.database.read() as session:
            return self.translator(session).state

    def made(self) -> Translation | None:
        with self.asked.database.read() as session:
            return session.scalar(select(Translation).order_by(Translation.id.desc()))

    def browser(self, app: Flask) -> Browser:
        """Shirin's browser, without scripts or cookies, with her page open."""
        browser = Browser(app, cookies=False)
        browser.open(self.page)
        return browser


def find_translator_page(session: Session) -> str:
    """The path of the page in the newest mail to a translator."""
    kind = select(OutboxMail).where(OutboxMail.kind == translators.INVITATION_KIND).order_by(OutboxMail.id.desc())
    mail = session.scalars(kind).first()
    assert mail is not None
    link = re.search(r"https?://[^/]+(/a/\S+/translation)", outbox.read(session, mail).text)
    assert link is not None
    return link[1]


def ask_translator(
    asked: ExpertAssignment, key: str = WORDING_KEY, language: str = "fa", who: tuple[str, str] = SHIRIN
) -> TranslatorTask:
    def invite(session: Session) -> tuple[int, str]:
        original = get_original(session, asked.question_id, key)
        one = translators.invite(session, asked.newsroom.nora, original, language, *who)
        return one.id, find_translator_page(session)

    return TranslatorTask(asked, *asked.database.write(invite))
