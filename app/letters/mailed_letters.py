"""Readers' letters that arrive by mail: take them in, acknowledge them if the newsletter wants that, re-read them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.state_machine import must, require_text
from ..crypto.seal import new_token
from ..db.ids import new_public_id
from ..db.session import absolute_url as page_address
from ..db.session import get_keyring, lock_row, now
from ..mail import inbound, outbox, usage
from ..mail.mail_templates import write
from ..mail.mail_values import LetterMail
from ..mail.message import Sender
from ..mail.models import Inbound, OutboxMail
from ..newsletters import mail_texts
from ..newsletters.models import Newsletter
from ..people.directory import BadAddress, checked_address
from ..text.clean import clean
from ..text.languages import guess_language
from . import contacts, receive, spam_filter, unsubscribing
from .lifecycle import LETTER
from .models import Letter, MachineTranslation


def acknowledge(
    session: Session, newsletter: Newsletter, letter: Letter, address: str, receipt: str
) -> OutboxMail | None:
    """Queue a mail to the sender of a mailed letter that says it has arrived, with its receipt of 20 digits.

    Return None if the newsletter doesn't want it, or if any newsletter has sent this address one today: an
    autoresponder that answers ours gets no second one. The reader's contact is kept for the e-mail that they are still
    owed.
    """
    if not newsletter.acknowledges:
        return None
    today = now(session).date()
    who = f"{address.casefold()} {today}"
    if not usage.spend(session, "acknowledgement", who, today + timedelta(days=1)):
        return None
    language = mail_texts.tongue_of(newsletter, letter.language)
    kind, sender = "reader.acknowledgement", Sender(newsletter.name, language=language)
    page, stop = page_address(session, f"/{newsletter.slug}/receipt"), unsubscribing.stop_link(session, letter)
    about = LetterMail(
        receipt=receipt, link=page, stop=stop, pauses=newsletter.is_paused, goes_on=newsletter.paused_until
    )
    own = mail_texts.get_custom_texts(session, newsletter, kind, language)
    return outbox.put(
        session,
        write(kind, sender, address, "", about, own),
        newsletter_id=newsletter.id,
        letter_id=letter.id,
        once_key=f"acknowledgement:{letter.id}",
        hold=kind in newsletter.held_kinds,
    )


MAX_LETTER_LENGTH = (
    20_000  # characters of a letter that are stored; the rest is in its original mail while that is kept
)
MAX_LETTERS_PER_HOUR = 20  # letters of one sender per hour; more are held

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True)
class MailedLetter:
    """A reader's mail and its origin. An `address` that can't be written to is not stored.

    `comment` is what somebody of the desk wrote above a mail that they forwarded.
    """

    words: str
    address: str
    received_at: datetime
    language: str = ""
    about_edition_id: int | None = None
    comment: str = ""
    forwarded_by_id: int | None = None


def take(
    session: Session, actor: Actor, newsletter: Newsletter, mailed: MailedLetter, *, answerable: bool = False
) -> Letter:
    """Store a mailed letter. Its writer is treated as having chosen "one e-mail, then forget me".

    `answerable` allows the acknowledgement, which is sent if the newsletter wants it, once a day to each address.
    Raises `MissingField` for a mail without text.
    """
    return take_all(session, actor, [(newsletter, mailed, answerable)])[0]


def take_all(session: Session, actor: Actor, mails: Sequence[tuple[Newsletter, MailedLetter, bool]]) -> list[Letter]:
    """Store several mailed letters in order, each given as newsletter, mail and `answerable`. Raises as `take`."""
    addresses = [_usable_address(mailed.address) for _, mailed, _ in mails]
    floods = _find_floods(session, addresses)
    newsletter_ids = {newsletter.id for newsletter, _, _ in mails}
    recent_letters = {key: spam_filter.RecentLetters(session, key) for key in newsletter_ids}
    letters = []
    with audit.record_in_bulk(session):
        for (newsletter, mailed, _), address, is_flood in zip(mails, addresses, floods, strict=True):
            traits = {"flood"} if is_flood else set()
            letter = _build_letter(newsletter, mailed, address, recent_letters[newsletter.id], traits)
            LETTER.apply(session, actor, letter, "send", to="held" if letter.signs else "received")
            letters.append(letter)
    with_address = [entry for entry in zip(mails, addresses, letters, strict=True) if entry[1]]
    contacts.keep_emails(
        session, [(letter, address, newsletter.keep_days) for (newsletter, _, _), address, letter in with_address]
    )
    for (newsletter, _, answerable), address, letter in with_address:
        if answerable and newsletter.acknowledges and not letter.signs:
            _send_receipt(session, newsletter, letter, address)
    return letters


def _build_letter(
    newsletter: Newsletter,
    mailed: MailedLetter,
    sender_address: str,
    recent_letters: spam_filter.RecentLetters,
    delivery_signals: Collection[str],
) -> Letter:
    body = require_text("text", _clean_body(mailed.words))
    signs = recent_letters.signs_of(body, delivery_signals)
    recent_letters.add(body, mailed.received_at)
    return Letter(
        public_id=new_public_id(),
        newsletter_id=newsletter.id,
        channel="mail",
        hear_back="once" if sender_address else "number",
        body=body,
        language=mailed.language if _TAG.fullmatch(mailed.language) else guess_language(body),
        about_edition_id=mailed.about_edition_id,
        received_at=mailed.received_at,
        held_reason=signs[0] if signs else None,
        signs=signs,
        desk_note=_clean_body(mailed.comment) or None,
        forwarded_by_id=mailed.forwarded_by_id,
    )


def _clean_body(text: str) -> str:
    """Clean a text and cut it to `MAX_LETTER_LENGTH`. Of a megabyte only the beginning is cleaned."""
    return clean(text[: 2 * MAX_LETTER_LENGTH])[:MAX_LETTER_LENGTH]


def from_pen(
    session: Session, actor: Staff, newsletter: Newsletter, row: Inbound, version: int | None = None
) -> Letter:
    """Make a letter of a mail in the holding pen, as the desk decides.

    It isn't acknowledged, since its sender isn't verified. Raises `VersionConflict`, `InvalidTransition`,
    `PermissionDenied`, `MissingPrecondition` if the mail has been destroyed, and `MissingField` if it has no text.
    """
    must(actor, "take letters")
    reading = inbound.reading_of(session, row)
    if reading is None:
        raise MissingPrecondition("mail_destroyed")
    words = reading.text or reading.subject
    mailed = MailedLetter(words, reading.from_address, row.stored_at, reading.language, row.edition_id, reading.comment)
    letter = take(session, actor, newsletter, mailed)
    inbound.take(session, actor, row, letter.id, version, newsletter_id=newsletter.id, assignment_id=None)
    return letter


def reread(session: Session, actor: Actor, letter: Letter, old_text: str, new_text: str) -> bool:
    """Replace `old_text`, which an older trimmer read from the mail, with `new_text`. Return whether it changed.

    A text that the desk has changed stays. Raises `InvalidTransition` for a letter that no longer waits.
    """
    lock_row(session, letter)
    if not letter.waits:
        raise InvalidTransition("letter", "read again", letter.state)
    old, new = _clean_body(old_text), _clean_body(new_text)
    if letter.body != old or not new or new == old:
        return False
    letter.body = new
    session.execute(delete(MachineTranslation).where(MachineTranslation.letter_id == letter.id))  # of the old text
    audit.record(session, actor, "letter.reread", letter)
    return True


def _usable_address(address: str) -> str:
    try:
        return checked_address(address)
    except BadAddress:
        return ""


def _find_floods(session: Session, addresses: Sequence[str]) -> list[bool]:
    """Return for each address whether it has sent more letters this hour than a person writes. They are held, not
    refused, since a sender can be forged. Unusable addresses aren't counted.
    """
    time = now(session)
    usable = [address for address in addresses if address]
    keys = [f"{address.casefold()} {time:%Y-%m-%dT%H}" for address in usable]
    ends_on = (time + timedelta(hours=1)).date()
    is_within_limit = iter(usage.spend_each(session, "letters", keys, ends_on, limit=MAX_LETTERS_PER_HOUR))
    return [bool(address) and not next(is_within_limit) for address in addresses]


def _send_receipt(session: Session, newsletter: Newsletter, letter: Letter, address: str) -> None:
    """Acknowledge a letter with a receipt. The receipt was mailed, so it can only read the state and withdraw."""
    form = receive.FormToken(new_token(), get_keyring(session).newest)
    receipt = receive.receipt_of(session, form)
    if acknowledge(session, newsletter, letter, address, receipt) is None:
        return
    for column, mac in receive.hashes(session, form).items():
        setattr(letter, column, mac)
    letter.receipt_mailed = True
    session.flush()
