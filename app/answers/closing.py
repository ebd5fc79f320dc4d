"""How a question ends or rests without an answer: closed with a reason, or taken from the shelf again."""

from sqlalchemy.orm import Session

from ..actors import Actor, Staff
from ..db import lock
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from . import telling
from .assigning import cancel, of_question
from .editing import approved_of


def close(
    session: Session, actor: Actor, question: Question, reason: str, sentence: str = "", cause: str | None = None
) -> None:
    """Close a question: whoever was asked is told, and the readers see `reason` in kind words."""
    lock(session, question)
    QUESTION.move("close", question.state)
    for assignment in of_question(session, question):
        if assignment.state == "done":
            telling.ended(session, actor, assignment, sentence)
        elif assignment.state not in ("declined", "cancelled"):
            cancel(session, actor, assignment, sentence, cause="close")
    QUESTION.apply(session, actor, question, "close", cause=cause, why={"reason": reason}, closed_reason=reason)


def reopen(session: Session, actor: Staff, question: Question) -> None:
    QUESTION.apply(session, actor, lock(session, question), "reopen", closed_reason=None)


def take(session: Session, actor: Staff, question: Question) -> None:
    """Take a question from the shelf: answered if an answer is approved, open otherwise."""
    target = "answered" if approved_of(session, question.id) else "open"
    QUESTION.apply(session, actor, lock(session, question), "take", to=target)
