"""Nora asks Shirin, who is outside, for the Persian of one text; her browser, and what came of it."""

import re
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import translating, translators
from app.answers.translating import QUESTION, Original
from app.mail import outbox
from app.mail.models import OutboxMail
from app.questions.models import Question, Translation, Translator
from tests.support.assignments import Asked
from tests.support.browser import Browser

SHIRIN = ("Shirin Amini", "shirin@words.example")
PERSIAN = {"headline": "باد شور", "body": "چه کسی نمک را اندازه می‌گیرد؟", "translator": "Shirin Amini"}


def original_of(session: Session, question_id: int, key: str = QUESTION) -> Original:
    """The wording of a question, or its only answer."""
    found = translating.originals(session, session.get_one(Question, question_id))
    return found[0] if key == QUESTION else found[1]


@dataclass(frozen=True)
class Sent:
    """One text that Shirin was sent: the path of its page."""

    asked: Asked
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


def page_in(session: Session) -> str:
    """The path of the page in the newest mail to a translator."""
    kind = select(OutboxMail).where(OutboxMail.kind == translators.INVITATION_KIND).order_by(OutboxMail.id.desc())
    mail = session.scalars(kind).first()
    assert mail is not None
    link = re.search(r"https?://[^/]+(/a/\S+/translation)", outbox.read(session, mail).text)
    assert link is not None
    return link[1]


def sent(asked: Asked, key: str = QUESTION, language: str = "fa", who: tuple[str, str] = SHIRIN) -> Sent:
    def invite(session: Session) -> tuple[int, str]:
        original = original_of(session, asked.question_id, key)
        one = translators.invite(session, asked.newsroom.nora, original, language, *who)
        return one.id, page_in(session)

    return Sent(asked, *asked.database.write(invite))
