"""Endings of a question without an answer: closed with a reason, or taken from the shelf."""

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..db.session import lock_row
from ..mail.models import OutboxMail
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from . import change_notices
from .assigning import cancel, of_question
from .editing import approved_of
from .lifecycle import ASSIGNMENT
from .models import Assignment


def close(
    session: Session, actor: Actor, question: Question, reason: str, sentence: str = "", cause: str | None = None
) -> None:
    """Close a question: whoever was asked is told, and the readers see `reason` in kind words.

    Its event keeps what was ended for it, and the mails that tell so: both can be taken back. Raises `Leaking` (see
    `firewall`).
    """
    lock_row(session, question)
    QUESTION.move("close", question.state)
    with audit.watched(session) as events:
        mails = [end(session, actor, assignment, sentence) for assignment in of_question(session, question)]
        session.flush()
    mail_ids = [mail.id for mail in mails if mail is not None]
    kept = {"did": [event.id for event in events], "told": mail_ids}
    why = {"reason": reason, **{name: keys for name, keys in kept.items() if keys}}
    QUESTION.apply(session, actor, question, "close", cause=cause, why=why, closed_reason=reason)


def end(session: Session, actor: Actor, assignment: Assignment, sentence: str) -> OutboxMail | None:
    """End an assignment because what it was for ends; gives the mail that tells its expert, where one is due."""
    if assignment.is_done:
        return change_notices.notify_of_end(session, actor, assignment, sentence)
    if not ASSIGNMENT.leads(assignment.state, "cancel"):
        return None
    return cancel(session, actor, assignment, sentence, cause="close")


def take(session: Session, actor: Staff, question: Question) -> None:
    """Take a question from the shelf: answered if an answer is approved, open otherwise."""
    target = "answered" if approved_of(session, question.id) else "open"
    QUESTION.apply(session, actor, lock_row(session, question), "take", to=target)
