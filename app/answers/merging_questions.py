"""Questions become one, as long as no expert is being asked what would be merged away."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..questions import moves
from ..questions.models import Question
from .models import Assignment


def merge(session: Session, actor: Staff, question: Question, target: Question) -> None:
    """Merge one question into another. Raises `CannotMerge`, also where an expert was only prepared to be asked."""
    moves.lock_both(session, question, target)  # before anybody can be prepared to be asked what is merged away
    if not moves.fault_of_merge(question, target) and has_expert(session, question):
        raise moves.CannotMerge("assigned")
    moves.merge(session, actor, question, target)


def has_expert(session: Session, question: Question) -> bool:
    """Return whether somebody is being asked this, or has answered."""
    live = select(Assignment.id).where(Assignment.question_id == question.id, Assignment.is_live)
    return session.scalar(live.limit(1)) is not None


def has_notified_expert(session: Session, question: Question) -> bool:
    """Return whether an expert has heard of this from us, and is owed a word when it ends."""
    heard = select(Assignment.id).where(Assignment.question_id == question.id, Assignment.was_asked)
    return session.scalar(heard.limit(1)) is not None


def with_expert(expert_id: int) -> Select[int]:
    """The keys of the questions that an expert is being asked, or has answered."""
    return select(Assignment.question_id).where(Assignment.expert_id == expert_id, Assignment.is_live)
