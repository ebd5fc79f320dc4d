"""Mails to an expert about an answer after it left their hands: that the desk changed it, or that it will not run."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..mail.mail_values import AssignmentMail, EditedTextMail
from ..mail.models import OutboxMail
from ..text.clean import clean
from . import expert_mails, pending_invitations
from .diff import changes
from .models import Answer, AnswerText, Assignment, Check


def notify_of_edits(session: Session, actor: Actor, answer: Answer) -> None:
    """List what was changed in an approved text since its expert last saw it: after the quote check, or without one."""
    seen, text = _get_last_seen_text(session, answer), session.get_one(AnswerText, answer.approved_text_id)
    if seen is None or not (edited := edited_text(seen, text)).edits:
        return
    assignment = session.get_one(Assignment, answer.assignment_id)
    expert_mails.send_to_expert(session, actor, assignment, "expert.shortened", edited, once_key=f"shortened:{text.id}")


def edited_text(previous_text: AnswerText, text: AnswerText, **more: Any) -> EditedTextMail:
    """Return what a mail says of a text that was edited since `previous_text`, with `more` of the mail's values."""
    return EditedTextMail(
        edits=[(change.before, change.after) for change in changes(previous_text.body, text.body)],
        full_text=text.body,
        words_before=previous_text.words,
        words_after=text.words,
        **more,
    )


def notify_of_end(session: Session, actor: Actor, assignment: Assignment, sentence: str) -> OutboxMail | None:
    """The desk wants the answer no longer, or will not use the one it has; `sentence` says why. Gives the mail that
    says so.

    What would still ask them for it is stopped; whoever never heard of the question is told of no end. Raises
    `Leaking`.
    """
    heard = pending_invitations.stop_asking(session, actor, assignment)
    why = AssignmentMail(typed=clean(sentence))
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
    if answer is None or answer.text_id is None:
        if not heard:
            return None
        return expert_mails.send_to_expert(session, actor, assignment, "expert.cancelled", why)
    return expert_mails.send_to_expert(session, actor, assignment, "expert.not_used", why)


def _get_last_seen_text(session: Session, answer: Answer) -> AnswerText | None:
    """The newest version that the expert wrote, or was sent for the quote check."""
    checked = select(Check.text_id).where(Check.answer_id == answer.id)
    versions = select(AnswerText).where(
        AnswerText.answer_id == answer.id, (AnswerText.kind == "submitted") | AnswerText.id.in_(checked)
    )
    return session.scalar(versions.order_by(AnswerText.id.desc()).limit(1))
