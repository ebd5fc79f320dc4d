"""The outbox of The Long Road: a row for each mail, and the contents of recent ones."""

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

from .bulk_writer import BulkWriter
from .long_road import ExpertValues, LongRoadDesk

CONTENT_RETENTION = timedelta(days=10)  # the contents of older mails have been deleted
MAX_QUEUED_AGE = timedelta(hours=6)  # younger mails wait for the worker
MAX_HELD_AGE = timedelta(days=2)  # the editor has released older invitations
FAILED_SHARE = 0.015  # the share of mails that were rejected
REJECTION = "550 5.1.1 there is no such mailbox here"

# The actions of the state machine that lead to each state of a mail.
ACTIONS_BY_STATE: dict[str, tuple[str, ...]] = {
    "sent": ("send",),
    "failed": ("fail",),
    "expired": ("expire",),
    "discarded": ("discard",),
    "queued": (),
    "held": (),
}


def create_page_link(writer: BulkWriter, assignment_id: int) -> str:
    """Create a link to the page of an assignment and return its URL. The token is random even in the demo."""
    token = new_token()
    writer.add(Link, token_mac=writer.keyring.mac("links.token", token), assignment_id=assignment_id, kind="page")
    return absolute_url(writer.session, f"/a/{token}")


def add_expert_mail(
    writer: BulkWriter,
    desk: LongRoadDesk,
    expert: ExpertValues,
    kind: str,
    created_at: datetime,
    today: datetime,
    *,
    question_id: int,
    assignment_id: int,
    message: Message | None = None,
) -> None:
    """Add a mail to an expert about an assignment. Its age decides whether it waits or was sent; a few have failed."""
    rng, token = writer.rng, new_reply_token()
    writer.add(Link, token_mac=writer.keyring.mac("links.token", token), assignment_id=assignment_id, kind="reply")
    if message:
        message = replace(message, reply_to=address_for(desk.newsletter.inbox, token))
    age = today - created_at
    first_state = "held" if kind in desk.newsletter.held_kinds else "queued"
    if message and first_state == "held" and age < MAX_HELD_AGE and rng.random() < 0.5:
        last_state = "held"
    elif message and age < MAX_QUEUED_AGE:
        last_state = "queued"
    elif rng.random() < FAILED_SHARE:
        last_state = "failed"
    else:
        last_state = rng.choices(("sent", "expired", "discarded"), (200, 1, 1))[0]
    add_mail(
        writer,
        desk,
        kind,
        created_at,
        last_state,
        first_state=first_state,
        message=message,
        question_id=question_id,
        assignment_id=assignment_id,
        person_id=expert.person_id,
        due_at=today if last_state == "queued" else None,
    )


def add_mail(
    writer: BulkWriter,
    desk: LongRoadDesk,
    kind: str,
    created_at: datetime,
    last_state: str = "sent",
    *,
    first_state: str = "queued",
    message: Message | None = None,
    due_at: datetime | None = None,
    **subject_ids: int | None,
) -> None:
    """Add a mail to the outbox, with the events that led from `first_state` to `last_state`.

    `subject_ids` are the columns that name the mail's subject, such as `question_id`.
    """
    key, public_id = writer.next_key(OutboxMail), writer.new_public_id()
    state, state_at = first_state, created_at
    actions = ACTIONS_BY_STATE[last_state]
    if first_state == "held" and last_state not in ("held", "discarded"):
        actions = ("release", *actions)
    for action in actions:
        state_at += timedelta(minutes=1)
        state = writer.move(
            MAIL,
            "outboxmail",
            key,
            action,
            state,
            state_at,
            desk.editor.ref if action in ("release", "discard") else "clock",
            newsletter_id=desk.newsletter.id,
            question_id=subject_ids.get("question_id"),
        )
    token = new_reply_token()
    due_at = due_at or created_at
    writer.add(
        OutboxMail,
        id=key,
        public_id=public_id,
        kind=kind,
        lane=KINDS[kind].lane,
        state=state,
        state_at=state_at,
        newsletter_id=desk.newsletter.id,
        message_id=identifiers.new_message_id(writer.session.info["base_url"], public_id),
        due_at=due_at,
        expires_at=due_at + KINDS[kind].lifetime,
        attempts=int(state in ("sent", "failed")),
        created_at=created_at,
        said=REJECTION if state == "failed" else None,
        sent_at=state_at if state == "sent" else None,
        ended_at=state_at if state in ENDED else None,
        return_mac=writer.keyring.mac("outbox.return", token),
        **subject_ids,
    )
    if message and state not in KINDS[kind].erase_in:
        content = json.dumps(asdict(replace(message, return_token=token)), ensure_ascii=False)
        sealed = writer.keyring.seal(f"outbox_contents.sealed.{public_id}", content)
        writer.add(OutboxContent, outbox_id=key, sealed=sealed, key_no=writer.keyring.newest)


def get_sender(desk: LongRoadDesk) -> Sender:
    newsletter = desk.newsletter
    return Sender(newsletter.name, newsletter.editor, newsletter.address, newsletter.language, newsletter.zone)
