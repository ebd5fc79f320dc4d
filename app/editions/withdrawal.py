"""A reader takes a letter back. It outranks everything but print: the words and the contact are gone at once."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..actors import Reader, Staff
from ..answers.closing import close
from ..answers.models import Assignment
from ..db import as_of, lock
from ..letters import contacts
from ..letters.days import kept_moment
from ..letters.models import Letter
from ..letters.queries import of_questions
from ..letters.receipts import change_credit as change_own_credit
from ..letters.receipts import erase
from ..mail import outbox
from ..newsletters.models import Newsletter
from ..questions.models import Question
from ..questions.queries import family, lead_of, letters_of
from ..questions.wording import erase_words, forget_own_words
from . import archive, desk, notices
from .models import Edition, EditionItem
from .phrases import phrases_for


def withdraw(session: Session, actor: Reader, letter: Letter) -> None:
    """Erase a letter; the desk's unpublished wording too when nobody else asks.

    Once the edition is locked it runs, unnamed. Raises `NotYours` and, when it was withdrawn before, `Illegal`.
    """
    question_id, words, moment = letter.question_id, letter.body, kept_moment(session, letter)
    erase(session, actor, letter)
    outbox.forget_letter(session, actor, letter.id)
    if question_id is None:
        return
    own = session.get_one(Question, question_id)
    question = lead_of(session, own)
    lock(session, question)
    if question.edition_id is not None:
        # An editor may be locking its edition at this moment: what is fixed is known once that is done, or can't be any more.
        lock(session, session.get_one(Edition, question.edition_id))
    if own is not question and not of_questions(session, [own.id]):
        erase_words(session, own)
    others = letters_of(session, question)
    for each in {own, question}:
        forget_own_words(session, each, words or "", others[0] if others else None)
    # What is mailed about it would tell the minute of one without address: it goes out when the day is over.
    later = moment + timedelta(days=1) if letter.hear_back == "number" else None
    fixed = _unname(session, question)
    with as_of(session, moment):
        if not (fixed or others or question.state in ("published", "retracted")):
            _end(session, actor, question)
            if later:
                outbox.put_off(session, family(session, question), later)
        notices.letter_withdrawn(session, question, fixed, due_at=later)


def unlock(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Take an edition out of the lock. What every asker had taken back while it was fixed leaves it now.

    Raises `Stale` and `Illegal`.
    """
    desk.unlock(session, actor, edition, version)
    for question in desk.picked(session, edition):
        taken_back = select(Letter.id).where(
            Letter.question_id.in_(family(session, question)), Letter.state == "withdrawn"
        )
        if session.scalar(taken_back.limit(1)) and not letters_of(session, question):
            _end(session, actor, question)


def _end(session: Session, actor: Reader | Staff, question: Question) -> None:
    """Nobody asks this any more and it never ran: it is closed, and all that the desk wrote of it is erased."""
    keys = family(session, question)
    outbox.forget_questions(session, actor, keys)
    if question.state == "queued":
        desk.drop(session, actor, question, cause="skip")
    if question.state in ("open", "seeking", "answered", "shelved"):
        close(session, actor, question, "withdrawn", cause="withdraw")
    for key in keys:
        erase_words(session, session.get_one(Question, key))
    session.execute(update(Assignment).where(Assignment.question_id.in_(keys)).values(brief=""))


def change_credit(
    session: Session, actor: Reader, letter: Letter, choice: str, name: str, place: str, consent: str
) -> None:
    """Change how a reader is named. What was locked or has run loses a name that is no longer the wanted one.

    Raises `Missing` and `NotYours`.
    """
    change_own_credit(session, actor, letter, choice, name, place, consent)
    _keep_only_wanted(session, letter)


def leave_unnamed(session: Session, actor: Staff, letter: Letter) -> None:
    """The desk runs the question without the name, also where it is locked or has run."""
    contacts.leave_unnamed(session, actor, letter)
    _keep_only_wanted(session, letter)


def _keep_only_wanted(session: Session, letter: Letter) -> None:
    if letter.question_id is None:
        return
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    wanted = contacts.named(session, letter, phrases_for(newsletter.language)["comma"])
    _unname(session, lead_of(session, session.get_one(Question, letter.question_id)), but=wanted)


def _unname(session: Session, question: Question, but: str | None = None) -> bool:
    """Take the name off what was locked, and off the page where it ran. Returns whether anything was locked."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None:
        return False
    item.credits = [credit if credit == but else None for credit in item.credits]
    session.flush()
    archive.touch(session, question.newsletter_id)
    return True
