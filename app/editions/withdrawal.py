"""A reader takes a letter back. It outranks everything but print: the words and the contact are gone at once."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Reader
from ..answers.closing import close
from ..db import lock
from ..letters.models import Letter
from ..letters.receipts import erase
from ..mail import outbox
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..questions.queries import lead_of, letters_of
from ..questions.wording import erase_words
from .models import Edition, EditionItem


def withdraw(session: Session, actor: Reader, letter: Letter) -> None:
    """Erase a letter; the desk's unpublished wording too when nobody else asks.

    Once the edition is locked it runs, unnamed. Raises `NotYours` and, when it was withdrawn before, `Illegal`.
    """
    question_id = letter.question_id
    erase(session, actor, letter)
    outbox.forget_letter(session, actor, letter.id)
    if question_id is None:
        return
    question = lead_of(session, session.get_one(Question, question_id))
    lock(session, question)
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is not None:
        item.credits = [None for _ in item.credits]
        session.flush()
        return
    if letters_of(session, question) or question.state in ("published", "retracted"):
        return
    if question.state == "queued":
        _leave_slot(session, actor, question)
    if question.state in ("open", "seeking", "answered", "shelved"):
        close(session, actor, question, "withdrawn", cause="withdraw")
    erase_words(session, question)
    if question_id != question.id:
        erase_words(session, session.get_one(Question, question_id))


def _leave_slot(session: Session, actor: Reader, question: Question) -> None:
    edition = session.get_one(Edition, question.edition_id)
    QUESTION.apply(
        session, actor, question, "drop", cause="skip", why={"edition": edition.id}, edition_id=None, position=None
    )
