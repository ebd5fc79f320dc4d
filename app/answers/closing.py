"""How a question ends or rests without an answer: closed with a reason and opened again, or taken from the shelf."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..actors import Actor, Staff
from ..audit import Event
from ..audit.queries import chosen, newest_of
from ..db import lock
from ..mail.models import OutboxMail
from ..people import links
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from . import change_notices, pending_invitations, taking_back
from .assigning import cancel, of_question
from .editing import approved_of, end_check
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, AnswerText, Assignment


def close(
    session: Session,
    actor: Actor,
    question: Question,
    reason: str,
    sentence: str = "",
    cause: str | None = None,
    looked: str = "",
) -> None:
    """Close a question: whoever was asked is told, and the readers see `reason` in kind words.

    Its event keeps what was ended for it, and the mails that tell so: both can be taken back. Raises `Leaking` (see
    `firewall`).
    """
    lock(session, question)
    QUESTION.move("close", question.state)
    with audit.watched(session) as events:
        mails = [_end(session, actor, assignment, sentence, looked) for assignment in of_question(session, question)]
        session.flush()
    told = [mail.id for mail in mails if mail is not None]
    kept = {"did": taking_back.did(events), "told": told}
    why = {"reason": reason, **{name: keys for name, keys in kept.items() if keys}}
    QUESTION.apply(session, actor, question, "close", cause=cause, why=why, closed_reason=reason)


def _end(session: Session, actor: Actor, assignment: Assignment, sentence: str, looked: str) -> OutboxMail | None:
    if assignment.is_done:
        return change_notices.ended(session, actor, assignment, sentence, looked)
    if not assignment.is_live:
        return None
    return cancel(session, actor, assignment, sentence, cause="close", looked=looked)


def undo(session: Session, actor: Staff, event: Event) -> None:
    """What a closing ended goes on as if it had not happened. Raises `Told` where an expert has heard of it, `OnItsWay`, and
    `Stale` where anything of it was moved on since."""
    facts = event.facts or {}
    pending_invitations.untell_all(session, actor, facts.get("told", ()))
    taking_back.take_back(session, actor, facts.get("did", ()), event.id)


def reopen(session: Session, actor: Staff, question: Question) -> None:
    """Open a closed question again. A text that is here can be used again, and whoever has not heard of the end goes on;
    the others can be asked once more. Raises `OnItsWay`."""
    QUESTION.apply(session, actor, lock(session, question), "reopen", closed_reason=None)
    closed = newest_of(session, "question", question.id, "question.close")
    if closed is not None and question.text is not None and question.text.erased_at is None:
        facts = closed.facts or {}
        heard = {mail.assignment_id for mail in pending_invitations.untell(session, actor, facts.get("told", ()))}
        for event in chosen(session, facts.get("did", ())):
            if event.action == "assignment.cancel":
                _go_on(session, actor, event, closed, event.noun_id in heard)
    if approved_of(session, question.id):
        QUESTION.apply(session, actor, question, "answer", cause="approve")
    elif (
        closed is not None and closed.old == "seeking" and any(_is_asked(one) for one in of_question(session, question))
    ):
        QUESTION.apply(session, actor, question, "seek", cause="invite")


def _is_asked(assignment: Assignment) -> bool:
    return assignment.is_asked


def _go_on(session: Session, actor: Staff, ended: Event, closed: Event, heard: bool) -> None:
    """An assignment that was ended with its question, as far as it can go on."""
    assignment = lock(session, session.get_one(Assignment, ended.noun_id))
    if ended.old == "received":
        answer = lock(session, session.scalars(select(Answer).filter_by(assignment_id=assignment.id)).one())
        end_check(session, actor, answer)
        ASSIGNMENT.apply(session, actor, assignment, "revive", cause="reopen")
        kind = session.get_one(AnswerText, answer.text_id).kind
        ANSWER.apply(session, actor, answer, "revive", to=kind, cause="reopen")
        links.restore_links(session, assignment.id, ended.at)
    elif not heard:
        followed = chosen(session, (closed.facts or {})["did"])
        taking_back.take_back(
            session, actor, [each.id for each in followed if _is_of(session, each, assignment)], closed.id
        )


def _is_of(session: Session, event: Event, assignment: Assignment) -> bool:
    """Whether an event is about an assignment, its answer or a mail of it."""
    if event.noun == "answer":
        return session.get_one(Answer, event.noun_id).assignment_id == assignment.id
    if event.noun == "outboxmail":
        return session.get_one(OutboxMail, event.noun_id).assignment_id == assignment.id
    return (event.noun, event.noun_id) == ("assignment", assignment.id)


def take(session: Session, actor: Staff, question: Question) -> None:
    """Take a question from the shelf: answered if an answer is approved, open otherwise."""
    target = "answered" if approved_of(session, question.id) else "open"
    QUESTION.apply(session, actor, lock(session, question), "take", to=target)
