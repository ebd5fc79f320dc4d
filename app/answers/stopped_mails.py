"""A mail to an expert is not sent after all, and what it was to bring about is taken back with it."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..db import lock, now
from ..mail import outbox
from ..mail.models import OutboxMail
from ..people import links
from .assigning import rest
from .editing import open_check
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, Assignment


def discard(session: Session, actor: Staff, mail: OutboxMail, version: int | None = None) -> None:
    """Don't send a mail that waits or failed. An invitation that never arrived leaves its assignment as a draft, and a
    quote check that never did is no check: nobody's silence could mean anything.

    Raises `OnItsWay`, `Illegal` and `Stale`.
    """
    outbox.discard(session, actor, mail, version)
    if is_undone(mail) and _is_newest(session, mail):
        assignment = lock(session, session.get_one(Assignment, mail.assignment_id))
        UNDONE[mail.kind](session, actor, assignment)


def is_undone(mail: OutboxMail) -> bool:
    """Whether discarding a mail takes back what caused it."""
    return mail.kind in UNDONE and mail.assignment_id is not None


def _is_newest(session: Session, mail: OutboxMail) -> bool:
    """Whether no later mail told the expert the same."""
    later = select(OutboxMail.id).filter_by(assignment_id=mail.assignment_id, kind=mail.kind)
    return session.scalar(later.where(OutboxMail.id > mail.id).limit(1)) is None


def _uninvite(session: Session, actor: Staff, assignment: Assignment) -> None:
    if assignment.is_invited:
        links.revoke_links(session, assignment.id)
        # What a person stopped the ladder does not send again by itself.
        off = {"after_id": None, "step_at": None}
        ASSIGNMENT.apply(session, actor, assignment, "uninvite", cause="discard", invited_at=None, **off)
        rest(session, actor, assignment.question_id)


def _end_check(session: Session, actor: Staff, assignment: Assignment) -> None:
    answer = session.scalars(select(Answer).filter_by(assignment_id=assignment.id)).one()
    check = open_check(session, lock(session, answer))
    if check is not None:
        check.outcome, check.ended_at = "recalled", now(session)
        ANSWER.apply(session, actor, answer, "recall", cause="discard")


UNDONE: dict[str, Callable[[Session, Staff, Assignment], None]] = {
    "expert.invitation": _uninvite,
    "expert.check": _end_check,
}
