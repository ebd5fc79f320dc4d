"""Objections: what an expert says is wrong with a text that no quote check is open for, until the desk has settled it.

An objection is stored as a quote check with the outcome "wrong". On an approved answer it is open until the desk has
approved another text, published a correction, or answered it.
"""

from sqlalchemy import and_, literal_column, select, update
from sqlalchemy.orm import Session

from ..core.actors import ExpertActor, Staff
from ..core.domain_errors import InvalidTransition, VersionConflict
from ..core.state_machine import require_text
from ..db.session import add_and_flush, lock_row, now
from ..mail.mail_values import AssignmentMail
from ..questions import notes
from ..questions.models import Question
from ..text.clean import clean
from . import expert_mails
from .assigning import MAX_MESSAGE_LENGTH
from .lifecycle import ANSWER
from .models import Answer, AnswerText, Assignment, Check

# With a literal, as in IS_OPEN_OBJECTION, so that the index of open objections is used.
IS_OPEN = and_(Check.outcome == literal_column("'wrong'"), Check.settled_at.is_(None))


def object_to(session: Session, actor: ExpertActor, answer: Answer, body: str, number: int | None = None) -> None:
    """Tell the desk, as the expert, what is wrong with an edited or approved text, also after it has run.

    `number` is the version of the text that the expert saw. The same objection twice is one. Raises `MissingField` if
    `body` is empty, `VersionConflict` if the text has changed, and `InvalidTransition`.
    """
    lock_row(session, answer)
    body = require_text("text", clean(body)[:MAX_MESSAGE_LENGTH])
    ANSWER.find_move("object", answer.state)  # raises `InvalidTransition` before a version is compared
    if number is not None and session.get_one(AnswerText, answer.text_id).number != number:
        raise VersionConflict(f"answer {answer.id} has another text than version {number}")
    same = select(Check.id).where(Check.answer_id == answer.id, Check.text_id == answer.text_id, IS_OPEN)
    if session.scalar(same.where(Check.reply_text == body).limit(1)):
        return
    ANSWER.apply(session, actor, answer, "object", to=str(answer.state), why={"text": answer.text_id})
    at = now(session)
    check = Check(answer_id=answer.id, text_id=answer.text_id, policy="facts", asked_at=at, due_at=at)
    check.outcome, check.ended_at, check.reply_text = "wrong", at, body
    add_and_flush(session, check)
    expert_mails.notify_desk(session, session.get_one(Assignment, answer.assignment_id), "objection", body)


def settle_objections(session: Session, *answer_ids: int) -> None:
    """Mark the open objections to these answers as settled."""
    session.execute(update(Check).where(Check.answer_id.in_(answer_ids), IS_OPEN).values(settled_at=now(session)))


def settle_objections_to_question(session: Session, question: Question) -> None:
    """Mark the open objections to all answers of a question as settled."""
    settle_objections(session, *session.scalars(select(Answer.id).where(Answer.question_id == question.id)))


def let_stand(session: Session, actor: Staff, answer: Answer, note: str) -> None:
    """Leave an approved text as it is in spite of an objection, and tell the expert why, in a letter with `note`.

    Raises `MissingField` if `note` is empty, `InvalidTransition` without an open objection, `PermissionDenied`, and
    `LeakDetected` (see `source_protection`).
    """
    note = require_text("note", clean(note))
    lock_row(session, answer)
    if session.scalar(select(Check.id).where(Check.answer_id == answer.id, IS_OPEN).limit(1)) is None:
        raise InvalidTransition("answer", "let stand", answer.state)
    ANSWER.apply(session, actor, answer, "let stand", why={"text": answer.text_id})
    settle_objections(session, answer.id)
    assignment = session.get_one(Assignment, answer.assignment_id)
    expert_mails.send_to_expert(session, actor, assignment, "expert.letter", AssignmentMail(typed=note))
    notes.note(session, actor, session.get_one(Question, answer.question_id), note)
