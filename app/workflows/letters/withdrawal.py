"""Withdrawal of a letter by its reader, which erases its text and the contact at once. Only print takes precedence."""

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
from ...forms import form_drafts, idempotency
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
    """Erase a letter, and also the desk's unpublished wording if nobody else asks the question.

    If the edition is locked already, the question runs without the reader's name. Raises `PermissionDenied`, and
    `InvalidTransition` if the letter was withdrawn before.
    """
    lock_row(session, letter)  # if the desk is filing it right now, its question is known afterwards
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
    """Erase the desk's unsent drafts about the letter, and the outcomes stored with idempotency keys."""
    keys = {one for key in question_ids for one in family(session, lead_of(session, session.get_one(Question, key)))}
    mails = or_(OutboxMail.letter_id == letter.id, OutboxMail.question_id.in_(keys))
    questions = session.scalars(select(Question.public_id).where(Question.id.in_(keys)))
    about = [letter.public_id, *questions, *session.scalars(select(OutboxMail.public_id).where(mails))]
    form_drafts.erase_about(session, about)
    idempotency.forget_words(session, letter.newsletter_id)


def _leave_question(
    session: Session, actor: Reader, letter: Letter, own_question: Question, question: Question, text: str
) -> None:
    """Remove an erased letter from its question, and end the question if no other letter asks it and it never ran."""
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
    """Return when mails about the letter may be sent: for one without an address after its day, to hide the minute."""
    return stored_time(session, letter) + timedelta(days=1) if letter.hear_back == "number" else None


def _lock_with_lead(session: Session, key: int) -> tuple[Question, Question]:
    """Lock a question and the one that leads its family, and return both."""
    own = lock_row(session, session.get_one(Question, key))
    question = lock_row(session, lead_of(session, own))
    if question.edition_id is not None:
        # An editor may be locking the edition right now; wait for that, to know what is fixed.
        lock_row(session, session.get_one(Edition, question.edition_id))
    return own, question


def _is_only_readers(session: Session, letter: Letter, question: Question, text: str) -> bool:
    """Return whether a question from which the letter was removed earlier is still that reader's alone.

    It has no letters and no cleared text, and it has the reader's text or was opened for this letter.
    """
    if letters_of(session, question) or question.text is None:
        return False
    if question.text.cleared_at is None and question.text.body == for_print(text):
        return True
    opened = find_latest_event(session, "question", question.id, "question.open")
    letters = (opened.facts or {}).get("letters", ()) if opened else ()
    return letter.id in letters and cleared_text(session, question.id) is None


def unlock(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Unlock an edition, and end those of its questions whose letters were all withdrawn while it was locked.

    Raises `VersionConflict`, `InvalidTransition` and `PermissionDenied`.
    """
    locking.unlock(session, actor, edition, version)
    for question in slots.list_picked_questions(session, edition):
        taken_back = select(Letter.id).where(Letter.question_id.in_(family(session, question)), Letter.is_withdrawn)
        if session.scalar(taken_back.limit(1)) and not letters_of(session, question):
            _end(session, actor, question)


def _end(session: Session, actor: Reader | Staff, question: Question) -> None:
    """Close a question that nobody asks any more and that never ran, and erase everything the desk wrote about it."""
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
    """Change how a reader is named, and remove any other name from locked and published items.

    Raises `MissingField` and `PermissionDenied`.
    """
    change_own_credit(session, actor, letter, choice, name, place, consent)
    _keep_only_wanted(session, letter)


def leave_unnamed(session: Session, actor: Staff, letter: Letter) -> None:
    """Remove the reader's name at the desk's decision, also from locked and published items.

    Raises `PermissionDenied`.
    """
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
    """Return whether the question was locked into an edition or has run."""
    return session.scalar(select(EditionItem.id).filter_by(question_id=question.id)) is not None


def _unname(session: Session, question: Question, but: str | None = None) -> bool:
    """Remove all names but `but` from the locked or published item; return whether there is one."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None:
        return False
    item.credits = [credit if credit == but else None for credit in item.credits]
    session.flush()
    return True
