"""Actions of a reader who has a receipt. Others may have seen the number, so nothing here shows the letter's text."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Reader
from ..core.domain_errors import PermissionDenied
from ..core.state_machine import require_text
from ..db.drawn_keys import random_key
from ..db.session import add_and_flush, get_keyring, lock_row
from ..newsletters.models import Newsletter
from ..text.clean import clean, parse_receipt
from . import contacts, personal_data
from .blurred_time import stored_time
from .models import Addition, Letter
from .receive import ValidationError

MOST_ADDITIONS = 20  # per letter, so that nobody who has a receipt can bury the letter under additions
MAX_ADDITION_LENGTH = 2_000  # characters


def find_receipt(session: Session, text: str) -> Letter | None:
    """Return the letter of a receipt number, typed in the digits of any script, with or without spaces."""
    number = parse_receipt(text)
    if number is None:
        return None
    macs = get_keyring(session).macs("letters.receipt", number)
    return session.scalar(select(Letter).where(Letter.receipt_mac.in_(macs)))


def reader_of(letter: Letter) -> Reader:
    return Reader(letter_id=letter.id, mailed=letter.receipt_mailed)


def _require_unmailed_receipt(session: Session, actor: Reader, letter: Letter) -> None:
    """Raise `PermissionDenied` for another letter, an erased one, or a receipt that was mailed.

    A mailed receipt only lets its holder see the state and withdraw. The letter's row is locked, to wait for a
    withdrawal that is in progress.
    """
    if actor.letter_id != letter.id or actor.mailed or lock_row(session, letter).erased_at:
        raise PermissionDenied(actor.ref)


def add(session: Session, actor: Reader, letter: Letter, body: str) -> None:
    """Add a text to a letter, and record it in the audit trail. Raises as `store_addition` does."""
    if store_addition(session, actor, letter, body):
        audit.record(session, actor, "letter.add", letter, at=stored_time(session, letter))


def store_addition(
    session: Session, actor: Reader, letter: Letter, body: str, skip_duplicate: bool = True
) -> Addition | None:
    """Store an addition to a letter. With `skip_duplicate`, return None if the newest addition has the same text.

    A page that is reloaded sends the same text again. Raises `MissingField` for an empty text, `ValidationError` for a
    text that is too long or one addition too many, and `PermissionDenied`, also for a newsletter that has ended.
    """
    _require_unmailed_receipt(session, actor, letter)
    if not session.get_one(Newsletter, letter.newsletter_id).is_going:
        raise PermissionDenied(actor.ref)
    body = require_text("text", clean(body))
    if len(body) > MAX_ADDITION_LENGTH:
        raise ValidationError({"more": "long"})
    newest = session.scalar(select(Addition).filter_by(letter_id=letter.id).order_by(Addition.id.desc()).limit(1))
    if skip_duplicate and newest is not None and newest.body == body:
        return None
    count = session.scalar(select(func.count()).select_from(Addition).filter_by(letter_id=letter.id)) or 0
    if count >= MOST_ADDITIONS:
        raise ValidationError({"more": "many"})
    addition_id = random_key(session, Addition, after=newest.id if newest and newest.id < 0 else None)
    addition = Addition(id=addition_id, letter_id=letter.id, body=body, added_at=stored_time(session, letter))
    session.execute(update(Letter).where(Letter.id == letter.id).values(indexed_version=0))
    return add_and_flush(session, addition)


def change_credit(
    session: Session, actor: Reader, letter: Letter, choice: str, name: str, place: str, consent: str
) -> None:
    """Change how the reader is named. Raises `MissingField` and `PermissionDenied`, also after a withdrawal."""
    _require_unmailed_receipt(session, actor, letter)
    contacts.set_credit(session, letter, choice, name, place, consent)
    audit.record(session, actor, "letter.credit", letter, at=stored_time(session, letter))


def erase(session: Session, actor: Reader, letter: Letter) -> None:
    """Erase a letter that its reader withdraws, with its contact and credit. `withdrawal.withdraw` calls this.

    Raises `PermissionDenied` for another letter, and `InvalidTransition` for one that is withdrawn already.
    """
    if actor.letter_id != letter.id:
        raise PermissionDenied(actor.ref)
    lock_row(session, letter)
    personal_data.erase_letter(session, actor, letter, "withdraw", stored_time(session, letter), "letter")
