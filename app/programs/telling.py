"""The events that other programs are told of, and the one function by which verbs say that one has happened."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.session import now
from ..mail.kinds import KINDS as MAILS
from ..text.languages import N_
from .chats import CHATS
from .models import Delivery, Program

LIFE = timedelta(days=5)  # for which a webhook is tried, as mail is
LIFE_IN_CHAT = timedelta(hours=12)  # after which a notice in the chat is of no use any more

# What a webhook is told, as the desk calls it (docs/webhooks.md). `workflows.program_messages` says what is in each.
EVENTS = {
    "edition.locked": N_("An edition was locked"),
    "edition.sent": N_("An edition was sent"),
    "answer.published": N_("An answer was published"),
    "answer.corrected": N_("A published answer was corrected"),
    "answer.withdrawn": N_("A published answer was withdrawn"),
}
TEST = "test"
LETTERS = "letters.waiting"
# What the chat is told: that letters wait, in the morning, and at once what experts do: the desk's mails of that, by
# their names, in which there is nobody's word or name.
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
    """Note for each program of a newsletter that hears of such an event that it is to be told, once this transaction is
    committed and not before `due_at`. One that is paused isn't told of what happens meanwhile.

    A notice in a chat says nothing of what it is about: while one waits, a second one would say the same.
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
    """Return the programs of a newsletter that hear of an event. Raises KeyError for one that has no row."""
    kinds = ("webhook",) if event in EVENTS else (*CHATS,) if NOTICES[event] else ()
    query = select(Program).where(Program.newsletter_id == newsletter_id, Program.kind.in_(kinds))
    return list(session.scalars(query.where(Program.paused_at.is_(None)).order_by(Program.id)))


def life_of(program: Program) -> timedelta:
    return LIFE_IN_CHAT if program.kind in CHATS else LIFE


def _waits(session: Session, program: Program, event: str) -> bool:
    query = select(Delivery.id).filter_by(program_id=program.id, event=event, ended_at=None)
    return session.scalar(query.limit(1)) is not None
