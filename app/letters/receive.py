"""Receive a letter from the web form, or one that the desk types in: validate the submission and store it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..core.domain_errors import DomainError
from ..db.drawn_keys import random_key
from ..db.session import get_keyring, now
from ..newsletters.models import Newsletter
from ..people.directory import BadAddress, checked_address
from ..text.clean import clean, fault_of_question, held_reason
from ..text.languages import guess_language
from . import contacts
from .blurred_time import next_slot, truncate_to_day
from .lifecycle import LETTER
from .models import CREDITS, HEAR_BACK, MADE_ROOM, Letter

MAX_QUESTION_LENGTH = 2_000  # characters
MAX_BACKGROUND_LENGTH = 4_000
# The default of the setting LETTERS_A_DAY, the letters per newsletter and day. A flood can't fill the disk: this many
# letters a day, of some kilobytes each and held for 30 days, take a few gigabytes.
MOST_A_DAY = 20_000
_COLUMNS = Letter.__table__.c


@dataclass(frozen=True)
class Submission:
    """The fields that a reader filled in, or told somebody of the desk at `given_at`.

    `consent` is the sentence by which they agreed that their name is printed.
    """

    body: str
    background: str = ""
    language: str = ""
    hear_back: str = "number"
    email: str = ""
    credit: str = "none"
    name: str = ""
    place: str = ""
    consent: str = ""
    verbatim: bool = False
    about_edition_id: int | None = None
    given_at: datetime | None = None

    @cached_property
    def faults(self) -> dict[str, str]:
        """The faults as codes by field, empty for a valid submission."""
        return _find_faults(self)

    @cached_property
    def stored_body(self) -> str:
        return clean(self.body)

    @cached_property
    def stored_language(self) -> str:
        return self.language or guess_language(self.stored_body)

    def precompute(self) -> None:
        """Compute and cache what needs no database, before a transaction makes other writers wait."""
        _ = self.faults, self.stored_body, self.stored_language


@dataclass(frozen=True)
class FormToken:
    """The content of the token in a form: its nonce and the number of the key that it was made with."""

    nonce: str
    key_no: int


@dataclass
class ValidationError(DomainError):
    """Raised for an invalid form; `faults` maps a field to a short code, for which the pages have a sentence."""

    code = "invalid.letter"
    faults: dict[str, str] = field(default_factory=dict)


class NotTaking(DomainError):
    """Raised while a newsletter takes no questions: it is paused, or has ended."""

    code = "precondition.newsletter_takes_no_questions"


class FormAlreadySent(Exception):
    """Raised for a form that was sent before and made `letter`. `is_identical` says whether the text is the same."""

    def __init__(self, letter: Letter, is_identical: bool) -> None:
        super().__init__(letter.id)
        self.letter, self.is_identical = letter, is_identical


def _find_faults(submission: Submission) -> dict[str, str]:
    faults: dict[str, str] = {}
    if fault := fault_of_question(submission.body, MAX_QUESTION_LENGTH):
        faults["body"] = fault
    if len(submission.background) > MAX_BACKGROUND_LENGTH:
        faults["background"] = "long"
    if submission.hear_back not in HEAR_BACK:
        faults["hear_back"] = "unknown"
    elif submission.hear_back != "number":
        try:
            checked_address(submission.email)
        except BadAddress:
            faults["email"] = "bad" if submission.email.strip() else "empty"
    if submission.credit not in CREDITS:
        faults["credit"] = "unknown"
    elif submission.credit != "none":
        required = {"name": submission.name}
        if submission.credit == "first":
            required["place"] = submission.place
        for name, value in required.items():
            if not clean(value):
                faults[name] = "empty"
            elif len(value) > contacts.MAX_NAME_LENGTH:
                faults[name] = "long"
    return faults


def receipt_of(session: Session, form: FormToken) -> str:
    return get_keyring(session).receipt(form.nonce, form.key_no)


def form_hashes(session: Session, form: FormToken) -> dict[str, bytes]:
    """Return the keyed hashes of a form's nonce and of the receipt derived from it, by the column that stores them."""
    keyring = get_keyring(session)
    return {
        "form_mac": keyring.mac("letters.form", form.nonce, form.key_no),
        "receipt_mac": keyring.mac("letters.receipt", receipt_of(session, form), form.key_no),
    }


def find_sent_letter(session: Session, form: FormToken) -> Letter | None:
    """Return the letter that this form has made already, or None."""
    mac = get_keyring(session).mac("letters.form", form.nonce, form.key_no)
    letter_id = session.connection().scalar(select(_COLUMNS.id).where(_COLUMNS.form_mac == mac))
    return None if letter_id is None else session.get(Letter, letter_id)


def must_take(session: Session, newsletter: Newsletter, form: FormToken | None) -> None:
    """Raise `NotTaking` if the newsletter takes no questions, unless this form has made a letter already."""
    if not newsletter.takes_questions and not (form and find_sent_letter(session, form)):
        raise NotTaking(newsletter.slug)


def daily_limit(session: Session) -> int:
    """Return how many letters a newsletter stores per day before it is full (see `making_room.is_full`)."""
    limit: int = session.info.get("letters_a_day", MOST_A_DAY)
    return limit


def has_same_text(session: Session, letter: Letter, submission: Submission) -> bool:
    """Return whether a letter was sent with the text of `submission`. If the letter is erased, assume so."""
    if letter.is_erased_unseen:
        return bytes.fromhex(letter.signs[2]) in get_keyring(session).macs(MADE_ROOM, submission.stored_body)
    return letter.body is None or letter.body == submission.stored_body


def send(
    session: Session,
    actor: Actor,
    newsletter: Newsletter,
    submission: Submission,
    *,
    form: FormToken | None = None,
    channel: str = "web",
    signs: Sequence[str] = (),
) -> Letter:
    """Store a letter.

    A `form` makes only one letter, however often it is sent. `signs` are the codes of the signs of spam for which the
    letter is held, the heaviest first; a letter is never refused for them. Raises `ValidationError` and
    `FormAlreadySent`.
    """
    if form and (sent_letter := find_sent_letter(session, form)):
        raise FormAlreadySent(sent_letter, is_identical=has_same_text(session, sent_letter, submission))
    if submission.faults:
        raise ValidationError(submission.faults)
    if not signs and (reason := held_reason(submission.stored_body)):
        signs = [reason]
    arrival = submission.given_at or now(session)
    letter = Letter(
        newsletter_id=newsletter.id,
        channel=channel,
        hear_back=submission.hear_back,
        body=submission.stored_body,
        background=clean(submission.background) or None,
        verbatim=submission.verbatim,
        language=submission.stored_language,
        about_edition_id=submission.about_edition_id,
        held_reason=signs[0] if signs else None,
        signs=[*signs],
        received_at=arrival,
        **(form_hashes(session, form) if form else {}),
    )
    # Of a letter from a file, the retention period begins with the import: the words may be older than the period.
    event_time = now(session) if channel == "api" else arrival
    if channel == "web" and submission.hear_back == "number":  # the minute must not be stored: see `truncate_to_day`
        letter.id = random_key(session, Letter)
        letter.received_at = next_slot(session, newsletter.id, arrival)
        event_time = truncate_to_day(arrival)
    LETTER.apply(session, actor, letter, "send", to="held" if signs else "received", at=event_time)
    if submission.hear_back != "number":
        contacts.keep_email(session, letter, checked_address(submission.email), newsletter.keep_days)
    if submission.credit != "none":
        contacts.set_credit(
            session, letter, submission.credit, submission.name, submission.place, submission.consent or None
        )
    return letter
