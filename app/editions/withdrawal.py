"""A reader takes a letter back. It outranks everything but print: the words and the contact are gone at once."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Reader
from ..answers.closing import close
from ..db import lock
from ..letters.models import Letter
from ..letters.receipts import change_credit as change_own_credit
from ..letters.receipts import erase
from ..mail import outbox
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..questions.queries import lead_of, letters_of
from ..questions.wording import erase_words
from . import archive
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
    if _unname(session, question):
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


def change_credit(
    session: Session, actor: Reader, letter: Letter, choice: str, name: str, place: str, consent: str
) -> None:
    """Change how a reader is named. Who no longer wants to be named is not, also where it is locked or has run.

    Raises `Missing` and `NotYours`.
    """
    change_own_credit(session, actor, letter, choice, name, place, consent)
    if choice == "none" and letter.question_id is not None:
        _unname(session, lead_of(session, session.get_one(Question, letter.question_id)))


def _unname(session: Session, question: Question) -> bool:
    """Take the name off what was locked, and off the page where it ran. Returns whether anything was locked."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None:
        return False
    item.credits = [None for _ in item.credits]
    session.flush()
    archive.touch(session, question.newsletter_id)
    return True


def _leave_slot(session: Session, actor: Reader, question: Question) -> None:
    edition = session.get_one(Edition, question.edition_id)
    QUESTION.apply(
        session, actor, question, "drop", cause="skip", why={"edition": edition.id}, edition_id=None, position=None
    )
