"""Letters and mails that have had their time: their words are erased by the rules of the newsletter's settings.

What an edition printed stays, and that there was a letter, what it was and on which day. Nothing is noted beforehand:
what is taken up again stays, and other days hold at once.
"""

from contextlib import suppress
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ...answers.models import Assignment
from ...core.actors import Clock
from ...db.engine import Database
from ...db.fault_kinds import Busy
from ...db.secure_delete import empty_log
from ...db.session import lock_row, now
from ...letters import personal_data
from ...letters.models import Contact, Letter
from ...letters.queries import stood_behind
from ...mail.models import Inbound, OutboxContent, OutboxMail
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...people.models import Link
from ...questions.models import Question
from ...questions.queries import family, lead_of
from ...questions.wording import erase_words, forget_own_words
from . import erase_answers
from . import retention_preview as preview

BATCH = 100  # mails in one transaction
BOUNCES = timedelta(days=7)  # after a mail left: servers try for five (RFC 5321, section 4.5.4.1), then they report


def forget_letters(database: Database, batches: int) -> None:
    """Erase the words of letters that have had their time. They are looked for while others may write, and erased a few
    in each transaction."""
    for _ in range(batches):
        with database.read() as session:
            parcels = preview.list_due_parcels(session)
        if not parcels:
            break
        for parcel in parcels:
            database.write(partial(forget_parcel, parcel=parcel), empties_log=False)
        with suppress(Busy):  # while somebody reads what stood there: the worker does so again and again
            empty_log(database)


def forget_parcel(session: Session, parcel: preview.Parcel) -> int:
    """Erase the words of those of some letters that have had their time still. Returns how many it was."""
    letters = preview.list_still_due_letters(session, parcel)
    for letter in letters:
        forget(session, letter)
    return len(letters)


def sweep(session: Session) -> int:
    """Erase a batch of what has had its time, of each newsletter and rule, the oldest first.

    Returns how many letters, mails and versions of answers it was.
    """
    return sum(forget_parcel(session, parcel) for parcel in preview.list_due_parcels(session)) + sweep_others(session)


def sweep_others(session: Session) -> int:
    """Erase a batch of what else has had its time: mails and versions of answers. Returns how many it was."""
    newsletters = all_newsletters(session)
    done = sum(_forget_mails(session, one) + erase_answers.sweep(session, one) for one in newsletters)
    return done + _untie(session)


def forget(session: Session, letter: Letter) -> None:
    """Erase the words of a letter that has had its time, and what the desk has of them besides what ran."""
    if lock_row(session, letter).erased_at is not None:
        return
    words, behind = letter.body or "", sorted(stood_behind(session, letter))
    stays = {"to": letter.state} if letter.is_settled else {"end_reason": "forgotten"}
    personal_data.erase_letter(session, Clock(), letter, "forget", now(session), "words", **stays)
    for key in behind:
        _forget_wordings(session, lock_row(session, session.get_one(Question, key)), words)


def _forget_wordings(session: Session, question: Question, text: str) -> None:
    """Erase versions that are the reader's own words; of a question that came to nothing, with its last letter, all."""
    forget_own_words(session, question, text, None)
    lead = lead_of(session, question)
    keys = family(session, lead)
    others = select(Letter.id).where(Letter.question_id.in_(keys), Letter.erased_at.is_(None)).limit(1)
    if lead.has_ended and session.scalar(others) is None:
        for key in keys:
            erase_words(session, session.get_one(Question, key))
        session.execute(update(Assignment).where(Assignment.question_id.in_(keys)).values(brief=""))


def _forget_mails(session: Session, newsletter: Newsletter) -> int:
    """Erase what stands in mails that ended long enough ago."""
    before = now(session) - timedelta(days=newsletter.expert_mail_days)
    old = (
        select(OutboxMail.id)
        .join(OutboxContent, OutboxContent.outbox_id == OutboxMail.id)
        .where(OutboxMail.newsletter_id == newsletter.id, OutboxMail.ended_at < before)
        .limit(BATCH)
    )
    keys = session.scalars(old).all()
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id.in_(keys)))
    return len(keys)


def _untie(session: Session) -> int:
    """Delete what is kept of mails to readers that can't come back any more: their letter, Message-ID and time.

    A mail company's log names the same Message-ID, and so would name the letter.
    """
    old = (
        select(OutboxMail.id, OutboxMail.letter_id)
        .outerjoin(OutboxContent, OutboxContent.outbox_id == OutboxMail.id)
        .where(OutboxMail.letter_id.is_not(None), OutboxMail.ended_at < now(session) - BOUNCES)
        .where(OutboxContent.outbox_id.is_(None))
        .order_by(OutboxMail.ended_at)
        .limit(BATCH)
    )
    rows = session.execute(old).all()
    keys, letters = [row.id for row in rows], {row.letter_id for row in rows}
    session.execute(update(Inbound).where(Inbound.outbox_id.in_(keys)).values(outbox_id=None))
    with_address = select(Contact.letter_id).where(Contact.letter_id.in_(letters))
    session.execute(delete(Link).where(Link.letter_id.in_(letters), Link.letter_id.not_in(with_address)))
    session.execute(delete(OutboxMail).where(OutboxMail.id.in_(keys)))
    return len(keys)
