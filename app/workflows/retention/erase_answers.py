"""Erasure of experts' unprinted texts: unused answers, and former versions of printed ones.

They are erased `draft_days` after the question has ended or run. Printed texts stay, with their credits.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from ...answers.models import Answer, AnswerText, Assignment, Check
from ...audit import erasures
from ...core.listing import MANY
from ...db.session import now
from ...newsletters.models import Newsletter
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ...questions.wording import erase_translations

BATCH = 100  # versions in one transaction

_own, _lead = aliased(Question), aliased(Question)
_over = or_(
    Answer.is_withdrawn,
    _lead.state.in_(STATES.which("has_ended")),
    and_(_lead.state.in_(STATES.which("has_run")), ~Answer.is_held_over),
)
PRINTED = and_(AnswerText.id == func.coalesce(Answer.approved_text_id, 0), _lead.published_at.is_not(None))


def _of_answers(query: Select[Any], answer_id: Any) -> Select[Any]:
    """Join a query to the answers with the keys `answer_id`, their questions, and the leading questions."""
    query = query.join(Answer, Answer.id == answer_id).join(_own, _own.id == Answer.question_id)
    return query.join(_lead, _lead.id == func.coalesce(_own.merged_into_id, _own.id))


def texts(*which: ColumnElement[bool]) -> Select[AnswerText]:
    """Select the unprinted versions of answers that have not been erased yet, oldest first."""
    there = _of_answers(select(AnswerText), AnswerText.answer_id).where(~PRINTED, AnswerText.body != "", *which)
    return there.order_by(AnswerText.id)


def _select_due_texts(newsletter: Newsletter, as_of: datetime) -> Select[AnswerText]:
    before = as_of - timedelta(days=newsletter.draft_days)
    return texts(Answer.newsletter_id == newsletter.id, _over, Answer.state_at < before, _lead.state_at < before)


def count_due_answers(session: Session, newsletter: Newsletter, horizon: timedelta) -> int:
    """Count the answers with versions to be erased within `horizon`, up to 1,001."""
    keys = (
        _select_due_texts(newsletter, now(session) + horizon)
        .with_only_columns(AnswerText.answer_id)
        .order_by(None)
        .distinct()
    )
    return session.scalar(select(func.count()).select_from(keys.limit(MANY + 1).subquery())) or 0


def list_due_assignments(session: Session, newsletter: Newsletter, horizon: timedelta, limit: int) -> list[Assignment]:
    """Return up to `limit` assignments whose answers have versions to be erased within `horizon`."""
    keys = (
        _select_due_texts(newsletter, now(session) + horizon)
        .with_only_columns(Answer.assignment_id)
        .order_by(None)
        .distinct()
    )
    query = select(Assignment).where(Assignment.id.in_(keys)).order_by(Assignment.state_at, Assignment.id)
    return list(session.scalars(query.limit(limit)))


def sweep(session: Session, newsletter: Newsletter) -> int:
    """Erase a batch of due versions and replies to quote checks, and return their number."""
    before = now(session) - timedelta(days=newsletter.draft_days)
    late = (Answer.newsletter_id == newsletter.id, _over, Answer.state_at < before, _lead.state_at < before)
    return erase(session, *late, limit=BATCH)


def erase(session: Session, *which: ColumnElement[bool], limit: int | None = None) -> int:
    """Erase unprinted versions, and all replies to quote checks, of the answers that meet the conditions.

    Returns the number of versions and replies.
    """
    found = session.scalars(texts(*which).with_only_columns(AnswerText.id).limit(limit)).all()
    session.execute(update(AnswerText).where(AnswerText.id.in_(found)).values(body="", ties="", words=0))
    erase_translations(session, "of_answer_text_id", found)
    replies = _of_answers(select(Check.id), Check.answer_id).where(Check.reply_text != "", *which)
    said = session.scalars(replies.order_by(Check.id).limit(limit)).all()
    session.execute(update(Check).where(Check.id.in_(said)).values(reply_text=""))
    if found or said:
        erasures.mark_erasure(session)
    return len(found) + len(said)
