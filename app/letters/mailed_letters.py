"""Readers' letters that arrive by mail: storing them, acknowledging them, and reading their text again."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.state_machine import must, require_text
from ..crypto.seal import new_token
from ..db.ids import new_public_id
from ..db.session import absolute_url, get_keyring, lock_row, now
from ..mail import inbound, outbox, usage
from ..mail.mail_templates import render_mail
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

# Characters of a letter that are stored. Its original mail has the rest, as long as that is kept.
MAX_LETTER_LENGTH = 20_000
MAX_LETTERS_PER_HOUR = 20  # of one sender; more are held
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True)
class MailedLetter:
    """A reader's mail and its origin. An invalid `address` is not stored.

    `comment` is what a colleague at the desk wrote above a mail that they forwarded.
    """

    words: str
    address: str
    received_at: datetime
    language: str = ""
    about_edition_id: int | None = None
    comment: str = ""
    forwarded_by_id: int | None = None


class Intake(NamedTuple):
    """A mailed letter, the newsletter that gets it, and whether an acknowledgement may be sent to its writer."""

    newsletter: Newsletter
    mailed: MailedLetter
    may_acknowledge: bool


def take(
    session: Session, actor: Actor, newsletter: Newsletter, mailed: MailedLetter, *, may_acknowledge: bool = False
) -> Letter:
    """Store a mailed letter, as if its writer had chosen "one e-mail, then forget me".

    Without a valid address, it is as if they had chosen "just a number". Raises `MissingField` for a mail without text.
    """
    return take_all(session, actor, [Intake(newsletter, mailed, may_acknowledge)])[0]


def take_all(session: Session, actor: Actor, intakes: Sequence[Intake]) -> list[Letter]:
    """Store several mailed letters in order. Raises as `take`."""
    addresses = [_valid_address(intake.mailed.address) for intake in intakes]
    floods = _find_floods(session, addresses)
    newsletter_ids = {intake.newsletter.id for intake in intakes}
    recent_letters = {key: spam_filter.RecentLetters(session, key) for key in newsletter_ids}
    letters = []
    with audit.record_in_bulk(session):
        for intake, address, is_flood in zip(intakes, addresses, floods, strict=True):
            delivery_signals = {"flood"} if is_flood else set()
            letter = _build_letter(intake, address, recent_letters[intake.newsletter.id], delivery_signals)
            LETTER.apply(session, actor, letter, "send", to="held" if letter.signs else "received")
            letters.append(letter)
    stored = list(zip(intakes, addresses, letters, strict=True))
    emails = [
        contacts.EmailToKeep(letter, address, intake.newsletter.keep_days)
        for intake, address, letter in stored
        if address
    ]
    contacts.keep_emails(session, emails)
    for intake, address, letter in stored:
        if address and intake.may_acknowledge and intake.newsletter.acknowledges and not letter.signs:
            _send_receipt(session, intake.newsletter, letter, address)
    return letters


def _valid_address(address: str) -> str:
    """Return an address in its checked form, or "" if it is invalid."""
    try:
        return checked_address(address)
    except BadAddress:
        return ""


def _find_floods(session: Session, addresses: Sequence[str]) -> list[bool]:
    """Return for each address whether it has sent more letters this hour than a person writes.

    Such letters are held, not refused, since a sender can be forged. Invalid addresses ("") aren't counted.
    """
    current_time = now(session)
    valid_addresses = [address for address in addresses if address]
    keys = [f"{address.casefold()} {current_time:%Y-%m-%dT%H}" for address in valid_addresses]
    ends_on = (current_time + timedelta(hours=1)).date()
    is_within_limit = iter(usage.spend_each(session, "letters", keys, ends_on, limit=MAX_LETTERS_PER_HOUR))
    return [bool(address) and not next(is_within_limit) for address in addresses]


def _build_letter(
    intake: Intake, sender_address: str, recent_letters: spam_filter.RecentLetters, delivery_signals: Collection[str]
) -> Letter:
    mailed = intake.mailed
    body = require_text("text", _clean_body(mailed.words))
    signs = recent_letters.find_signs(body, delivery_signals)
    recent_letters.add(body, mailed.received_at)
    return Letter(
        public_id=new_public_id(),
        newsletter_id=intake.newsletter.id,
        channel="mail",
        hear_back="once" if sender_address else "number",
        body=body,
        language=mailed.language if _LANGUAGE_TAG.fullmatch(mailed.language) else guess_language(body),
        about_edition_id=mailed.about_edition_id,
        received_at=mailed.received_at,
        held_reason=signs[0] if signs else None,
        signs=signs,
        desk_note=_clean_body(mailed.comment) or None,
        forwarded_by_id=mailed.forwarded_by_id,
    )


def _clean_body(text: str) -> str:
    """Clean a text and cut it to `MAX_LETTER_LENGTH`."""
    # Cut before cleaning too, which would be slow for megabytes; cleaning may shorten a text.
    return clean(text[: 2 * MAX_LETTER_LENGTH])[:MAX_LETTER_LENGTH]


def _send_receipt(session: Session, newsletter: Newsletter, letter: Letter, address: str) -> None:
    """Acknowledge a letter with a new receipt, and store its hashes.

    A receipt that was mailed only lets its holder see the state of the letter and withdraw it.
    """
    form = receive.FormToken(new_token(), get_keyring(session).newest)
    receipt = receive.receipt_of(session, form)
    if acknowledge(session, newsletter, letter, address, receipt) is None:
        return
    for column, mac in receive.form_hashes(session, form).items():
        setattr(letter, column, mac)
    letter.receipt_mailed = True
    session.flush()


def acknowledge(
    session: Session, newsletter: Newsletter, letter: Letter, address: str, receipt: str
) -> OutboxMail | None:
    """Queue a mail that tells the sender of a mailed letter that it has arrived, with its receipt of 20 digits.

    Return None if the newsletter sends no such mails, or if any newsletter has sent one to this address today, so that
    an autoresponder that answers the first doesn't get a second. The reader's contact stays stored: they are still owed
    an e-mail about their question.
    """
    if not newsletter.acknowledges:
        return None
    today = now(session).date()
    usage_key = f"{address.casefold()} {today}"
    if not usage.spend(session, "acknowledgement", usage_key, today + timedelta(days=1)):
        return None
    kind = "reader.acknowledgement"
    language = mail_texts.choose_language(newsletter, letter.language)
    mail_values = LetterMail(
        receipt=receipt,
        link=absolute_url(session, f"/{newsletter.slug}/receipt"),
        stop=unsubscribing.stop_link(session, letter),
        pauses=newsletter.is_paused,
        goes_on=newsletter.paused_until,
    )
    custom_texts = mail_texts.get_custom_texts(session, newsletter, kind, language)
    return outbox.put(
        session,
        render_mail(kind, Sender(newsletter.name, language=language), address, "", mail_values, custom_texts),
        newsletter_id=newsletter.id,
        letter_id=letter.id,
        once_key=f"acknowledgement:{letter.id}",
        hold=kind in newsletter.held_kinds,
    )


def take_from_pen(
    session: Session, actor: Staff, newsletter: Newsletter, row: Inbound, version: int | None = None
) -> Letter:
    """Store a mail from the holding pen as a letter, because somebody at the desk has decided so.

    It isn't acknowledged, since its sender isn't verified. Raises `VersionConflict`, `InvalidTransition`,
    `PermissionDenied`, `MissingPrecondition` if the mail has been destroyed, and `MissingField` if it has no text.
    """
    must(actor, "take letters")
    reading = inbound.get_reading(session, row)
    if reading is None:
        raise MissingPrecondition("mail_destroyed")
    text = reading.text or reading.subject
    mailed = MailedLetter(text, reading.from_address, row.stored_at, reading.language, row.edition_id, reading.comment)
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
    old_body, new_body = _clean_body(old_text), _clean_body(new_text)
    if letter.body != old_body or not new_body or new_body == old_body:
        return False
    letter.body = new_body
    session.execute(delete(MachineTranslation).where(MachineTranslation.letter_id == letter.id))  # of the old text
    audit.record(session, actor, "letter.reread", letter)
    return True
