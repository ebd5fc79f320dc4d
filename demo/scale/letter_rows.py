"""Letters of The Long Road: those of questions, those that ask nothing, and unread ones."""

from datetime import datetime, timedelta
from secrets import token_bytes
from typing import NamedTuple

from app.letters.blurred_time import truncate_to_day
from app.letters.lifecycle import LETTER
from app.letters.models import Contact, Credit, Letter

from .bulk_writer import BulkWriter, RowValues, WeightedChoice, pick_random
from .long_road import CONSENT_TEXT, LongRoadDesk
from .phrasebooks import Subject

CHANNELS = WeightedChoice({"web": 62, "mail": 33, "event": 3, "phone": 1, "messenger": 0.6, "paper": 0.4})
HEAR_BACK = {"web": WeightedChoice({"number": 76, "once": 16, "while": 8}), "mail": WeightedChoice({"once": 100})}
HEAR_BACK_AT_DESK = WeightedChoice({"number": 1})  # for letters that the desk took down: it answers in person
TEXT_KINDS = WeightedChoice({"letter": 88, "comment": 9, "tip": 3})
HELD_REASONS = ("flood", "trap")
HELD_SHARE = 0.1  # the share of unread letters that are held
ADDRESS_RETENTION = timedelta(days=90)
MAX_CONTACT_AGE = timedelta(days=85)  # a little less than the retention, so that no address is due for erasure


class LetterMove(NamedTuple):
    """A transition of a letter after its arrival, with the columns that it sets."""

    action: str
    moved_at: datetime
    columns: RowValues


class Asker(NamedTuple):
    """The writer of a letter: its key, how they want to hear back, and the name that may be printed."""

    letter_id: int
    hear_back: str
    printed_name: str | None


class OtherLetter(NamedTuple):
    """Letters that ask nothing: how many there are per hundred questions, and what happens to them."""

    per_hundred: float
    text_kind: str
    action: str
    columns: RowValues


OTHER_LETTERS = (
    OtherLetter(4.0, "comment", "file", {"filed_as": "comment"}),
    OtherLetter(1.0, "tip", "file", {"filed_as": "tip"}),
    OtherLetter(0.7, "letter", "file", {"filed_as": "unsubscribe"}),
    OtherLetter(2.0, "spam", "file", {"filed_as": "spam"}),
    OtherLetter(2.5, "letter", "end", {"end_reason": "later"}),
    OtherLetter(1.5, "letter", "end", {"end_reason": "outside"}),
    OtherLetter(1.0, "letter", "end", {"end_reason": "personal"}),
    OtherLetter(1.0, "letter", "withdraw", {}),
)
ANSWERED_PER_HUNDRED = 1.5  # letters ended because the answer was published before, per hundred questions


def add_letter(
    writer: BulkWriter,
    desk: LongRoadDesk,
    subject: Subject,
    sent_at: datetime,
    move: LetterMove | None = None,
    *,
    text_kind: str = "letter",
    waiting_at: datetime | None = None,
    held_reason: str | None = None,
    wants_credit: bool = False,
    verified_at: datetime | None = None,
) -> Asker:
    """Add a letter and the rows of its writer, and return the writer.

    `move` is what has happened to it since. `waiting_at` is today if the writer still waits for an answer; their
    address is kept then. `verified_at` is when the desk verified the name of a writer who `wants_credit`.
    """
    rng = writer.rng
    key, public_id = writer.next_key(Letter), writer.new_public_id()
    channel = CHANNELS.pick(rng)
    hear_back = HEAR_BACK.get(channel, HEAR_BACK_AT_DESK).pick(rng)
    received_at = truncate_to_day(sent_at) if channel == "web" and hear_back == "number" else sent_at
    columns: RowValues = {"held_reason": held_reason, "question_id": None}
    state = _receive(writer, desk, key, channel, received_at, held_reason)
    state_at = received_at
    if move:
        state = _apply_move(writer, desk, key, state, move)
        state_at = move.moved_at
        columns |= move.columns
    is_erased = state == "withdrawn"
    if channel == "web":  # random values, because nobody has the form or the receipt
        columns |= {"form_mac": token_bytes(32), "receipt_mac": token_bytes(32)}
    writer.add(
        Letter,
        id=key,
        public_id=public_id,
        newsletter_id=desk.newsletter.id,
        channel=channel,
        hear_back=hear_back,
        state=state,
        state_at=state_at,
        body=None if is_erased else subject.write_letter(rng, text_kind),
        received_at=received_at,
        language=subject.phrasebook.language,
        erased_at=state_at if is_erased else None,
        **columns,
    )
    if hear_back != "number" and waiting_at and waiting_at - sent_at < MAX_CONTACT_AGE and not is_erased:
        _add_contact(writer, key, public_id, hear_back, sent_at)
    printed_name = None
    if wants_credit and channel == "web":
        printed_name = _add_credit(writer, desk, subject, key, public_id, received_at, verified_at)
    return Asker(key, hear_back, printed_name)


def _receive(
    writer: BulkWriter, desk: LongRoadDesk, key: int, channel: str, received_at: datetime, held_reason: str | None
) -> str:
    """Record the arrival of a letter. Return its state."""
    actor = {"web": "reader", "mail": "mailroom"}.get(channel, desk.assistant.ref)
    return writer.move(
        LETTER,
        "letter",
        key,
        "send",
        None,
        received_at,
        actor,
        newsletter_id=desk.newsletter.id,
        target_state="held" if held_reason else "received",
    )


def _apply_move(writer: BulkWriter, desk: LongRoadDesk, key: int, state: str, move: LetterMove) -> str:
    """Record what happened to a letter. Return its new state."""
    question_id = move.columns.get("question_id")
    facts: RowValues | None = None  # as `app.letters.filing` records them
    if move.action == "file":
        facts = {"kind": move.columns["filed_as"], "question": question_id, "assignment": None}
    elif move.action == "end":
        facts = {"reason": move.columns["end_reason"]}
    return writer.move(
        LETTER,
        "letter",
        key,
        move.action,
        state,
        move.moved_at,
        "reader" if move.action == "withdraw" else desk.assistant.ref,
        newsletter_id=desk.newsletter.id,
        question_id=question_id,
        facts=facts,
    )


def _add_contact(writer: BulkWriter, key: int, public_id: str, hear_back: str, sent_at: datetime) -> None:
    writer.add(
        Contact,
        letter_id=key,
        hear_back=hear_back,
        key_no=writer.keyring.newest,
        erase_on=(sent_at + ADDRESS_RETENTION).date(),
        email_sealed=writer.keyring.seal(f"contacts.email.{public_id}", f"reader{key}@readers.example"),
    )


def _add_credit(
    writer: BulkWriter,
    desk: LongRoadDesk,
    subject: Subject,
    key: int,
    public_id: str,
    consented_at: datetime,
    verified_at: datetime | None,
) -> str | None:
    """Add the name and place of a letter's writer. Return what may be printed: nothing unless verified."""
    name, place = pick_random(writer.rng, subject.phrasebook.phrases["given_names"]), subject.place_name
    writer.add(
        Credit,
        letter_id=key,
        choice="first",
        key_no=writer.keyring.newest,
        consent_text=CONSENT_TEXT,
        consented_at=consented_at,
        name_sealed=writer.keyring.seal(f"credits.name.{public_id}", name),
        place_sealed=writer.keyring.seal(f"credits.place.{public_id}", place),
        verified_at=verified_at,
        verified_by_id=desk.editor.person_id if verified_at else None,
        verified_how="Confirmed by a reply from the address that came with the question." if verified_at else None,
    )
    return f"{name}, {place}" if verified_at else None


def add_other_letters(
    writer: BulkWriter,
    desk: LongRoadDesk,
    subject: Subject,
    sent_at: datetime,
    today: datetime,
    published_id: int | None,
) -> None:
    """Add a random number of letters that ask nothing, or what the question `published_id` has answered."""
    rng = writer.rng
    for other in OTHER_LETTERS:
        if rng.random() * 100 < other.per_hundred:
            move = LetterMove(other.action, min(sent_at + timedelta(hours=7), today), other.columns)
            add_letter(writer, desk, subject, sent_at, move, text_kind=other.text_kind)
    if published_id and rng.random() * 100 < ANSWERED_PER_HUNDRED:
        columns = {"end_reason": "answered", "answered_by_id": published_id}
        move = LetterMove("end", min(sent_at + timedelta(hours=9), today), columns)
        add_letter(writer, desk, subject, sent_at, move)


def add_unread_letter(
    writer: BulkWriter, desk: LongRoadDesk, subject: Subject, sent_at: datetime, today: datetime
) -> None:
    """Add a letter that nobody has filed yet; some are held."""
    rng = writer.rng
    held_reason = pick_random(rng, HELD_REASONS) if rng.random() < HELD_SHARE else None
    text_kind = "spam" if held_reason == "flood" else TEXT_KINDS.pick(rng)
    add_letter(writer, desk, subject, sent_at, text_kind=text_kind, held_reason=held_reason, waiting_at=today)
