"""Readers' contact data, sealed in tables of its own and opened only to write to them or to print a consented name."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

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


def keep_email(session: Session, letter: Letter, email: str, keep_days: int) -> None:
    """Seal a reader's address for this letter. It is erased once it has been used, at the latest after `keep_days`."""
    keep_emails(session, [(letter, email, keep_days)])


def keep_emails(session: Session, emails: Sequence[tuple[Letter, str, int]]) -> None:
    """Seal the addresses of several letters, each given as letter, address and days to keep."""
    ring, today = get_keyring(session), now(session)
    rows = [
        {
            "letter_id": letter.id,
            "hear_back": letter.hear_back,
            "email_sealed": ring.seal(f"contacts.email.{letter.public_id}", email),
            "key_no": ring.newest,
            "erase_on": (today + timedelta(days=keep_days)).date(),
        }
        for letter, email, keep_days in emails
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
    """Erase the address of a letter's writer, and note the erasure for restored backups.

    Called when the address has been used, the question is settled, its retention period has ended, or the reader asks
    for it. The original mail of the letter and the contents of our mails to the reader are erased too, including mails
    that failed or are still waiting.
    """
    session.execute(delete(Contact).where(Contact.letter_id == letter_id))
    erasing.destroy_of_letter(session, letter_id)
    outbox.forget_letter(session, actor, letter_id)
    erasures.note(session, "address", session.scalars(select(Letter.public_id).filter_by(id=letter_id)))


def overdue(session: Session) -> list[int]:
    """Return the ids of the letters whose writers' addresses are past their retention period."""
    return list(session.scalars(select(Contact.letter_id).where(Contact.erase_on < now(session).date())))


def set_credit(
    session: Session, letter: Letter, choice: str, name: str = "", place: str = "", consent: str | None = None
) -> Credit:
    """Seal how a reader wants to be named. `consent` is the sentence that they agreed to, in their language.

    A new choice removes the check of the old name. Raises `MissingField` when the choice needs a name, or, for "first
    name and place", a place.
    """
    name, place = single_line(name)[:120], single_line(place)[:120]
    if choice != "none" and not name:
        raise MissingField("name")
    if choice == "first" and not place:
        raise MissingField("place")
    ring = get_keyring(session)
    credit = session.scalar(select(Credit).filter_by(letter_id=letter.id)) or Credit(
        id=random_key(session, Credit), letter_id=letter.id
    )
    if credit.name_sealed is not None:
        erasures.note(session, "name", [letter.public_id])
    credit.choice = choice
    named = choice != "none"
    credit.name_sealed = ring.seal(f"credits.name.{letter.public_id}", name) if named else None
    credit.place_sealed = ring.seal(f"credits.place.{letter.public_id}", place) if named and place else None
    credit.key_no = ring.newest if named else None
    credit.consent_text, credit.consented_at = (
        (consent, stored_time(session, letter)) if named and consent else (None, None)
    )
    credit.verified_at = credit.verified_by_id = credit.verified_how = None
    return add_and_flush(session, credit)


def credits_of(session: Session, letter_ids: Sequence[int]) -> dict[int, Credit]:
    """Return the credits of those letters whose writers want to be named, by letter id, in one query."""
    query = select(Credit).where(Credit.letter_id.in_(letter_ids), Credit.choice != "none")
    return {credit.letter_id: credit for credit in session.scalars(query)}


def get_credit_name(session: Session, letter: Letter, comma: str = ", ") -> str | None:
    """Return the name as the reader wants it printed, e.g. "Timur, Osh", or None for "don't name me".

    It does not check whether the name may be printed. `comma` is that of the language in which it is printed.
    """
    credit = session.scalar(select(Credit).filter_by(letter_id=letter.id))
    return _name_on(session, letter, credit, comma) if credit else None


def names_of(
    session: Session, letters: Sequence[Letter], credits: Mapping[int, Credit] | None = None, comma: str = ", "
) -> dict[int, str]:
    """Return the names of the writers who want to be named, by letter id.

    This takes one query, or none if the `credits` are passed.
    """
    credits = credits_of(session, [letter.id for letter in letters]) if credits is None else credits
    known = [letter for letter in letters if letter.id in credits]
    names = {letter.id: _name_on(session, letter, credits[letter.id], comma) for letter in known}
    return {key: name for key, name in names.items() if name}


def emails_of(session: Session, letters: Sequence[Letter]) -> list[str]:
    """Return the addresses of the writers of several letters, in one query."""
    public_ids = {letter.id: letter.public_id for letter in letters}
    ring = get_keyring(session)
    return [
        ring.open(f"contacts.email.{public_ids[contact.letter_id]}", contact.email_sealed)
        for contact in session.scalars(select(Contact).where(Contact.letter_id.in_(public_ids)))
    ]


def _name_on(session: Session, letter: Letter, credit: Credit, comma: str = ", ") -> str | None:
    if credit.name_sealed is None:
        return None
    ring = get_keyring(session)
    parts = [ring.open(f"credits.name.{letter.public_id}", credit.name_sealed)]
    if credit.place_sealed:
        parts.append(ring.open(f"credits.place.{letter.public_id}", credit.place_sealed))
    return comma.join(parts)


def verify_credit(session: Session, actor: Staff, letter: Letter, method: str) -> None:
    """Record how the desk checked that the name is the reader's, e.g. by a confirmed address or a call.

    Raises `MissingPrecondition` if there is no name, `MissingField` and `TooLong` for `method`, and `PermissionDenied`.
    """
    must(actor, "check names")
    method = require_length("verification_note", single_line(method), 400)
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
