"""Answers that came too late for the edition: tell their experts, and hold the texts over for another question."""

from datetime import datetime
from typing import Unpack

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition
from ..core.permissions import may
from ..db.session import lock_row
from ..mail import outbox
from ..mail.mail_values import AssignmentMail
from ..people import links
from ..questions import actions, wording
from ..questions.lifecycle import QUESTION
from ..questions.models import Question, QuestionTopic, Translation, Translator
from . import expert_mails, unsent_mails
from .assigning import assignments_of
from .editing import end_check
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, AnswerText, Assignment


def mark_unused(
    session: Session, actor: Staff, question: Question, ran_on: datetime, **posting: Unpack[outbox.Posting]
) -> None:
    """End the open assignments of a question that is being published, and tell the experts who know of it.

    Texts that were handed in are held over. `ran_on` is when the question runs. `posting` are options of `outbox.put`
    for the mails.
    """
    for assignment in assignments_of(session, question):
        if not lock_row(session, assignment).is_live or assignment.is_over:
            continue
        answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
        # These are properties of the state, which changes below.
        has_sent, is_asked = assignment.has_sent, assignment.is_asked
        ASSIGNMENT.apply(session, actor, assignment, "cancel", cause="send")
        if answer is not None and has_sent:
            ANSWER.apply(session, actor, lock_row(session, answer), "hold over", cause="send")
        elif answer is not None:
            ANSWER.apply(session, actor, lock_row(session, answer), "withdraw", cause="cancel")
        links.revoke_links(session, assignment.id)
        if is_asked and unsent_mails.stop_asking(session, actor, assignment):
            values = AssignmentMail(runs_on=ran_on, kept=answer is not None and has_sent)
            expert_mails.send_to_expert(session, actor, assignment, "expert.ran_without", values, **posting)


def reuse_answer(session: Session, actor: Staff, assignment: Assignment) -> Question:
    """Move a held-over answer to a new question with the wording and topics of the old one; return the new question.

    Raises `PermissionDenied`, `MissingField`, and `InvalidTransition` if there is no held-over answer.
    """
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
    if answer is None or not lock_row(session, answer).is_held_over:
        raise InvalidTransition("answer", "use", answer.state if answer else None)
    question = _copy_question(session, actor, session.get_one(Question, assignment.question_id))
    end_check(session, actor, answer)
    lock_row(session, assignment).question_id = question.id
    answer.question_id = question.id
    for model in (Translation, Translator):
        session.execute(update(model).where(model.answer_id == answer.id).values(question_id=question.id))
    text = session.get_one(AnswerText, answer.text_id)
    received_at = assignment.received_at or text.written_at
    ANSWER.apply(session, actor, answer, "use", to=text.kind)
    ASSIGNMENT.apply(session, actor, assignment, "revive", cause="use", received_at=received_at)
    if question.is_cleared:
        QUESTION.apply(session, actor, question, "seek", cause="invite")
    return question


def _copy_question(session: Session, actor: Staff, source: Question) -> Question:
    """Open a new question with the wording and topics of `source`.

    The new wording is cleared if that of `source` was, and if the actor may clear wordings.
    """
    text = source.text
    if text is None:
        raise InvalidTransition("question", "open again", source.state)
    question = actions.open_question(
        session,
        actor,
        [],
        headline=text.headline,
        body=text.body or "",
        background=text.background,
        language=text.language,
    )
    topics = select(QuestionTopic.topic_id).filter_by(question_id=source.id)
    actions.put_topics(session, question, list(session.scalars(topics)))
    if source.is_cleared and may(actor, "clear"):
        wording.clear(session, actor, question, question.text_id or 0)
    return question
