"""Receive a letter from the web form, or one that the desk types in: the submission, its faults, and `send`."""

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
from .models import CREDITS, HEAR_BACK, Letter

MAXIMUM = 2_000  # characters of a question
MAXIMUM_BACKGROUND = 4_000
# Letters per newsletter and day, some kilobytes each, so that a flood can't fill the disk. Held letters are kept for
# 30 days, so this is a few gigabytes at most.
MOST_A_DAY = 20_000  # the default of LETTERS_A_DAY
_ROW = Letter.__table__.c


@dataclass(frozen=True)
class Submission:
    """The fields that a reader filled in, or told somebody of the desk at `given_at`.

    `consent` is the sentence beside the credit, as they saw it.
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
        return _faults(self)

    @cached_property
    def kept_body(self) -> str:
        return clean(self.body)

    @cached_property
    def kept_language(self) -> str:
        return self.language or guess_language(self.kept_body)

    def work_out(self) -> None:
        """Compute the properties that depend on the text alone, before a transaction makes other writers wait."""
        _ = self.faults, self.kept_body, self.kept_language


@dataclass(frozen=True)
class FormToken:
    """The content of a form token: its nonce and the number of the key that it was made with."""

    nonce: str
    key_no: int


@dataclass
class ValidationError(DomainError):
    """Raised for an invalid form; `faults` maps a field to a short code that the doors put into words."""

    code = "invalid.letter"
    faults: dict[str, str] = field(default_factory=dict)


class NotTaking(DomainError):
    """Raised while a newsletter takes no questions: it is paused, or has ended."""

    code = "precondition.newsletter_takes_no_questions"


class AlreadySent(Exception):
    """Raised when a form was sent before; `letter` is the one it made, `is_identical` whether the text is the same."""

    def __init__(self, letter: Letter, is_identical: bool) -> None:
        super().__init__(letter.id)
        self.letter, self.is_identical = letter, is_identical


def _faults(ask: Submission) -> dict[str, str]:
    faults: dict[str, str] = {}
    if fault := fault_of_question(ask.body, MAXIMUM):
        faults["body"] = fault
    if len(ask.background) > MAXIMUM_BACKGROUND:
        faults["background"] = "long"
    if ask.hear_back not in HEAR_BACK:
        faults["hear_back"] = "unknown"
    elif ask.hear_back != "number":
        try:
            checked_address(ask.email)
        except BadAddress:
            faults["email"] = "bad" if ask.email.strip() else "empty"
    if ask.credit not in CREDITS:
        faults["credit"] = "unknown"
    elif ask.credit != "none":
        faults |= {name: "empty" for name in _required_credit_fields(ask) if not clean(getattr(ask, name))}
        faults |= {name: "long" for name in _required_credit_fields(ask) if len(getattr(ask, name)) > 120}
    return faults


def _required_credit_fields(ask: Submission) -> tuple[str, ...]:
    return ("name", "place") if ask.credit == "first" else ("name",)


def receipt_of(session: Session, form: FormToken) -> str:
    return get_keyring(session).receipt(form.nonce, form.key_no)


def hashes(session: Session, form: FormToken) -> dict[str, bytes]:
    """Return the columns that are stored of a form: keyed hashes of its nonce and of the receipt derived from it."""
    ring = get_keyring(session)
    return {
        "form_mac": ring.mac("letters.form", form.nonce, form.key_no),
        "receipt_mac": ring.mac("letters.receipt", receipt_of(session, form), form.key_no),
    }


def already_sent(session: Session, form: FormToken) -> Letter | None:
    """Return the letter that this form has made already, or None."""
    mac = get_keyring(session).mac("letters.form", form.nonce, form.key_no)
    key = session.connection().scalar(select(_ROW.id).where(_ROW.form_mac == mac))
    return None if key is None else session.get(Letter, key)


def must_take(session: Session, newsletter: Newsletter, form: FormToken | None) -> None:
    """Raise `NotTaking` if the newsletter takes no questions, unless this form has made a letter already."""
    if not newsletter.takes_questions and not (form and already_sent(session, form)):
        raise NotTaking(newsletter.slug)


def most_a_day(session: Session) -> int:
    """Return how many letters a newsletter stores per day; beyond that only a few more are accepted."""
    most: int = session.info.get("letters_a_day", MOST_A_DAY)
    return most


def is_full(session: Session, newsletter: Newsletter) -> bool:
    """Return whether a newsletter has reached its daily limit, after which only a few more letters are accepted."""
    today = select(_ROW.id).where(
        _ROW.newsletter_id == newsletter.id, _ROW.received_at >= truncate_to_day(now(session))
    )
    return session.connection().scalar(today.offset(most_a_day(session) - 1).limit(1)) is not None


def send(
    session: Session,
    actor: Actor,
    newsletter: Newsletter,
    ask: Submission,
    *,
    form: FormToken | None = None,
    channel: str = "web",
    signs: Sequence[str] = (),
) -> Letter:
    """Store a letter.

    With `form`, a form makes one letter however often it is sent. `signs` are the reasons for which the letter is held,
    the heaviest first; a letter is never refused for them. Raises `ValidationError` and `AlreadySent`.
    """
    if form and (before := already_sent(session, form)):
        raise AlreadySent(before, is_identical=before.body is None or before.body == ask.kept_body)
    if ask.faults:
        raise ValidationError(ask.faults)
    body, background = ask.kept_body, clean(ask.background)
    moment = ask.given_at or now(session)
    has_day = channel == "web" and ask.hear_back == "number"
    seen = [*signs] or [*filter(None, [held_reason(body)])]
    letter = Letter(
        newsletter_id=newsletter.id,
        channel=channel,
        hear_back=ask.hear_back,
        body=body,
        background=background or None,
        verbatim=ask.verbatim,
        language=ask.kept_language,
        about_edition_id=ask.about_edition_id,
        held_reason=seen[0] if seen else None,
        signs=seen,
        received_at=moment,
        **(hashes(session, form) if form else {}),
    )
    if has_day:
        letter.id, letter.received_at = random_key(session, Letter), next_slot(session, newsletter.id, moment)
    at = truncate_to_day(moment) if has_day else moment
    LETTER.apply(session, actor, letter, "send", to="held" if seen else "received", at=at)
    if ask.hear_back != "number":
        contacts.keep_email(session, letter, checked_address(ask.email), newsletter.keep_days)
    if ask.credit != "none":
        contacts.set_credit(session, letter, ask.credit, ask.name, ask.place, ask.consent or None)
    return letter
