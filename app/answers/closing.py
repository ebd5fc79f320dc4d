"""Close a question, merge it or take it from the shelf, with regard to the experts who were asked."""

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
from .assigning import cancel, of_question
from .editing import approved_of
from .lifecycle import ASSIGNMENT
from .models import Assignment


def close(
    session: Session, actor: Actor, question: Question, reason: str, sentence: str = "", cause: str | None = None
) -> None:
    """Close a question: whoever was asked is told, and the readers see `reason` in kind words.

    Its event keeps what was ended for it, and the mails that tell so: both can be taken back. Raises `LeakDetected`
    (see `source_protection`).
    """
    lock_row(session, question)
    QUESTION.move("close", question.state)
    with audit.watched(session) as events:
        mails = [end_assignment(session, actor, assignment, sentence) for assignment in of_question(session, question)]
        session.flush()
    mail_ids = [mail.id for mail in mails if mail is not None]
    kept = {"did": [event.id for event in events], "told": mail_ids}
    why = {"reason": reason, **{name: keys for name, keys in kept.items() if keys}}
    QUESTION.apply(session, actor, question, "close", cause=cause, why=why, closed_reason=reason)


def end_assignment(session: Session, actor: Actor, assignment: Assignment, sentence: str) -> OutboxMail | None:
    """End an assignment because what it was for ends; gives the mail that tells its expert, where one is due."""
    if assignment.is_done:
        return expert_mails.notify_of_end(session, actor, assignment, sentence)
    if not ASSIGNMENT.leads(assignment.state, "cancel"):
        return None
    return cancel(session, actor, assignment, sentence, cause="close")


def unshelve(session: Session, actor: Staff, question: Question) -> None:
    """Take a question from the shelf: answered if an answer is approved, open otherwise."""
    target = "answered" if approved_of(session, question.id) else "open"
    QUESTION.apply(session, actor, lock_row(session, question), "take", to=target)


def merge_question(session: Session, actor: Staff, question: Question, target: Question) -> None:
    """Merge one question into another. Raises `CannotMerge`, also where an expert was only prepared to be asked."""
    actions.lock_both(session, question, target)  # before anybody can be prepared to be asked what is merged away
    if not actions.fault_of_merge(question, target) and has_live_assignment(session, question):
        raise actions.CannotMerge("assigned")
    actions.merge(session, actor, question, target)


def has_live_assignment(session: Session, question: Question) -> bool:
    """Return whether somebody is being asked this, or has answered."""
    live = select(Assignment.id).where(Assignment.question_id == question.id, Assignment.is_live)
    return session.scalar(live.limit(1)) is not None


def has_notified_expert(session: Session, question: Question) -> bool:
    """Return whether an expert has heard of this from us, and is owed a word when it ends."""
    heard = select(Assignment.id).where(Assignment.question_id == question.id, Assignment.was_asked)
    return session.scalar(heard.limit(1)) is not None


def select_questions_of_expert(expert_id: int) -> Select[int]:
    """The keys of the questions that an expert is being asked, or has answered."""
    return select(Assignment.question_id).where(Assignment.expert_id == expert_id, Assignment.is_live)
