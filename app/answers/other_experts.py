"""The number of others who are asked beside an expert, as mails say it: by how things stand when each leaves."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..mail import outbox
from ..mail.asked_others import find_sentence
from ..mail.models import OutboxMail
from .models import Assignment


def number_of(session: Session, assignment: Assignment) -> int:
    """Count who else was asked this question, and has not said no."""
    others = select(func.count()).where(
        Assignment.question_id == assignment.question_id, Assignment.id != assignment.id, Assignment.was_asked
    )
    return session.scalar(others) or 0


def settle(session: Session, mail: OutboxMail) -> None:
    """Fix what a mail that leaves now says of others.

    An invitation says how many there are. A later mail says so where its expert was told of fewer. Raises what
    `outbox.read` raises.
    """
    if mail.assignment_id is None or not mail.kind.startswith("expert."):
        return
    number = number_of(session, session.get_one(Assignment, mail.assignment_id))
    mail.asked_others = None
    if (
        find_sentence(outbox.read(session, mail))
        or (known := _number_known(session, mail)) is not None
        and number > known
    ):
        mail.asked_others = number
    session.flush()


def _number_known(session: Session, mail: OutboxMail) -> int | None:
    """Return how many others the expert was told of last."""
    earlier = select(OutboxMail.asked_others).where(
        OutboxMail.assignment_id == mail.assignment_id, OutboxMail.asked_others.is_not(None), OutboxMail.is_sent
    )
    return session.scalar(earlier.order_by(OutboxMail.sent_at.desc(), OutboxMail.id.desc()).limit(1))
