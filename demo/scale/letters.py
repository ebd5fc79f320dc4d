"""Letters of the big newsletter: those of questions, those that are no question, and unread ones."""

from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any

from app.letters.blurred_time import truncate_to_day
from app.letters.lifecycle import LETTER
from app.letters.models import Contact, Credit, Letter

from .book import Book, Chances, any_of
from .people import CONSENT, Room
from .words import Matter

CHANNELS = Chances({"web": 62, "mail": 33, "event": 3, "phone": 1, "messenger": 0.6, "paper": 0.4})
HEAR_BACK = {"web": Chances({"number": 76, "once": 16, "while": 8}), "mail": Chances({"once": 100})}
HEARD = Chances({"number": 1})  # for letters that the desk took down: it answers where it heard them
KINDS = Chances({"letter": 88, "comment": 9, "tip": 3})
HELD = ("flood", "trap")
KEPT = timedelta(days=85)  # a little less than addresses are kept
NAMED = 0.15  # the share of single askers who want to be named


def letter(
    book: Book,
    room: Room,
    matter: Matter,
    at: datetime,
    steps: tuple[tuple[str, datetime, dict[str, Any]], ...],
    *,
    kind: str = "letter",
    question_id: int | None = None,
    waits_until: datetime | None = None,
    held: str | None = None,
    named: bool = False,
    verified_at: datetime | None = None,
) -> tuple[int, str, str | None]:
    """Add a letter that arrived at `at`, with the `steps` taken since, as (action, time, facts).

    `waits_until` is today if its writer is still owed an answer; their address is kept then. Return the letter's key,
    its way to hear back, and the name that may be printed.
    """
    rng, newsletter, key, public_id = book.rng, room.newsletter, book.key(Letter), book.public_id()
    channel = CHANNELS.drawn(rng)
    hear_back = HEAR_BACK.get(channel, HEARD).drawn(rng)
    came = truncate_to_day(at) if channel == "web" and hear_back == "number" else at
    sent_by = {"web": "reader", "mail": "mailroom"}.get(channel, room.assistant.ref)
    facts: dict[str, Any] = {"held_reason": held, "question_id": None}
    state = book.move(
        LETTER,
        "letter",
        key,
        "send",
        None,
        came,
        sent_by,
        newsletter_id=newsletter.id,
        to="held" if held else "received",
    )
    state_at = came
    for action, moment, said in steps:
        actor = "reader" if action == "withdraw" else room.assistant.ref
        state = book.move(
            LETTER,
            "letter",
            key,
            action,
            state,
            moment,
            actor,
            newsletter_id=newsletter.id,
            question_id=said.get("question_id"),
            why=_why(action, said),
        )
        facts |= said
        state_at = moment
    erased = state == "withdrawn"
    forms = _form() if channel == "web" else {}
    book.add(
        Letter,
        id=key,
        public_id=public_id,
        newsletter_id=newsletter.id,
        channel=channel,
        hear_back=hear_back,
        state=state,
        state_at=state_at,
        body=None if erased else matter.letter(rng, kind),
        received_at=came,
        language=matter.tongue.language,
        erased_at=state_at if erased else None,
        **forms,
        **facts,
    )
    if hear_back != "number" and waits_until and waits_until - at < KEPT and not erased:
        book.add(
            Contact,
            letter_id=key,
            hear_back=hear_back,
            key_no=book.ring.newest,
            erase_on=(at + timedelta(90)).date(),
            email_sealed=book.ring.seal(f"contacts.email.{public_id}", f"reader{key}@readers.example"),
        )
    name = _credit(book, room, matter, key, public_id, came, verified_at) if named and channel == "web" else None
    return key, hear_back, name


def _why(action: str, said: dict[str, Any]) -> dict[str, Any] | None:
    """Return the facts of the event, as the module `filing` records them."""
    if action == "file":
        return {"kind": said["filed_as"], "question": said.get("question_id"), "assignment": None}
    return {"reason": said["end_reason"]} if action == "end" else None


def _form() -> dict[str, bytes]:
    """Return the stored hashes of a form and its receipt: random bytes, as there is no receipt."""
    return {"form_mac": token_bytes(32), "receipt_mac": token_bytes(32)}


def _credit(
    book: Book, room: Room, matter: Matter, key: int, public_id: str, at: datetime, verified_at: datetime | None
) -> str | None:
    name, place = any_of(book.rng, matter.tongue.phrases["given"]), matter.name
    book.add(
        Credit,
        letter_id=key,
        choice="first",
        key_no=book.ring.newest,
        consent_text=CONSENT,
        consented_at=at,
        name_sealed=book.ring.seal(f"credits.name.{public_id}", name),
        place_sealed=book.ring.seal(f"credits.place.{public_id}", place),
        verified_at=verified_at,
        verified_by_id=room.editor.person_id if verified_at else None,
        verified_how="Confirmed by a reply from the address that came with the question." if verified_at else None,
    )
    return f"{name}, {place}" if verified_at else None


# Letters that are no question: their number per hundred questions, their kind of text, and the steps taken.
LOOSE: tuple[tuple[float, str, tuple[tuple[str, dict[str, Any]], ...]], ...] = (
    (4.0, "comment", (("file", {"filed_as": "comment"}),)),
    (1.0, "tip", (("file", {"filed_as": "tip"}),)),
    (0.7, "letter", (("file", {"filed_as": "unsubscribe"}),)),
    (2.0, "spam", (("file", {"filed_as": "spam"}),)),
    (2.5, "letter", (("end", {"end_reason": "later"}),)),
    (1.5, "letter", (("end", {"end_reason": "outside"}),)),
    (1.0, "letter", (("end", {"end_reason": "personal"}),)),
    (1.0, "letter", (("withdraw", {}),)),
)
ALREADY = 1.5  # per hundred questions: letters ended because their answer was published before


def loose(book: Book, room: Room, matter: Matter, at: datetime, today: datetime, published: int | None) -> None:
    """Add a random number of letters that are no question, at about that time."""
    rng = book.rng
    for share, kind, steps in LOOSE:
        if rng.random() * 100 < share:
            done = tuple((action, min(at + timedelta(hours=7), today), facts) for action, facts in steps)
            letter(book, room, matter, at, done, kind=kind)
    if published and rng.random() * 100 < ALREADY:
        facts = {"end_reason": "answered", "answered_by_id": published}
        letter(book, room, matter, at, (("end", min(at + timedelta(hours=9), today), facts),))


def waiting(book: Book, room: Room, matter: Matter, at: datetime, today: datetime) -> None:
    """Add a letter that nobody has filed yet; one in ten is held."""
    held = any_of(book.rng, HELD) if book.rng.random() < 0.1 else None
    kind = "spam" if held == "flood" else KINDS.drawn(book.rng)
    letter(book, room, matter, at, (), kind=kind, held=held, waits_until=today)
