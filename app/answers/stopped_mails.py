"""Takes back the effects of a mail to an expert that is not sent after all."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..db.session import lock_row, now
from ..people import links
from .assigning import reopen_if_unassigned
from .editing import open_check
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, Assignment


def uninvite(session: Session, actor: Staff, assignment: Assignment) -> None:
    if assignment.is_invited:
        links.revoke_links(session, assignment.id)
        # What a person stopped the ladder does not send again by itself.
        off = {"after_id": None, "step_at": None}
        ASSIGNMENT.apply(session, actor, assignment, "uninvite", cause="discard", invited_at=None, **off)
        reopen_if_unassigned(session, actor, assignment.question_id)


def end_check(session: Session, actor: Staff, assignment: Assignment) -> None:
    answer = session.scalars(select(Answer).filter_by(assignment_id=assignment.id)).one()
    check = open_check(session, lock_row(session, answer))
    if check is not None:
        check.outcome, check.ended_at = "recalled", now(session)
        ANSWER.apply(session, actor, answer, "recall", cause="discard")
