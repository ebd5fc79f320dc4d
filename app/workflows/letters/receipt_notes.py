"""Notes that the desk leaves at a reader's receipt, and what is written back: a way to ask who left no address.

Nobody is told of a note, and whoever never comes back loses nothing. Its words can be read by whoever holds the number.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session

from ... import audit
from ...core.actors import Reader, Staff
from ...core.domain_errors import InvalidTransition, PermissionDenied
from ...core.listing import MANY, Key
from ...core.state_machine import must, require_length, require_text
from ...db.session import lock_row, now
from ...letters import receipts
from ...letters.blurred_time import truncate_to_day
from ...letters.models import Addition, Letter, ReceiptNote
from ...newsletters.models import Newsletter
from ...text.clean import clean
from .public_state import PublicState, get_public_state

MAXIMUM = 500  # characters: a note asks one thing
MOST = 5  # at one letter: a reader is no witness to be questioned
DAY = timedelta(days=1)


def accepts_messages(newsletter: Newsletter, letter: Letter, public_state: PublicState) -> bool:
    """Return whether whoever holds the letter's number can still write something that the desk reads."""
    return (
        letter.erased_at is None
        and not letter.receipt_mailed
        and newsletter.is_going
        and not public_state.is_published
        and not public_state.has_ended
    )


def can_be_asked(session: Session, letter: Letter, notes: Sequence[ReceiptNote] | None = None) -> bool:
    """Return whether a note at the letter's receipt could be read and answered, and none waits there already; `notes`
    are those that lie there, where they are at hand.
    """
    notes = letter.notes if notes is None else notes
    if letter.author != "reader" or letter.receipt_mac is None or len(notes) >= MOST:
        return False
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    standing = get_public_state(session, newsletter, letter, dates=False)
    return accepts_messages(newsletter, letter, standing) and _open(notes) is None


def open_note(letter: Letter) -> ReceiptNote | None:
    """Return the note that waits for its reader."""
    return _open(letter.notes)


def _open(notes: Sequence[ReceiptNote]) -> ReceiptNote | None:
    return next((note for note in notes if note.addition_id is None), None)


def leave(session: Session, actor: Staff, letter: Letter, body: str) -> ReceiptNote:
    """Leave a note at the receipt of a letter.

    Raises `MissingPrecondition` (note), `TooLong` (note), `PermissionDenied`, and `InvalidTransition` where nobody
    could answer it or one waits.
    """
    must(actor, "take letters")
    lock_row(session, letter)
    if not can_be_asked(session, letter):
        raise InvalidTransition("letter", "leave a note", letter.state)
    body = require_length("note", require_text("note", clean(body)), MAXIMUM)
    note = ReceiptNote(letter_id=letter.id, body=body, left_by_id=actor.person_id, left_at=now(session))
    session.add(note)
    audit.record(session, actor, "letter.ask", letter)
    return note


def take_back(session: Session, actor: Staff, letter: Letter) -> None:
    """Take the note away that waits for its reader. Raises `PermissionDenied`, and `InvalidTransition` where none waits
    any more."""
    must(actor, "take letters")
    lock_row(session, letter)
    note = open_note(letter)
    if note is None:
        raise InvalidTransition("letter", "take back a note", letter.state)
    session.delete(note)
    audit.record(session, actor, "letter.unask", letter)


def _require_open(session: Session, actor: Reader, letter: Letter) -> None:
    """Raise `PermissionDenied` where the desk would not read what is sent now, such as from a page opened before the
    end."""
    newsletter = session.get_one(Newsletter, lock_row(session, letter).newsletter_id)
    if not accepts_messages(newsletter, letter, get_public_state(session, newsletter, letter)):
        raise PermissionDenied(actor.ref)


def add(session: Session, actor: Reader, letter: Letter, body: str) -> None:
    """Add something to a letter. Raises what `receipts.add` raises, and `PermissionDenied` where the desk reads no
    more."""
    _require_open(session, actor, letter)
    receipts.add(session, actor, letter, body)


def answer(session: Session, actor: Reader, letter: Letter, body: str) -> None:
    """Write back to the note that waits; the same words sent again, as a reloaded page does, are taken once.

    Raises what `receipts.store_addition` raises, and `PermissionDenied` where no note waits any more or the desk reads
    no more.
    """
    _require_open(session, actor, letter)
    note = open_note(letter)
    if note is None:
        if letter.notes and letter.additions and letter.additions[-1].body == clean(body):
            return
        raise PermissionDenied(actor.ref)
    if addition := receipts.store_addition(
        session, actor, letter, body, skip_duplicate=False
    ):  # a reload finds no note that waits
        note.addition_id = addition.id
        audit.record(session, actor, "letter.answer", letter, at=addition.added_at)


def list_answered_letters(
    session: Session, newsletter_id: int, days: int, today: bool
) -> Sequence[tuple[Letter, datetime]]:
    """Return the listed letters whose readers have written back within so many days before this one, or also today, and
    when they did so last.

    Days are those of UTC: of who left no address no minute is kept.
    """
    midnight = truncate_to_day(now(session))
    query = select_answered_letters(newsletter_id, midnight - days * DAY, None if today else midnight)
    query = query.group_by(Letter.id).order_by(Letter.id).limit(MANY)
    return [(letter, at) for letter, at in session.execute(query.add_columns(func.max(Addition.added_at)))]


def select_answered_letters(newsletter_id: Key, start: Any, end: datetime | None = None) -> Select[Letter]:
    """Select the letters of the answers between two midnights, once for each."""
    here = Letter.newsletter_id + 0 == newsletter_id  # plus nothing: from the few answers to their letters
    query = select(Letter).join(Addition, Addition.letter_id == Letter.id)
    query = query.join(ReceiptNote, ReceiptNote.addition_id == Addition.id)
    query = query.where(here, Letter.is_listed)
    return query.where(Addition.added_at >= start, true() if end is None else Addition.added_at < end)
