"""Readers' addresses and names, which are sealed, that is encrypted, in tables of their own."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from .. import audit
from ..audit import erasures
from ..core.actors import Actor, Staff
from ..core.domain_errors import MissingField, MissingPrecondition
from ..core.state_machine import must, require_length
from ..db.drawn_keys import random_key
from ..db.session import add_and_flush, get_keyring, now
from ..mail import erasing, outbox
from ..text.clean import single_line
from .blurred_time import stored_time
from .models import Contact, Credit, Letter

MAX_NAME_LENGTH = 120  # characters of a name, and of a place
MAX_METHOD_LENGTH = 400  # characters, as in the column `verified_how`


class EmailToKeep(NamedTuple):
    """A reader's address for a letter. It is erased once it isn't needed any more, at the latest after `keep_days`."""

    letter: Letter
    address: str
    keep_days: int


def keep_email(session: Session, letter: Letter, address: str, keep_days: int) -> None:
    """Seal and store a reader's address."""
    keep_emails(session, [EmailToKeep(letter, address, keep_days)])


def keep_emails(session: Session, emails: Sequence[EmailToKeep]) -> None:
    """Seal and store the addresses of several readers, in one statement."""
    keyring = get_keyring(session)
    current_time = now(session)
    rows = [
        {
            "letter_id": email.letter.id,
            "hear_back": email.letter.hear_back,
            "email_sealed": keyring.seal(f"contacts.email.{email.letter.public_id}", email.address),
            "key_no": keyring.newest,
            "erase_on": (current_time + timedelta(days=email.keep_days)).date(),
        }
        for email in emails
    ]
    if rows:
        session.connection().execute(insert(Contact), rows)


def email_of(session: Session, letter: Letter) -> str | None:
    """Return the address to which the reader wants an answer, or None."""
    contact = session.scalar(select(Contact).filter_by(letter_id=letter.id))
    if contact is None:
        return None
    return get_keyring(session).open(f"contacts.email.{letter.public_id}", contact.email_sealed)


def forget(session: Session, actor: Actor, letter_id: int) -> None:
    """Erase the address of a letter's writer, and note the erasure so that a restored backup can repeat it.

    Call this when the address has been used, the question is settled, the retention period has ended, or the reader
    asks for it. The original mail of the letter and the contents of our mails to the reader are erased too, including
    mails that failed or are still waiting.
    """
    session.execute(delete(Contact).where(Contact.letter_id == letter_id))
    erasing.destroy_of_letter(session, letter_id)
    outbox.forget_letter(session, actor, letter_id)
    erasures.note(session, "address", session.scalars(select(Letter.public_id).filter_by(id=letter_id)))


def list_overdue_letter_ids(session: Session) -> list[int]:
    """Return the ids of the letters whose writers' addresses are past their retention period."""
    return list(session.scalars(select(Contact.letter_id).where(Contact.erase_on < now(session).date())))


def set_credit(
    session: Session, letter: Letter, choice: str, name: str = "", place: str = "", consent: str | None = None
) -> Credit:
    """Seal how a reader wants to be named. `consent` is the sentence that they agreed to, in their language.

    A new choice resets the verification of the old name. Raises `MissingField` when the choice needs a name, or, for
    "first name and place", a place.
    """
    name, place = single_line(name)[:MAX_NAME_LENGTH], single_line(place)[:MAX_NAME_LENGTH]
    if choice != "none" and not name:
        raise MissingField("name")
    if choice == "first" and not place:
        raise MissingField("place")
    keyring = get_keyring(session)
    credit = session.scalar(select(Credit).filter_by(letter_id=letter.id)) or Credit(
        id=random_key(session, Credit), letter_id=letter.id
    )
    if credit.name_sealed is not None:
        erasures.note(session, "name", [letter.public_id])
    is_named = choice != "none"
    has_consent = is_named and bool(consent)
    credit.choice = choice
    credit.name_sealed = keyring.seal(f"credits.name.{letter.public_id}", name) if is_named else None
    credit.place_sealed = keyring.seal(f"credits.place.{letter.public_id}", place) if is_named and place else None
    credit.key_no = keyring.newest if is_named else None
    credit.consent_text = consent if has_consent else None
    credit.consented_at = stored_time(session, letter) if has_consent else None
    credit.verified_at = credit.verified_by_id = credit.verified_how = None
    return add_and_flush(session, credit)


def credits_of(session: Session, letter_ids: Sequence[int]) -> dict[int, Credit]:
    """Return the credits of the letters whose writers want to be named, by letter id, in one query."""
    query = select(Credit).where(Credit.letter_id.in_(letter_ids), Credit.choice != "none")
    return {credit.letter_id: credit for credit in session.scalars(query)}


def get_credit_name(session: Session, letter: Letter, comma: str = ", ") -> str | None:
    """Return the name as the reader wants it printed, e.g. "Timur, Osh", or None for "don't name me".

    This doesn't check whether the name may be printed. `comma` separates name and place in the language of the print.
    """
    credit = session.scalar(select(Credit).filter_by(letter_id=letter.id))
    return _open_name(session, letter, credit, comma) if credit else None


def names_of(
    session: Session, letters: Sequence[Letter], credits: Mapping[int, Credit] | None = None, comma: str = ", "
) -> dict[int, str]:
    """Return the names of the writers who want to be named, by letter id.

    Pass `credits`, by letter id, if they are loaded already.
    """
    credits = credits_of(session, [letter.id for letter in letters]) if credits is None else credits
    names: dict[int, str] = {}
    for letter in letters:
        credit = credits.get(letter.id)
        name = _open_name(session, letter, credit, comma) if credit else None
        if name:
            names[letter.id] = name
    return names


def emails_of(session: Session, letters: Sequence[Letter]) -> list[str]:
    """Return the addresses of the writers of several letters, in one query."""
    public_ids = {letter.id: letter.public_id for letter in letters}
    keyring = get_keyring(session)
    return [
        keyring.open(f"contacts.email.{public_ids[contact.letter_id]}", contact.email_sealed)
        for contact in session.scalars(select(Contact).where(Contact.letter_id.in_(public_ids)))
    ]


def _open_name(session: Session, letter: Letter, credit: Credit, comma: str) -> str | None:
    if credit.name_sealed is None:
        return None
    keyring = get_keyring(session)
    parts = [keyring.open(f"credits.name.{letter.public_id}", credit.name_sealed)]
    if credit.place_sealed:
        parts.append(keyring.open(f"credits.place.{letter.public_id}", credit.place_sealed))
    return comma.join(parts)


def verify_credit(session: Session, actor: Staff, letter: Letter, method: str) -> None:
    """Record how the desk checked that the name is the reader's, e.g. by a confirmed address or a call.

    Raises `MissingPrecondition` if there is no name, `MissingField` or `TooLong` for `method`, and `PermissionDenied`.
    """
    must(actor, "check names")
    method = require_length("verification_note", single_line(method), MAX_METHOD_LENGTH)
    credit = session.scalar(select(Credit).filter_by(letter_id=letter.id))
    if credit is None or credit.choice == "none":
        raise MissingPrecondition("no_name_to_verify")
    if not method:
        raise MissingField("verification_note")
    credit.verified_at, credit.verified_by_id, credit.verified_how = now(session), actor.person_id, method
    audit.record(session, actor, "credit.verify", letter)


def leave_unnamed(session: Session, actor: Actor, letter: Letter) -> None:
    """Remove the reader's name, so that the question runs without it. Raises `PermissionDenied`."""
    must(actor, "check names")
    set_credit(session, letter, "none")
    audit.record(session, actor, "credit.unname", letter)
