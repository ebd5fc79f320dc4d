"""Notes that the desk leaves on a reader's receipt page, and the replies: a way to ask readers without an address.

The reader is not notified of a note. Anyone with the receipt number can read it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session

from ... import audit
from ...core.actors import Reader, Staff
from ...core.domain_errors import InvalidTransition, PermissionDenied
from ...core.listing import COUNT_LIMIT, Key
from ...core.state_machine import must, require_length, require_text
from ...db.session import lock_row, now
from ...letters import receipts
from ...letters.blurred_time import truncate_to_day
from ...letters.models import Addition, Letter, ReceiptNote
from ...newsletters.models import Newsletter
from ...text.clean import clean
from .public_state import PublicState, get_public_state

LONGEST_NOTE = 500  # characters: a note should ask one thing
MAX_NOTES = 5  # per letter, so that readers aren't interrogated
DAY = timedelta(days=1)


def accepts_messages(newsletter: Newsletter, letter: Letter, public_state: PublicState) -> bool:
    """Return whether the holder of the receipt number can still write to the desk.

    A receipt that was sent by mail doesn't allow this: it only lets readers see the state and withdraw.
    """
    return (
        letter.erased_at is None
        and not letter.receipt_mailed
        and newsletter.is_going
        and not public_state.is_published
        and not public_state.has_ended
    )


def can_be_asked(session: Session, letter: Letter, notes: Sequence[ReceiptNote] | None = None) -> bool:
    """Return whether the desk can leave a note: the reader could answer it, none is open, and MAX_NOTES isn't reached.

    `notes` are the letter's notes, if they are loaded already.
    """
    notes = letter.notes if notes is None else notes
    if letter.author != "reader" or letter.receipt_mac is None or len(notes) >= MAX_NOTES:
        return False
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    public_state = get_public_state(session, newsletter, letter, with_dates=False)
    return accepts_messages(newsletter, letter, public_state) and _find_unanswered(notes) is None


def get_open_note(letter: Letter) -> ReceiptNote | None:
    """Return the note that has not been answered yet, or None."""
    return _find_unanswered(letter.notes)


def _find_unanswered(notes: Sequence[ReceiptNote]) -> ReceiptNote | None:
    return next((note for note in notes if note.addition_id is None), None)


def leave_note(session: Session, actor: Staff, letter: Letter, body: str) -> ReceiptNote:
    """Leave a note on the receipt page of a letter.

    Raises `MissingField` (note), `TooLong` (note), `PermissionDenied`, and `InvalidTransition` if nobody could answer
    it or another note is open.
    """
    must(actor, "take letters")
    lock_row(session, letter)
    if not can_be_asked(session, letter):
        raise InvalidTransition("letter", "leave a note", letter.state)
    body = require_length("note", require_text("note", clean(body)), LONGEST_NOTE)
    note = ReceiptNote(letter_id=letter.id, body=body, left_by_id=actor.person_id, left_at=now(session))
    session.add(note)
    audit.record(session, actor, "letter.ask", letter)
    return note


def take_back_note(session: Session, actor: Staff, letter: Letter) -> None:
    """Delete the open note of a letter. Raises `PermissionDenied`, and `InvalidTransition` if there is none."""
    must(actor, "take letters")
    lock_row(session, letter)
    note = get_open_note(letter)
    if note is None:
        raise InvalidTransition("letter", "take back a note", letter.state)
    session.delete(note)
    audit.record(session, actor, "letter.unask", letter)


def _require_accepting(session: Session, actor: Reader, letter: Letter) -> None:
    """Lock the letter. Raises `PermissionDenied` if the desk accepts no more messages.

    The reader's page may be older and still have the form.
    """
    newsletter = session.get_one(Newsletter, lock_row(session, letter).newsletter_id)
    if not accepts_messages(newsletter, letter, get_public_state(session, newsletter, letter)):
        raise PermissionDenied(actor.ref)


def add_text(session: Session, actor: Reader, letter: Letter, body: str) -> None:
    """Add a text to a letter.

    Raises as `receipts.add` does, and `PermissionDenied` if the desk accepts no more messages.
    """
    _require_accepting(session, actor, letter)
    receipts.add(session, actor, letter, body)


def answer_note(session: Session, actor: Reader, letter: Letter, body: str) -> None:
    """Answer the open note. If the same text is submitted again, for example by a reload, ignore it.

    Raises as `receipts.store_addition` does, and `PermissionDenied` if no note is open or the desk accepts no more
    messages.
    """
    _require_accepting(session, actor, letter)
    note = get_open_note(letter)
    if note is None:
        if letter.notes and letter.additions and letter.additions[-1].body == clean(body):
            return
        raise PermissionDenied(actor.ref)
    # A duplicate is recognized above, since after the first answer no note is open.
    addition = receipts.store_addition(session, actor, letter, body, skip_duplicate=False)
    if addition:
        note.addition_id = addition.id
        audit.record(session, actor, "letter.answer", letter, at=addition.added_at)


def list_answered_letters(
    session: Session, newsletter_id: int, days: int, include_today: bool
) -> Sequence[tuple[Letter, datetime]]:
    """Return the listed letters whose readers answered a note in the last `days` days, with the newest answer's time.

    The current day counts only with `include_today`. Days are in UTC: no time of day is stored for readers without an
    address.
    """
    midnight = truncate_to_day(now(session))
    query = select_answered_letters(newsletter_id, midnight - days * DAY, None if include_today else midnight)
    query = query.group_by(Letter.id).order_by(Letter.id).limit(COUNT_LIMIT)
    rows = session.execute(query.add_columns(func.max(Addition.added_at)))
    return [(letter, answered_at) for letter, answered_at in rows]


def select_answered_letters(newsletter_id: Key, start: Any, end: datetime | None = None) -> Select[Letter]:
    """Select the letters with answers between two midnights, one row for each answer."""
    in_newsletter = Letter.newsletter_id + 0 == newsletter_id  # "+ 0" makes the planner start from the few answers
    query = select(Letter).join(Addition, Addition.letter_id == Letter.id)
    query = query.join(ReceiptNote, ReceiptNote.addition_id == Addition.id)
    query = query.where(in_newsletter, Letter.is_listed)
    return query.where(Addition.added_at >= start, true() if end is None else Addition.added_at < end)
