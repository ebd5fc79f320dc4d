"""The inverses of what an expert's mail brings about where more than a state goes back; `workflows.undo` says when."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..audit import Event
from ..core.actors import Staff
from ..questions.models import Note
from .lifecycle import ANSWER
from .models import Answer, AnswerText, Assignment, Check


def ask_back(session: Session, _actor: Staff, _assignment: Assignment, event: Event) -> None:
    note = session.get(Note, (event.facts or {}).get("note", 0))
    if note is not None:
        session.delete(note)
        session.flush()


def start(session: Session, _actor: Staff, answer: Answer, _event: Event) -> None:
    session.delete(answer)
    session.flush()


def submit(session: Session, actor: Staff, answer: Answer, event: Event) -> None:
    """The version goes as well: its words are the letter's, which has them."""
    text = session.get_one(AnswerText, (event.facts or {})["text"])
    older = select(AnswerText.id).where(AnswerText.answer_id == answer.id, AnswerText.id < text.id)
    before = session.scalar(older.order_by(AnswerText.id.desc()).limit(1))
    ANSWER.apply(session, actor, answer, "undo", to=event.old, cause="undo", why={"undoes": event.id}, text_id=before)
    session.delete(text)
    session.flush()


def reply(session: Session, actor: Staff, answer: Answer, event: Event) -> None:
    """The check is open again; its own time may end it."""
    ended = select(Check).filter_by(answer_id=answer.id).order_by(Check.id.desc()).limit(1)
    check = session.scalars(ended).one()
    check.outcome = check.ended_at = check.reply_text = None
    ANSWER.apply(session, actor, answer, "undo", to=event.old, cause="undo", why={"undoes": event.id})
