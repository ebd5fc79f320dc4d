"""The big newsletter's outbox: a row for each mail, and the content of those of the last days."""

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from app.crypto.seal import new_token
from app.db.session import absolute_url
from app.mail import identifiers
from app.mail.kinds import KINDS
from app.mail.lifecycle import ENDED, MAIL
from app.mail.message import Message, Sender
from app.mail.models import OutboxContent, OutboxMail
from app.mail.reply_address import address_for, new_reply_token
from app.people.models import Link

from .book import Book
from .people import Known, Room

KEPT = timedelta(days=10)  # the content of older mails has been deleted
FRESH = timedelta(hours=6)  # younger mails wait for the worker
RELEASED = timedelta(days=2)  # the editor has released older invitations
LOST = 0.015  # the share of mails that were rejected
SAID = "550 5.1.1 there is no such mailbox here"

# The actions of the state machine that lead to each state of a mail.
PATHS = {
    "sent": ("send",),
    "failed": ("fail",),
    "expired": ("expire",),
    "discarded": ("discard",),
    "queued": (),
    "held": (),
}


def open_link(book: Book, assignment_id: int) -> str:
    """Create a link to an assignment's page, with a random token even in the demo, and return its URL."""
    token = new_token()
    book.add(Link, token_mac=book.ring.mac("links.token", token), assignment_id=assignment_id, kind="page")
    return absolute_url(book.session, f"/a/{token}")


def to_expert(
    book: Book,
    room: Room,
    expert: Known,
    kind: str,
    at: datetime,
    today: datetime,
    *,
    question_id: int,
    assignment_id: int,
    edition_id: int | None = None,
    message: Message | None = None,
) -> None:
    """Add a mail about an assignment: waiting or sent, according to its age; a few were never delivered."""
    rng, token = book.rng, new_reply_token()
    book.add(Link, token_mac=book.ring.mac("links.token", token), assignment_id=assignment_id, kind="reply")
    if message:
        message = replace(message, reply_to=address_for(room.newsletter.inbox, token))
    first = "held" if kind in room.newsletter.held_kinds else "queued"
    if message and first == "held" and today - at < RELEASED and rng.random() < 0.5:
        end = "held"
    elif message and today - at < FRESH:
        end = "queued"
    else:
        end = "failed" if rng.random() < LOST else rng.choices(("sent", "expired", "discarded"), (200, 1, 1))[0]
    put(
        book,
        room,
        kind,
        at,
        end,
        first=first,
        message=message,
        question_id=question_id,
        assignment_id=assignment_id,
        person_id=expert.person_id,
        edition_id=edition_id,
        due_at=today if end == "queued" else None,
    )


def put(
    book: Book,
    room: Room,
    kind: str,
    at: datetime,
    end: str = "sent",
    *,
    first: str = "queued",
    message: Message | None = None,
    due_at: datetime | None = None,
    **about: int | None,
) -> None:
    """Add a mail to the outbox, created at `at`, in the state `end`."""
    key, public_id, house = book.key(OutboxMail), book.public_id(), book.session.info["base_url"]
    state, then = first, at
    steps = ("release", *PATHS[end]) if first == "held" and end not in ("held", "discarded") else PATHS[end]
    for action in steps:
        then += timedelta(minutes=1)
        actor = room.editor.ref if action in ("release", "discard") else "clock"
        question_id = about.get("question_id")
        state = book.move(
            MAIL,
            "outboxmail",
            key,
            action,
            state,
            then,
            actor,
            newsletter_id=room.newsletter.id,
            question_id=question_id,
        )
    token = new_reply_token()
    book.add(
        OutboxMail,
        id=key,
        public_id=public_id,
        kind=kind,
        lane=KINDS[kind].lane,
        state=state,
        state_at=then,
        newsletter_id=room.newsletter.id,
        message_id=identifiers.new_message_id(house, public_id),
        due_at=due_at or at,
        expires_at=(due_at or at) + KINDS[kind].lifetime,
        attempts=int(state in ("sent", "failed")),
        created_at=at,
        said=SAID if state == "failed" else None,
        sent_at=then if state == "sent" else None,
        ended_at=then if state in ENDED else None,
        return_mac=book.ring.mac("outbox.return", token),
        **about,
    )
    if message and state not in KINDS[kind].erase_in:
        sealed = book.ring.seal(
            f"outbox_contents.sealed.{public_id}",
            json.dumps(asdict(replace(message, return_token=token)), ensure_ascii=False),
        )
        book.add(OutboxContent, outbox_id=key, sealed=sealed, key_no=book.ring.newest)


def sender(room: Room) -> Sender:
    letter = room.newsletter
    return Sender(letter.name, letter.editor, letter.address, letter.language, letter.zone)
