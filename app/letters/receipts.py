"""Actions of a reader with the receipt in hand. Whoever has the number may do this, so it never shows the words."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Reader
from ..core.state_machine import PermissionDenied, require_text
from ..db.drawn_keys import random_key
from ..db.session import add_and_flush, get_keyring, lock_row
from ..newsletters.models import Newsletter
from ..text.clean import clean, receipt_of
from . import contacts, personal_data
from .blurred_time import stored_time
from .models import Addition, Letter
from .receive import ValidationError

MOST_ADDITIONS = 20  # to one letter: whoever has a number could otherwise bury what the desk is to read
MAXIMUM = 2_000  # characters of each


def find_receipt(session: Session, text: str) -> Letter | None:
    """The letter of a receipt as somebody typed it: in any script's digits, with or without spaces."""
    number = receipt_of(text)
    if number is None:
        return None
    return session.scalar(
        select(Letter).where(Letter.receipt_mac.in_(get_keyring(session).macs("letters.receipt", number)))
    )


def reader_of(letter: Letter) -> Reader:
    return Reader(letter_id=letter.id, mailed=letter.receipt_mailed)


def _require_unmailed_receipt(session: Session, actor: Reader, letter: Letter) -> None:
    """A receipt that travelled by mail can only read the state and withdraw. What was taken back takes nothing more,
    and a withdrawal that is under way is waited for."""
    if actor.letter_id != letter.id or actor.mailed or lock_row(session, letter).erased_at:
        raise PermissionDenied(actor.ref)


def add(session: Session, actor: Reader, letter: Letter, body: str) -> None:
    """Add something to a letter. Raises as `store_addition` does."""
    if store_addition(session, actor, letter, body):
        audit.record(session, actor, "letter.add", letter, at=stored_time(session, letter))


def store_addition(
    session: Session, actor: Reader, letter: Letter, body: str, skip_duplicate: bool = True
) -> Addition | None:
    """Put words behind a letter; with `skip_duplicate` the same ones sent again, as by a reloaded page, are there
    already: None.

    Raises `MissingPrecondition` (text), `ValidationError` (too long, or too many), and `PermissionDenied`, also when
    nothing can be added any more, as to a newsletter that has ended.
    """
    _require_unmailed_receipt(session, actor, letter)
    if not session.get_one(Newsletter, letter.newsletter_id).is_going:
        raise PermissionDenied(actor.ref)
    body = require_text("text", clean(body))
    if len(body) > MAXIMUM:
        raise ValidationError({"more": "long"})
    newest = session.scalar(select(Addition).filter_by(letter_id=letter.id).order_by(Addition.id.desc()).limit(1))
    if skip_duplicate and newest is not None and newest.body == body:
        return None
    if (
        session.scalar(select(func.count()).select_from(Addition).filter_by(letter_id=letter.id)) or 0
    ) >= MOST_ADDITIONS:
        raise ValidationError({"more": "many"})
    key = random_key(session, Addition, after=newest.id if newest and newest.id < 0 else None)
    addition = Addition(id=key, letter_id=letter.id, body=body, added_at=stored_time(session, letter))
    session.execute(update(Letter).where(Letter.id == letter.id).values(indexed_version=0))
    return add_and_flush(session, addition)


def change_credit(
    session: Session, actor: Reader, letter: Letter, choice: str, name: str, place: str, consent: str
) -> None:
    """Change how the reader is named. Raises `MissingPrecondition` and `PermissionDenied`, also when the letter was
    taken back."""
    _require_unmailed_receipt(session, actor, letter)
    contacts.set_credit(session, letter, choice, name, place, consent)
    audit.record(session, actor, "letter.credit", letter, at=stored_time(session, letter))


def erase(session: Session, actor: Reader, letter: Letter) -> None:
    """Take a letter back: its words, contact and credit are erased at once. Part of `withdrawal.withdraw`."""
    if actor.letter_id != letter.id:
        raise PermissionDenied(actor.ref)
    personal_data.erase_letter(
        session, actor, lock_row(session, letter), "withdraw", stored_time(session, letter), "letter"
    )
