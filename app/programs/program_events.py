"""The events of which other programs are notified, and the function that queues their deliveries."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.session import now
from ..mail.kinds import KINDS as MAIL_KINDS
from ..text.languages import N_
from .chats import CHATS
from .models import Delivery, Program

WEBHOOK_LIFETIME = timedelta(days=5)  # for which a delivery is retried, like a mail
CHAT_LIFETIME = timedelta(hours=12)  # for which a notice in a chat is retried: later it is of no use

# The events of webhooks with their labels (docs/webhooks.md). `workflows.program_messages` builds their payloads.
EVENTS = {
    "edition.locked": N_("An edition was locked"),
    "edition.sent": N_("An edition was sent"),
    "answer.published": N_("An answer was published"),
    "answer.corrected": N_("A published answer was corrected"),
    "answer.withdrawn": N_("A published answer was withdrawn"),
}
TEST = "test"
LETTERS = "letters.waiting"
# Actions of experts, named by the kinds of mail with which the desk is told.
OF_EXPERTS = ("answer", "declined", "objection", "withdrawn", "fine", "suggestion", "question_back", "removed")
# The notices of chats: each morning that letters are waiting, and immediately what an expert did. The labels of the
# mails can be used in a chat, since they name nobody and quote nothing.
NOTICES = {
    LETTERS: N_("Letters are waiting"),
    **{f"desk.{action}": MAIL_KINDS[f"desk.{action}"].name for action in OF_EXPERTS},
}
NAMES = {**EVENTS, **NOTICES, TEST: N_("A test")}


def queue_deliveries(
    session: Session,
    newsletter_id: int,
    event: str,
    *,
    edition_id: int | None = None,
    question_id: int | None = None,
    due_at: datetime | None = None,
) -> None:
    """Queue a delivery of an event for each subscribed program, to be sent after the commit and not before `due_at`.

    Paused programs are skipped. A notice in a chat has no details, so it isn't queued while another of the same kind
    waits.
    """
    happened_at = now(session)
    due_at = due_at or happened_at
    for program in list_subscribers(session, newsletter_id, event):
        is_chat = program.kind in CHATS
        if is_chat and _is_waiting(session, program, event):
            continue
        session.add(
            Delivery(
                program_id=program.id,
                event=event,
                edition_id=edition_id,
                question_id=None if is_chat else question_id,
                happened_at=happened_at,
                due_at=due_at,
                expires_at=due_at + get_lifetime(program),
            )
        )
    session.flush()


def list_subscribers(session: Session, newsletter_id: int, event: str) -> list[Program]:
    """Return a newsletter's active programs that are notified of an event. Raises KeyError for an unknown event."""
    if event not in EVENTS and event not in NOTICES:
        raise KeyError(event)
    kinds = ("webhook",) if event in EVENTS else tuple(CHATS)
    query = select(Program).where(Program.newsletter_id == newsletter_id, Program.kind.in_(kinds))
    return list(session.scalars(query.where(Program.paused_at.is_(None)).order_by(Program.id)))


def get_lifetime(program: Program) -> timedelta:
    """Return how long a delivery is retried."""
    return CHAT_LIFETIME if program.kind in CHATS else WEBHOOK_LIFETIME


def _is_waiting(session: Session, program: Program, event: str) -> bool:
    query = select(Delivery.id).filter_by(program_id=program.id, event=event, ended_at=None)
    return session.scalar(query.limit(1)) is not None
