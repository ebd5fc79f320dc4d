"""The events of which other programs are notified, and the function by which verbs report one."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.session import now
from ..mail.kinds import KINDS as MAILS
from ..text.languages import N_
from .chats import CHATS
from .models import Delivery, Program

LIFE = timedelta(days=5)  # for which a webhook is retried, like mail
LIFE_IN_CHAT = timedelta(hours=12)  # after which a notice in a chat is of no use

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
# The notices of chats: in the morning that letters are waiting, and immediately what experts do. The latter are the
# kinds of the desk's mails, whose labels name nobody and quote nothing.
OF_EXPERTS = ("answer", "declined", "objection", "withdrawn", "fine", "suggestion", "question_back")
NOTICES = {LETTERS: N_("Letters are waiting"), **{f"desk.{what}": MAILS[f"desk.{what}"].name for what in OF_EXPERTS}}
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

    Paused programs are skipped. A notice in a chat has no details, so none is added while one of the same kind waits.
    """
    at = now(session)
    due = due_at or at
    for program in list_subscribers(session, newsletter_id, event):
        in_chat = program.kind in CHATS
        if in_chat and _waits(session, program, event):
            continue
        session.add(
            Delivery(
                program_id=program.id,
                event=event,
                edition_id=edition_id,
                question_id=None if in_chat else question_id,
                happened_at=at,
                due_at=due,
                expires_at=due + life_of(program),
            )
        )
    session.flush()


def list_subscribers(session: Session, newsletter_id: int, event: str) -> list[Program]:
    """Return a newsletter's active programs that are notified of an event. Raises KeyError for an unknown event."""
    kinds = ("webhook",) if event in EVENTS else (*CHATS,) if NOTICES[event] else ()
    query = select(Program).where(Program.newsletter_id == newsletter_id, Program.kind.in_(kinds))
    return list(session.scalars(query.where(Program.paused_at.is_(None)).order_by(Program.id)))


def life_of(program: Program) -> timedelta:
    return LIFE_IN_CHAT if program.kind in CHATS else LIFE


def _waits(session: Session, program: Program, event: str) -> bool:
    query = select(Delivery.id).filter_by(program_id=program.id, event=event, ended_at=None)
    return session.scalar(query.limit(1)) is not None
