"""Recall unsent mails to experts if nothing is asked of them any more, or if the ladder invited them too early."""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..db.session import lock_row
from ..mail import outbox
from ..mail.kinds import list_kinds_with_purpose
from ..mail.models import OutboxMail
from ..people import links
from .lifecycle import ASSIGNMENT
from .models import Answer, Assignment

INVITATION = "expert.invitation"
# Of an assignment: its expert has no page before an editor releases the invitation.
IS_INVITATION_HELD = exists().where(
    OutboxMail.assignment_id == Assignment.id, OutboxMail.kind == INVITATION, OutboxMail.is_held
)


class MailAlreadySent(outbox.OnItsWay):
    """Raised when the mail that an undo would recall has already been sent."""

    code = "conflict.mail_sent"


def stop_asking(session: Session, actor: Actor, assignment: Assignment) -> bool:
    """Recall unsent mails that ask something of the expert. Return whether the expert may know of the question."""
    mails, recalled = _recall_kinds(session, actor, assignment.id, list_kinds_with_purpose("ask"))
    invitations = [mail for mail in mails if mail.kind == INVITATION]
    if not invitations:  # the expert was asked in another way, perhaps by phone
        return True
    if any(mail.attempts or mail.sent_at for mail in invitations):
        return True
    if any(mail.kind == INVITATION for mail in recalled):
        audit.record(session, actor, "assignment.unsent", assignment)
    return False


def recall_mails(session: Session, actor: Actor, mail_ids: Sequence[int]) -> list[OutboxMail]:
    """Recall those of these mails that are unsent.

    Return the mails that couldn't be recalled, as they were sent, have failed or have expired. Raises `OnItsWay`.
    """
    query = select(OutboxMail).where(OutboxMail.id.in_(mail_ids))
    mails = [lock_row(session, mail) for mail in session.scalars(query)]
    for mail in mails:
        if mail.waits:
            outbox.recall(session, actor, mail)
    return [mail for mail in mails if not mail.is_discarded]


def recall_all_mails(session: Session, actor: Actor, mail_ids: Sequence[int]) -> None:
    """Recall all of these mails. Raises `MailAlreadySent` if one was sent, failed or expired, and `OnItsWay`."""
    if recall_mails(session, actor, mail_ids):
        raise MailAlreadySent(f"mails {mail_ids}")


def is_invitation_held(session: Session, assignment: Assignment) -> bool:
    """Return whether the invitation waits for an editor, so that the expert hasn't been asked yet."""
    query = select(Assignment.id).where(Assignment.id == assignment.id, IS_INVITATION_HELD)
    return session.scalar(query) is not None


def stop_check(session: Session, actor: Actor, answer: Answer) -> None:
    """Recall the unsent mail of a quote check that ended without a reply, such as by an approval of the text."""
    _recall_kinds(session, actor, answer.assignment_id, ("expert.check",))


def _recall_kinds(
    session: Session, actor: Actor, assignment_id: int, kinds: Sequence[str]
) -> tuple[Sequence[OutboxMail], list[OutboxMail]]:
    """Recall the unsent mails of these kinds about an assignment.

    Return all mails of these kinds, and the recalled ones.
    """
    query = select(OutboxMail).filter_by(assignment_id=assignment_id).where(OutboxMail.kind.in_(kinds))
    mails = session.scalars(query.order_by(OutboxMail.id)).all()
    recalled = []
    for mail in mails:
        if mail.waits and try_recall(session, actor, mail):
            recalled.append(mail)
    return mails, recalled


def withdraw_ladder_invitations(session: Session, actor: Actor, predecessor: Assignment, cause: str) -> None:
    """Withdraw the ladder's unsent invitations after `predecessor`, and set their assignments back to drafted.

    This is done when the expert of `predecessor` takes on the question after all. `cause` is "accept", "receive" or
    "undo".
    """
    query = select(Assignment).where(Assignment.after_id == predecessor.id, Assignment.is_invited)
    for assignment in session.scalars(query.order_by(Assignment.id)).all():
        if not lock_row(session, assignment).is_invited:  # may have changed before the lock
            continue
        mail = _get_ladder_invitation(session, assignment)
        if mail is None or mail.attempts or not try_recall(session, actor, mail):
            continue
        invited_at = assignment.invited_at
        old_values = {"invited_at": invited_at.isoformat()} if invited_at else {}
        details = {"was": old_values}  # for an undo
        ASSIGNMENT.apply(session, actor, assignment, "step back", cause=cause, why=details, invited_at=None)
        links.revoke_links(session, assignment.id)


def undo_ladder_step(session: Session, actor: Actor, assignment: Assignment, _event: audit.Event) -> None:
    """Withdraw the unsent invitations that the ladder queued because of an event of `assignment` that is undone now."""
    withdraw_ladder_invitations(session, actor, assignment, "undo")


def _get_ladder_invitation(session: Session, assignment: Assignment) -> OutboxMail | None:
    """Return the unsent invitation that the ladder queued, or None. Invitations by a person don't count."""
    is_from_ladder = OutboxMail.once_key.startswith(f"ladder:{assignment.id}:")
    invitations = select(OutboxMail).filter_by(assignment_id=assignment.id, kind=INVITATION)
    unsent = invitations.where(is_from_ladder, OutboxMail.waits)
    return session.scalar(unsent.order_by(OutboxMail.id.desc()).limit(1))


def try_recall(session: Session, actor: Actor, mail: OutboxMail) -> bool:
    """Recall a mail if it is unsent and no worker is sending it now. Return whether it was recalled."""
    if not lock_row(session, mail).waits:
        return False
    try:
        outbox.recall(session, actor, mail)
    except outbox.OnItsWay:
        return False
    return True
