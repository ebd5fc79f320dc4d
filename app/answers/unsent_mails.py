"""Recall mails to experts that have not left yet: when there is nothing more to ask, and for steps of the ladder."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..db.session import lock_row
from ..mail import outbox
from ..mail.models import OutboxMail
from ..people import links
from .lifecycle import ASSIGNMENT
from .models import Answer, Assignment

INVITATION = "expert.invitation"
ASKS = (INVITATION, *(f"expert.{kind}" for kind in ("invitation_again", "reminder", "overdue", "returned", "check")))


class AlreadySent(outbox.OnItsWay):
    """Raised when an expert has already been mailed what would be undone."""

    code = "conflict.mail_sent"


def stop_asking(session: Session, actor: Actor, assignment: Assignment) -> bool:
    """Recall unsent mails that ask something of the expert. Return whether they may have heard of the question."""
    found, stopped = _stop_mails(session, actor, assignment.id, ASKS)
    invitations = [mail for mail in found if mail.kind == INVITATION]
    heard = not invitations or any(mail.attempts or mail.sent_at for mail in invitations)
    if not heard and any(mail.kind == INVITATION for mail in stopped):
        audit.record(session, actor, "assignment.unsent", assignment)
    return heard


def recall_mails(session: Session, actor: Actor, keys: Sequence[int]) -> list[OutboxMail]:
    """Recall mails that are no longer true. Return those that were sent or have failed. Raises `OnItsWay`."""
    mails = [lock_row(session, mail) for mail in session.scalars(select(OutboxMail).where(OutboxMail.id.in_(keys)))]
    for mail in mails:
        if mail.waits:
            outbox.recall(session, actor, mail)
    return [mail for mail in mails if not mail.is_discarded]


def recall_all_mails(session: Session, actor: Actor, keys: Sequence[int]) -> None:
    """Recall all of these mails. Raises `AlreadySent` if one was sent or has failed, and `OnItsWay`."""
    if recall_mails(session, actor, keys):
        raise AlreadySent(f"mails {keys}")


def stop_check(session: Session, actor: Actor, answer: Answer) -> None:
    """Recall the mail of a quote check that is over: its text is edited, approved or withdrawn."""
    _stop_mails(session, actor, answer.assignment_id, ("expert.check",))


def _stop_mails(
    session: Session, actor: Actor, assignment_id: int, kinds: Sequence[str]
) -> tuple[Sequence[OutboxMail], list[OutboxMail]]:
    """Recall the mails of these kinds about an assignment. Return all of them, and those that were recalled."""
    mails = select(OutboxMail).filter_by(assignment_id=assignment_id).where(OutboxMail.kind.in_(kinds))
    found = session.scalars(mails.order_by(OutboxMail.id)).all()
    return found, [mail for mail in found if mail.waits and try_recall(session, actor, mail)]


def step_back(session: Session, actor: Actor, predecessor: Assignment, cause: str) -> None:
    """Set assignments that the ladder invited after `predecessor` back to drafted, if their mail has not left yet.

    The expert of `predecessor` has the question after all.
    """
    after = (
        select(Assignment).where(Assignment.after_id == predecessor.id, Assignment.is_invited).order_by(Assignment.id)
    )
    for assignment in session.scalars(after).all():
        mail = _get_waiting_invitation(session, lock_row(session, assignment))
        if not assignment.is_invited or mail is None or mail.attempts or not try_recall(session, actor, mail):
            continue
        invited_at = assignment.invited_at
        was = {"invited_at": invited_at.isoformat()} if invited_at else {}
        ASSIGNMENT.apply(session, actor, assignment, "step back", cause=cause, why={"was": was}, invited_at=None)
        links.revoke_links(session, assignment.id)


def undo_step(session: Session, actor: Actor, assignment: Assignment, _event: audit.Event) -> None:
    """Step back on the ladder, which may have moved on meanwhile."""
    step_back(session, actor, assignment, "undo")


def _get_waiting_invitation(session: Session, assignment: Assignment) -> OutboxMail | None:
    """Return the ladder's unsent invitation; one that a person sent is theirs to recall."""
    ladders = OutboxMail.once_key.startswith(f"ladder:{assignment.id}:")
    waits = select(OutboxMail).filter_by(assignment_id=assignment.id, kind=INVITATION)
    return session.scalar(waits.where(ladders, OutboxMail.waits).order_by(OutboxMail.id.desc()).limit(1))


def try_recall(session: Session, actor: Actor, mail: OutboxMail) -> bool:
    """Recall a mail if it is still unsent and no worker is sending it at this moment; return whether it was."""
    if not lock_row(session, mail).waits:
        return False
    try:
        outbox.recall(session, actor, mail)
    except outbox.OnItsWay:
        return False
    return True
