"""What one press of the desk did to a question's assignments and answers is taken back, each step of it, the newest first.

The event of the press names in `did` the events that it brought about, so that no page has to carry them along.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..audit import Event
from ..audit.queries import chosen, moved_since
from ..db import lock
from ..lifecycle import Stale
from ..mail import outbox
from ..mail.models import OutboxMail
from ..people import links
from ..questions.lifecycle import QUESTION
from ..questions.models import Note, Question
from . import pending_invitations
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, AnswerText, Assignment, Check

# What a move set besides the state, and so what its event may keep of how that stood before.
SET = {
    "assignment.cancel": (),
    "assignment.decline": ("decline_reason", "later_on"),
    "assignment.accept": ("decline_reason", "later_on"),
    "assignment.receive": ("received_at",),
    "assignment.step back": ("invited_at",),
}
FOLLOWS = ("question.rest", "question.seek")  # where a question stands by its experts, and not by itself
READ: dict[str, Callable[[str], Any]] = {
    "decline_reason": str,
    "later_on": date.fromisoformat,
    "received_at": datetime.fromisoformat,
    "invited_at": datetime.fromisoformat,
}


def did(events: Iterable[Event]) -> list[int]:
    """The keys of what can be taken back among what a press brought about."""
    return [event.id for event in events if event.action in BACK]


def is_untouched(session: Session, keys: Sequence[int], press: int) -> bool:
    """Whether nothing of it was moved on since, and the question is one about which experts are still heard."""
    events = chosen(session, keys)
    questions = Question.id.in_({event.question_id for event in events if event.question_id})
    if session.scalar(select(Question.id).where(questions, Question.is_settled).limit(1)) is not None:
        return False
    return not any(
        event.new is not None and event.action not in FOLLOWS and moved_since(session, event, [*keys, press])
        for event in events
    )


def take_back(session: Session, actor: Staff, keys: Sequence[int], press: int) -> None:
    """Let it all stand as it stood before `press` brought these events about. Raises `Stale` where anything was moved on."""
    if not is_untouched(session, keys, press):
        raise Stale(f"event {press}")
    for event in chosen(session, keys):
        BACK[event.action](session, actor, event)


def _assignment(session: Session, actor: Staff, event: Event) -> None:
    assignment = lock(session, session.get_one(Assignment, event.noun_id))
    was = (event.facts or {}).get("was", {})
    facts = {name: READ[name](was[name]) if name in was else None for name in SET[event.action]}
    why = {"undoes": event.id}
    ASSIGNMENT.apply(session, actor, assignment, "undo", to=event.old, cause="undo", why=why, **facts)


def _decline(session: Session, actor: Staff, event: Event) -> None:
    """The ladder may have gone on to the next one meanwhile."""
    _assignment(session, actor, event)
    pending_invitations.step_back(session, actor, session.get_one(Assignment, event.noun_id), "undo")


def _with_links(session: Session, actor: Staff, event: Event) -> None:
    _assignment(session, actor, event)
    links.restore_links(session, event.noun_id, event.at)


def _note(session: Session, _actor: Staff, event: Event) -> None:
    note = session.get(Note, (event.facts or {}).get("note", 0))
    if note is not None:
        session.delete(note)
        session.flush()


def _answer(session: Session, actor: Staff, event: Event, **facts: Any) -> None:
    answer = lock(session, session.get_one(Answer, event.noun_id))
    why = {"undoes": event.id}
    ANSWER.apply(session, actor, answer, "undo", to=event.old, cause="undo", why=why, **facts)


def _start(session: Session, _actor: Staff, event: Event) -> None:
    session.delete(session.get_one(Answer, event.noun_id))
    session.flush()


def _submit(session: Session, actor: Staff, event: Event) -> None:
    """The version goes as well: its words are the letter's, which has them."""
    text = session.get_one(AnswerText, (event.facts or {})["text"])
    older = select(AnswerText.id).where(AnswerText.answer_id == event.noun_id, AnswerText.id < text.id)
    _answer(session, actor, event, text_id=session.scalar(older.order_by(AnswerText.id.desc()).limit(1)))
    session.delete(text)
    session.flush()


def _reply(session: Session, actor: Staff, event: Event) -> None:
    """The check is open again; its own time may end it."""
    ended = select(Check).filter_by(answer_id=event.noun_id).order_by(Check.id.desc()).limit(1)
    check = session.scalars(ended).one()
    check.outcome = check.ended_at = check.reply_text = None
    _answer(session, actor, event)


def _question(session: Session, actor: Staff, event: Event) -> None:
    """Where the ladder has asked the next one meanwhile, the question stands with an expert already."""
    question = lock(session, session.get_one(Question, event.noun_id))
    if question.state not in (event.old, event.new):
        raise Stale(question.public_id)
    if question.state != event.old:
        QUESTION.apply(session, actor, question, "undo", to=event.old, why={"undoes": event.id})


def _mail(session: Session, actor: Staff, event: Event) -> None:
    mail = session.get_one(OutboxMail, event.noun_id)
    outbox.put_back(session, actor, mail, str(event.old), (event.facts or {}).get("once"))


BACK: dict[str, Callable[[Session, Staff, Event], None]] = {
    "assignment.cancel": _with_links,
    "assignment.decline": _decline,
    "assignment.accept": _assignment,
    "assignment.receive": _assignment,
    "assignment.step back": _with_links,
    "assignment.ask_back": _note,
    "answer.start": _start,
    "answer.submit": _submit,
    "answer.reply": _reply,
    "answer.withdraw": _answer,
    "question.rest": _question,
    "question.seek": _question,
    "mail.recall": _mail,
}
