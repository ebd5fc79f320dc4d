"""A reader takes a letter back. It outranks everything but print: the words and the contact are gone at once."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ...answers.closing import close
from ...answers.models import Assignment
from ...audit.queries import find_latest_event
from ...core.actors import Reader, Staff
from ...db.session import lock_row, override_time
from ...editions import locking, slots
from ...editions.models import Edition, EditionItem
from ...forms import form_drafts, press_keys
from ...letters import contacts
from ...letters.blurred_time import stored_time
from ...letters.models import Letter
from ...letters.queries import of_questions, stood_behind
from ...letters.receipts import change_credit as change_own_credit
from ...letters.receipts import erase
from ...mail import outbox
from ...mail.models import OutboxMail
from ...newsletters.models import Newsletter
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...questions.queries import cleared_text, family, lead_of, letters_of
from ...questions.wording import erase_words, forget_own_words
from ...text.clean import for_print
from ...typesetting.house_languages import phrases_for
from ..publishing import notices


def withdraw(session: Session, actor: Reader, letter: Letter) -> None:
    """Erase a letter; the desk's unpublished wording too when nobody else asks.

    Once the edition is locked it runs, unnamed. Raises `PermissionDenied` and, when it was withdrawn before,
    `InvalidTransition`.
    """
    lock_row(session, letter)  # where the desk is filing it at this moment, its question is known after that
    words = letter.body or ""
    erase(session, actor, letter)
    behind = sorted(stood_behind(session, letter))
    _erase_drafts(session, letter, behind)
    for key in behind:
        own, question = _lock_with_lead(session, key)
        if key == letter.question_id:
            _leave_question(session, actor, letter, own, question, words)
        elif not _is_only_readers(session, letter, own, words):
            forget_own_words(session, own, words, next(iter(letters_of(session, own)), None))
        elif own is not question:
            erase_words(session, own)
        elif not _has_edition_item(session, own):
            _end_for(session, actor, letter, own)


def _erase_drafts(session: Session, letter: Letter, question_ids: list[int]) -> None:
    """Erase what the desk has typed about it and not sent, and what was said after presses."""
    keys = {one for key in question_ids for one in family(session, lead_of(session, session.get_one(Question, key)))}
    mails = or_(OutboxMail.letter_id == letter.id, OutboxMail.question_id.in_(keys))
    questions = session.scalars(select(Question.public_id).where(Question.id.in_(keys)))
    about = [letter.public_id, *questions, *session.scalars(select(OutboxMail.public_id).where(mails))]
    form_drafts.erase_about(session, about)
    press_keys.forget_words(session, letter.newsletter_id)


def _leave_question(
    session: Session, actor: Reader, letter: Letter, own_question: Question, question: Question, text: str
) -> None:
    """A letter that was erased leaves the question that it stood behind."""
    if own_question is not question and not of_questions(session, [own_question.id]):
        erase_words(session, own_question)
    others = letters_of(session, question)
    for each in {own_question, question}:
        forget_own_words(session, each, text, others[0] if others else None)
    fixed = _unname(session, question)
    if fixed or others or question.has_run:
        _notify_editors(session, letter, question, fixed)
    else:
        _end_for(session, actor, letter, question)


def _end_for(session: Session, actor: Reader, letter: Letter, question: Question) -> None:
    later = _get_notice_time(session, letter)
    with override_time(session, stored_time(session, letter)):
        _end(session, actor, question)
        if later:
            outbox.postpone(session, family(session, question), later)
    _notify_editors(session, letter, question, False)


def _notify_editors(session: Session, letter: Letter, question: Question, runs_unnamed: bool) -> None:
    later = _get_notice_time(session, letter)
    with override_time(session, stored_time(session, letter)):
        notices.notify_letter_withdrawn(session, question, runs_unnamed, due_at=later)


def _get_notice_time(session: Session, letter: Letter) -> datetime | None:
    """Delay what is mailed about a letter without address until the day is over: it would tell the minute."""
    return stored_time(session, letter) + timedelta(days=1) if letter.hear_back == "number" else None


def _lock_with_lead(session: Session, key: int) -> tuple[Question, Question]:
    """Lock a question and the one that it counts for, as they stand until the end of the transaction."""
    own = lock_row(session, session.get_one(Question, key))
    question = lock_row(session, lead_of(session, own))
    if question.edition_id is not None:
        # An editor may be locking its edition at this moment: what is fixed is known once that is done.
        lock_row(session, session.get_one(Edition, question.edition_id))
    return own, question


def _is_only_readers(session: Session, letter: Letter, question: Question, text: str) -> bool:
    """Return whether a question that a letter was taken out of is still that reader's, by its words or as it was opened
    for them: nobody asks it, and nothing of it was ever confirmed as the desk's own.
    """
    if letters_of(session, question) or question.text is None:
        return False
    if question.text.cleared_at is None and question.text.body == for_print(text):
        return True
    opened = find_latest_event(session, "question", question.id, "question.open")
    letters = (opened.facts or {}).get("letters", ()) if opened else ()
    return letter.id in letters and cleared_text(session, question.id) is None


def unlock(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Take an edition out of the lock. What every asker had taken back while it was fixed leaves it now.

    Raises `VersionConflict` and `InvalidTransition`.
    """
    locking.unlock(session, actor, edition, version)
    for question in slots.list_picked_questions(session, edition):
        taken_back = select(Letter.id).where(Letter.question_id.in_(family(session, question)), Letter.is_withdrawn)
        if session.scalar(taken_back.limit(1)) and not letters_of(session, question):
            _end(session, actor, question)


def _end(session: Session, actor: Reader | Staff, question: Question) -> None:
    """Nobody asks this any more and it never ran: it is closed, and all that the desk wrote of it is erased."""
    keys = family(session, question)
    outbox.forget_questions(session, actor, keys)
    if QUESTION.leads(question.state, "drop"):
        slots.drop(session, actor, question, cause="skip")
    if QUESTION.leads(question.state, "close"):
        close(session, actor, question, "withdrawn", cause="withdraw")
    for key in keys:
        erase_words(session, session.get_one(Question, key))
    session.execute(update(Assignment).where(Assignment.question_id.in_(keys)).values(brief=""))


def change_credit(
    session: Session, actor: Reader, letter: Letter, choice: str, name: str, place: str, consent: str
) -> None:
    """Change how a reader is named. What was locked or has run loses a name that is no longer the wanted one.

    Raises `MissingPrecondition` and `PermissionDenied`.
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
    _own, question = _lock_with_lead(session, letter.question_id)
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    wanted = contacts.get_credit_name(session, letter, phrases_for(newsletter.language)["comma"])
    _unname(session, question, but=wanted)


def _has_edition_item(session: Session, question: Question) -> bool:
    """Return whether it was locked into an edition, or ran."""
    return session.scalar(select(EditionItem.id).filter_by(question_id=question.id)) is not None


def _unname(session: Session, question: Question, but: str | None = None) -> bool:
    """Take the name off what was locked, and off the page where it ran. Returns whether anything was locked."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None:
        return False
    item.credits = [credit if credit == but else None for credit in item.credits]
    session.flush()
    return True
