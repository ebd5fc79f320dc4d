"""Erasure of letters and mails at the end of the retention periods in a newsletter's settings.

Printed texts stay, and so do the existence, kind and day of a letter. Apart from letters of open questions
(`open_letters`), no erasure is scheduled in advance, so a letter that is used again stays, and changed settings apply
at once.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ...answers.models import Assignment
from ...core.actors import Clock
from ...db.engine import Database
from ...db.fault_kinds import Busy
from ...db.secure_delete import empty_log
from ...db.session import lock_row, now
from ...editions.models import EditionItem
from ...letters import personal_data
from ...letters.models import Contact, Letter
from ...letters.queries import find_all_question_ids
from ...mail.models import Inbound, OutboxContent, OutboxMail
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...people.models import Link
from ...questions.models import Question
from ...questions.queries import lead_of, letters_behind, list_family_ids
from ...questions.wording import erase_words, forget_own_words, forget_uncleared_copies
from ..letters import withdrawal
from . import erase_answers, retention_preview

BATCH = 100  # mails in one transaction
# A sent mail can bounce for less than this: servers try for five days (RFC 5321, section 4.5.4.1).
BOUNCE_PERIOD = timedelta(days=7)


def forget_letters(database: Database, rounds: int) -> None:
    """Erase due letters in up to `rounds` rounds of searching and erasing.

    They are searched for without the write lock, and only a few are erased in each transaction, so that others can
    write. Raises `Busy`.
    """
    for _ in range(rounds):
        with database.read() as session:
            batches = retention_preview.list_due_batches(session)
        if not batches:
            break
        for batch in batches:
            database.write(partial(forget_batch, batch=batch), empties_log=False)
        with suppress(Busy):  # another session still reads the old pages; the worker tries again regularly
            empty_log(database)


def forget_batch(session: Session, batch: retention_preview.DueBatch) -> int:
    """Erase those letters of a batch that are still due, and return their number."""
    letters = retention_preview.list_still_due_letters(session, batch)
    for letter in letters:
        forget(session, letter, letter.erase_on if retention_preview.RULES[batch.rule].is_announced else None)
    return len(letters)


def erase_due(session: Session) -> int:
    """Erase a limited number of the due letters, mails and versions of answers of each newsletter.

    Return the number of all of them.
    """
    count = 0
    for batch in retention_preview.list_due_batches(session):
        count += forget_batch(session, batch)
    return count + sweep_others(session)


def sweep_others(session: Session) -> int:
    """Erase a batch of due mails and versions of answers of each newsletter, and return their number."""
    count = 0
    for newsletter in all_newsletters(session):
        count += _forget_mails(session, newsletter)
        count += erase_answers.erase_due(session, newsletter)
    return count + _delete_links_to_mails(session)


def forget(session: Session, letter: Letter, erase_on: date | None = None) -> None:
    """Erase the text of a letter, and the desk's wordings of it that were not printed.

    `erase_on` is the day that the desk was told, if the question is still open. It stays with the letter, whose receipt
    then says so.
    """
    if lock_row(session, letter).erased_at is not None:
        return
    letter_text = letter.body or ""
    reader_texts = [letter_text, letter.background or "", *(addition.body for addition in letter.additions)]
    question_ids = sorted(find_all_question_ids(session, letter))
    # A settled letter keeps its state; any other one ends.
    transition: dict[str, Any] = {"to": letter.state} if letter.is_settled else {"end_reason": "forgotten"}
    transition["erase_on"] = erase_on
    personal_data.erase_letter(session, Clock(), letter, "forget", now(session), "words", **transition)
    for question_id in question_ids:
        question = lock_row(session, session.get_one(Question, question_id))
        _forget_wordings(session, question, letter_text, [part for part in reader_texts if part])


def _forget_wordings(session: Session, question: Question, letter_text: str, reader_texts: Sequence[str]) -> None:
    """Erase wordings that are the reader's own text, and all wordings of an ended question without other letters.

    A question that may still run goes on with its cleared wording. If it has none, and nothing but this reader's words,
    it ends.
    """
    forget_own_words(session, question, letter_text, None)
    lead = lead_of(session, question)
    keys = list_family_ids(session, lead)
    other_letters = letters_behind(keys, rising=True).page(session, None, 1)
    other_letter = other_letters[0] if other_letters else None
    if lead.can_run and forget_uncleared_copies(session, question, reader_texts, other_letter):
        if question is not lead:
            erase_words(session, question)
        elif session.scalar(select(EditionItem.id).filter_by(question_id=question.id)) is None:
            withdrawal.end(session, Clock(), question, "forgotten", cause="forget")
    if lead.has_ended and other_letter is None:
        for key in keys:
            erase_words(session, session.get_one(Question, key))
        session.execute(update(Assignment).where(Assignment.question_id.in_(keys)).values(brief=""))


def _forget_mails(session: Session, newsletter: Newsletter) -> int:
    """Delete the contents of a batch of mails whose retention period has ended, and return their number."""
    cutoff = now(session) - timedelta(days=newsletter.expert_mail_days)
    due = (
        select(OutboxMail.id)
        .join(OutboxContent, OutboxContent.outbox_id == OutboxMail.id)
        .where(OutboxMail.newsletter_id == newsletter.id, OutboxMail.ended_at < cutoff)
        .limit(BATCH)
    )
    keys = session.scalars(due).all()
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id.in_(keys)))
    return len(keys)


def _delete_links_to_mails(session: Session) -> int:
    """Delete a batch of outbox rows of mails to readers that can't bounce any more, and return their number.

    Such a row would link the letter to a Message-ID, which the logs of mail providers contain too.
    """
    due = (
        select(OutboxMail.id, OutboxMail.letter_id)
        .outerjoin(OutboxContent, OutboxContent.outbox_id == OutboxMail.id)
        .where(OutboxMail.letter_id.is_not(None), OutboxMail.ended_at < now(session) - BOUNCE_PERIOD)
        .where(OutboxContent.outbox_id.is_(None))
        .order_by(OutboxMail.ended_at)
        .limit(BATCH)
    )
    rows = session.execute(due).all()
    keys = [row.id for row in rows]
    letter_ids = {row.letter_id for row in rows}
    session.execute(update(Inbound).where(Inbound.outbox_id.in_(keys)).values(outbox_id=None))
    with_address = select(Contact.letter_id).where(Contact.letter_id.in_(letter_ids))
    session.execute(delete(Link).where(Link.letter_id.in_(letter_ids), Link.letter_id.not_in(with_address)))
    session.execute(delete(OutboxMail).where(OutboxMail.id.in_(keys)))
    return len(keys)
