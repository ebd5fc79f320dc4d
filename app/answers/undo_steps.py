"""Undo steps of assignments and answers that restore more than the state; `workflows.undo` calls them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..audit import Event
from ..core.actors import Staff
from ..db.session import lock_row, now
from ..people import links
from ..questions.models import Note
from .assigning import reopen_if_unassigned
from .editing import open_check
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, AnswerText, Assignment, Check


def undo_ask_back(session: Session, _actor: Staff, _assignment: Assignment, event: Event) -> None:
    """Delete the note in which the expert's question to the desk was stored."""
    note = session.get(Note, (event.facts or {}).get("note", 0))  # no note has the ID 0
    if note is not None:
        session.delete(note)
        session.flush()


def undo_start(session: Session, _actor: Staff, answer: Answer, _event: Event) -> None:
    session.delete(answer)
    session.flush()


def undo_submit(session: Session, actor: Staff, answer: Answer, event: Event) -> None:
    """Restore the previous text and delete the submitted version, whose text stays in the letter that it came by."""
    text = session.get_one(AnswerText, (event.facts or {})["text"])
    older_ids = select(AnswerText.id).where(AnswerText.answer_id == answer.id, AnswerText.id < text.id)
    previous_id = session.scalar(older_ids.order_by(AnswerText.id.desc()).limit(1))
    details = {"undoes": event.id}
    ANSWER.apply(session, actor, answer, "undo", to=event.old, cause="undo", why=details, text_id=previous_id)
    session.delete(text)
    session.flush()


def undo_reply(session: Session, actor: Staff, answer: Answer, event: Event) -> None:
    """Reopen the quote check with its old deadline."""
    newest = select(Check).filter_by(answer_id=answer.id).order_by(Check.id.desc()).limit(1)
    check = session.scalars(newest).one()
    check.outcome = check.ended_at = check.reply_text = None
    ANSWER.apply(session, actor, answer, "undo", to=event.old, cause="undo", why={"undoes": event.id})


def undo_invite(session: Session, actor: Staff, assignment: Assignment) -> None:
    """Set an assignment back to drafted, after its invitation was discarded in the outbox."""
    if not assignment.is_invited:
        return
    links.revoke_links(session, assignment.id)
    off_the_ladder = {"after_id": None, "step_at": None}  # the ladder must not resend what a person stopped
    ASSIGNMENT.apply(session, actor, assignment, "uninvite", cause="discard", invited_at=None, **off_the_ladder)
    reopen_if_unassigned(session, actor, assignment.question_id)


def undo_check(session: Session, actor: Staff, assignment: Assignment) -> None:
    """Recall a quote check, after its mail was discarded in the outbox."""
    answer = session.scalars(select(Answer).filter_by(assignment_id=assignment.id)).one()
    check = open_check(session, lock_row(session, answer))
    if check is not None:
        check.outcome = "recalled"
        check.ended_at = now(session)
        ANSWER.apply(session, actor, answer, "recall", cause="discard")
