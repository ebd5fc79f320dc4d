"""Withdrawal of a letter by its reader, which erases its text and the contact at once.

Only what is locked or published stays, without the reader's name. The lead of a question is the question that it was
merged into, or else the question itself. A lead and the questions merged into it are a family.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ...answers.closing import close
from ...answers.models import Assignment
from ...audit.queries import find_latest_event
from ...core.actors import Actor, Reader, Staff
from ...db.session import lock_row, override_time
from ...editions import locking, slots
from ...editions.models import Edition, EditionItem
from ...forms import form_drafts, idempotency
from ...letters import contacts
from ...letters.blurred_time import stored_time
from ...letters.models import Letter
from ...letters.queries import find_all_question_ids, of_questions
from ...letters.receipts import change_credit as change_own_credit
from ...letters.receipts import erase
from ...mail import outbox
from ...mail.models import OutboxMail
from ...newsletters.models import Newsletter
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...questions.queries import cleared_text, lead_of, letters_of, list_family_ids
from ...questions.wording import erase_words, forget_own_words
from ...text.clean import for_print
from ...typesetting.house_languages import phrases_for
from ..indexing import index_at_once
from ..publishing import notices


def withdraw(session: Session, actor: Reader, letter: Letter) -> None:
    """Erase a letter, and also the desk's unpublished wording if nobody else asks the question.

    If the edition is locked already, the question runs without the reader's name. Raises `PermissionDenied`, and
    `InvalidTransition` if the letter was withdrawn before.
    """
    lock_row(session, letter)  # if the desk is filing it right now, its question is known afterwards
    letter_text = letter.body or ""
    erase(session, actor, letter)
    question_ids = sorted(find_all_question_ids(session, letter))
    with override_time(session, stored_time(session, letter)):
        _erase_drafts(session, letter, question_ids)
        # The letter may have been filed to other questions before. They end too if nobody else asks them.
        for question_id in question_ids:
            question, lead = _lock_with_lead(session, question_id)
            if question_id == letter.question_id:
                _leave_question(session, actor, letter, question, lead, letter_text)
            elif not _belongs_only_to(session, letter, question, letter_text):
                forget_own_words(session, question, letter_text, _first_with_words(letters_of(session, question)))
            elif question is not lead:
                erase_words(session, question)
            elif not _has_edition_item(session, question):
                _end_after_withdrawal(session, actor, letter, question)


def _erase_drafts(session: Session, letter: Letter, question_ids: list[int]) -> None:
    """Erase the desk's unsent drafts about the letter, and the outcomes stored with idempotency keys."""
    leads = [lead_of(session, session.get_one(Question, question_id)) for question_id in question_ids]
    family_ids = {question_id for lead in leads for question_id in list_family_ids(session, lead)}
    questions = select(Question.public_id).where(Question.id.in_(family_ids))
    mails = select(OutboxMail.public_id).where(
        or_(OutboxMail.letter_id == letter.id, OutboxMail.question_id.in_(family_ids))
    )
    public_ids = [letter.public_id, *session.scalars(questions), *session.scalars(mails)]
    form_drafts.erase_about(session, public_ids)
    idempotency.erase_outcomes(session, letter.newsletter_id)


def _lock_with_lead(session: Session, question_id: int) -> tuple[Question, Question]:
    """Lock a question and its lead, and return both."""
    question = lock_row(session, session.get_one(Question, question_id))
    lead = lock_row(session, lead_of(session, question))
    if lead.edition_id is not None:
        # If an editor is locking the edition right now, wait, so that its items are visible afterwards.
        lock_row(session, session.get_one(Edition, lead.edition_id))
    return question, lead


def _leave_question(
    session: Session, actor: Reader, letter: Letter, question: Question, lead: Question, letter_text: str
) -> None:
    """Remove an erased letter from its question, and end the lead if no other letter asks it and it never ran."""
    if question is not lead and not of_questions(session, [question.id]):
        erase_words(session, question)
    other_letters = letters_of(session, lead)
    other_letter = _first_with_words(other_letters)
    for changed_question in {question, lead}:
        forget_own_words(session, changed_question, letter_text, other_letter)
    has_item = _remove_names(session, lead)
    # The words of the other letters may be erased already. Then only a wording of the desk's own can go on.
    has_own_wording = other_letter is not None or not _is_uncleared_copy(lead, letter_text)
    if has_item or (other_letters and has_own_wording) or lead.has_run:
        _notify_editors(session, letter, lead, runs_unnamed=has_item)
    else:
        _end_after_withdrawal(session, actor, letter, lead)


def _first_with_words(letters: Sequence[Letter]) -> Letter | None:
    return next((letter for letter in letters if letter.erased_at is None), None)


def _is_uncleared_copy(question: Question, letter_text: str) -> bool:
    text = question.text
    return text is not None and text.cleared_at is None and text.body == for_print(letter_text)


def _belongs_only_to(session: Session, letter: Letter, question: Question, letter_text: str) -> bool:
    """Return whether a question came from this letter alone, which was moved to another question later.

    This is so if the question has no letters, and its text is an uncleared copy of the letter's text, or it was opened
    for the letter and has no cleared text.
    """
    if letters_of(session, question) or question.text is None:
        return False
    if _is_uncleared_copy(question, letter_text):
        return True
    open_event = find_latest_event(session, "question", question.id, "question.open")
    first_letter_ids = (open_event.facts or {}).get("letters", ()) if open_event else ()
    return letter.id in first_letter_ids and cleared_text(session, question.id) is None


def _has_edition_item(session: Session, question: Question) -> bool:
    """Return whether the question was locked into an edition or has run."""
    return session.scalar(select(EditionItem.id).filter_by(question_id=question.id)) is not None


def _end_after_withdrawal(session: Session, actor: Reader, letter: Letter, question: Question) -> None:
    due_at = _get_notice_time(session, letter)
    end(session, actor, question)
    if due_at:
        outbox.postpone(session, list_family_ids(session, question), due_at)
    _notify_editors(session, letter, question, runs_unnamed=False)


def _notify_editors(session: Session, letter: Letter, question: Question, *, runs_unnamed: bool) -> None:
    notices.notify_letter_withdrawn(session, question, runs_unnamed, due_at=_get_notice_time(session, letter))


def _get_notice_time(session: Session, letter: Letter) -> datetime | None:
    """Return when mails about the withdrawal may be sent, or None for at once.

    For a letter without an address this is the end of the day (UTC), so that they don't reveal the minute.
    """
    return stored_time(session, letter) + timedelta(days=1) if letter.hear_back == "number" else None


def unlock(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Unlock an edition, and end those of its questions whose letters were all withdrawn while it was locked.

    Raises `VersionConflict`, `InvalidTransition` and `PermissionDenied`.
    """
    locking.unlock(session, actor, edition, version)
    for question in slots.list_picked_questions(session, edition):
        family_ids = list_family_ids(session, question)
        withdrawn = select(Letter.id).where(Letter.question_id.in_(family_ids), Letter.is_withdrawn)
        if session.scalar(withdrawn.limit(1)) and not letters_of(session, question):
            end(session, actor, question)


def end(session: Session, actor: Actor, question: Question, reason: str = "withdrawn", cause: str = "withdraw") -> None:
    """Close a question that never ran, for `reason`, and erase everything that the desk wrote about it.

    Call this if nobody asks it any more, or nothing is left of what was asked. `cause` is the move of the letter.
    """
    question_ids = list_family_ids(session, question)
    outbox.forget_questions(session, actor, question_ids)
    if QUESTION.has_move("drop", question.state):
        slots.drop(session, actor, question, cause="skip")
    if QUESTION.has_move("close", question.state):
        close(session, actor, question, reason, cause=cause)
    for question_id in question_ids:
        erase_words(session, session.get_one(Question, question_id))
    session.execute(update(Assignment).where(Assignment.question_id.in_(question_ids)).values(brief=""))


def change_credit(
    session: Session, actor: Reader, letter: Letter, choice: str, name: str, place: str, consent: str
) -> None:
    """Change how a reader is named, and remove any other name from locked and published items.

    Raises `MissingField` and `PermissionDenied`.
    """
    change_own_credit(session, actor, letter, choice, name, place, consent)
    _remove_other_names(session, letter)


def leave_unnamed(session: Session, actor: Staff, letter: Letter) -> None:
    """Remove the reader's name at the desk's decision, also from locked and published items.

    Raises `PermissionDenied`.
    """
    contacts.leave_unnamed(session, actor, letter)
    _remove_other_names(session, letter)


def _remove_other_names(session: Session, letter: Letter) -> None:
    """Remove all names from the item of the letter's question, except the name that the reader wants now."""
    if letter.question_id is None:
        return
    _question, lead = _lock_with_lead(session, letter.question_id)
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    wanted_name = contacts.get_credit_name(session, letter, phrases_for(newsletter.language)["comma"])
    _remove_names(session, lead, except_name=wanted_name)


def _remove_names(session: Session, question: Question, except_name: str | None = None) -> bool:
    """Remove all names except one from the locked or published item of a question. Return whether it has an item."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None:
        return False
    credits = [credit if credit == except_name else None for credit in item.credits]
    if credits != item.credits:
        item.credits = credits
        session.flush()
        index_at_once(session, question)
    return True
