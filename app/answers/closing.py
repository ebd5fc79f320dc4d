"""Close, unshelve and merge questions that experts may have been asked."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..db.session import lock_row
from ..mail.models import OutboxMail
from ..questions import actions
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from . import expert_mails
from .assigning import assignments_of, cancel
from .editing import approved_of
from .lifecycle import ASSIGNMENT
from .models import Assignment


def close(
    session: Session, actor: Actor, question: Question, reason: str, sentence: str = "", cause: str | None = None
) -> None:
    """Close a question, end its assignments and tell their experts why in `sentence`.

    `reason` is a code; readers see a sentence instead. The audit event of closing stores the IDs of the events and
    mails that it causes, so that an undo finds them. Raises `InvalidTransition`, `PermissionDenied`, `LeakDetected`
    (see `source_protection`).
    """
    lock_row(session, question)
    QUESTION.find_move("close", question.state)  # raises `InvalidTransition` before the experts are told
    with audit.collect_events(session) as events:
        mails = [
            end_assignment(session, actor, assignment, sentence) for assignment in assignments_of(session, question)
        ]
    mail_ids = [mail.id for mail in mails if mail is not None]
    details: dict[str, str | list[int]] = {"reason": reason}
    if events:
        details["did"] = [event.id for event in events]
    if mail_ids:
        details["told"] = mail_ids
    QUESTION.apply(session, actor, question, "close", cause=cause, why=details, closed_reason=reason)


def end_assignment(session: Session, actor: Actor, assignment: Assignment, sentence: str) -> OutboxMail | None:
    """End an assignment because its question ends. Return the mail that tells its expert, if there is one."""
    if assignment.is_done:  # the expert learns that the approved answer won't run
        return expert_mails.notify_of_end(session, actor, assignment, sentence)
    if not ASSIGNMENT.has_move("cancel", assignment.state):
        return None
    return cancel(session, actor, assignment, sentence, cause="close")


def unshelve(session: Session, actor: Staff, question: Question) -> None:
    """Take a question from the shelf; it becomes answered if it has an approved answer, and open otherwise."""
    target = "answered" if approved_of(session, question.id) else "open"
    QUESTION.apply(session, actor, lock_row(session, question), "take", to=target)


def merge_question(session: Session, actor: Staff, question: Question, target: Question) -> None:
    """Merge `question` into `target`.

    Raises `PermissionDenied` and `CannotMerge`, also if `question` has a live assignment, such as a drafted one.
    """
    actions.lock_both(session, question, target)  # so that nobody can assign the merged question meanwhile
    # `actions.merge` raises the other errors.
    if not actions.find_merge_error(question, target) and has_live_assignment(session, question):
        raise actions.CannotMerge("assigned")
    actions.merge(session, actor, question, target)


def has_live_assignment(session: Session, question: Question) -> bool:
    """Return whether an expert has answered this question, is being asked, or is about to be asked."""
    query = select(Assignment.id).where(Assignment.question_id == question.id, Assignment.is_live)
    return session.scalar(query.limit(1)) is not None


def has_notified_expert(session: Session, question: Question) -> bool:
    """Return whether an expert has been asked this question and hasn't declined, and so must be told when it ends."""
    query = select(Assignment.id).where(Assignment.question_id == question.id, Assignment.was_asked)
    return session.scalar(query.limit(1)) is not None


def select_questions_of_expert(expert_id: int) -> Select[int]:
    """Select the IDs of the questions that an expert has answered, is being asked, or is about to be asked."""
    return select(Assignment.question_id).where(Assignment.expert_id == expert_id, Assignment.is_live)
