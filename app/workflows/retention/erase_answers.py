"""Erasure of experts' unprinted texts: unused answers, and former versions of printed ones.

They are erased `draft_days` (a setting of the newsletter) after the answer was withdrawn, or the question ended or ran.
The days count from the last change of state of answer and question. Printed texts stay, with their credits. Held-over
answers stay as well, unless their question ends.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from ...answers.models import Answer, AnswerText, Assignment, Check
from ...audit import erasures
from ...core.listing import COUNT_LIMIT
from ...db.session import now
from ...newsletters.models import Newsletter
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ...questions.wording import erase_translations

BATCH = 100  # versions in one transaction

_own = aliased(Question)  # the question of an answer
_lead = aliased(Question)  # the question that `_own` was merged into, or else `_own`
_is_unused = or_(
    Answer.is_withdrawn,
    _lead.state.in_(STATES.which("has_ended")),
    and_(_lead.state.in_(STATES.which("has_run")), ~Answer.is_held_over),
)
_is_printed = and_(AnswerText.id == func.coalesce(Answer.approved_text_id, 0), _lead.published_at.is_not(None))


def _join_answers(query: Select[Any], answer_id: Any) -> Select[Any]:
    """Join a query to the answers by its column `answer_id`, to their questions and to the leading questions."""
    query = query.join(Answer, Answer.id == answer_id).join(_own, _own.id == Answer.question_id)
    return query.join(_lead, _lead.id == func.coalesce(_own.merged_into_id, _own.id))


def select_unprinted_texts(*conditions: ColumnElement[bool]) -> Select[AnswerText]:
    """Select the unprinted versions of answers that have not been erased yet, oldest first."""
    query = _join_answers(select(AnswerText), AnswerText.answer_id)
    return query.where(~_is_printed, AnswerText.body != "", *conditions).order_by(AnswerText.id)


def _due_conditions(newsletter: Newsletter, as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the answers of a newsletter whose unprinted texts are due by `as_of`."""
    cutoff = as_of - timedelta(days=newsletter.draft_days)
    return Answer.newsletter_id == newsletter.id, _is_unused, Answer.state_at < cutoff, _lead.state_at < cutoff


def count_due_answers(session: Session, newsletter: Newsletter, horizon: timedelta) -> int:
    """Count the answers with versions to be erased within `horizon`, up to 1,001."""
    answer_ids = (
        select_unprinted_texts(*_due_conditions(newsletter, now(session) + horizon))
        .with_only_columns(AnswerText.answer_id)
        .order_by(None)
        .distinct()
    )
    return session.scalar(select(func.count()).select_from(answer_ids.limit(COUNT_LIMIT + 1).subquery())) or 0


def list_due_assignments(session: Session, newsletter: Newsletter, horizon: timedelta, limit: int) -> list[Assignment]:
    """Return up to `limit` assignments whose answers have versions to be erased within `horizon`."""
    assignment_ids = (
        select_unprinted_texts(*_due_conditions(newsletter, now(session) + horizon))
        .with_only_columns(Answer.assignment_id)
        .order_by(None)
        .distinct()
    )
    query = select(Assignment).where(Assignment.id.in_(assignment_ids)).order_by(Assignment.state_at, Assignment.id)
    return list(session.scalars(query.limit(limit)))


def erase_due(session: Session, newsletter: Newsletter) -> int:
    """Erase a batch of due versions and replies to quote checks, and return their number."""
    return erase(session, *_due_conditions(newsletter, now(session)), limit=BATCH)


def erase(session: Session, *conditions: ColumnElement[bool], limit: int | None = None) -> int:
    """Erase unprinted versions, and all replies to quote checks, of the answers that meet the conditions.

    Erase at most `limit` versions and `limit` replies. Return the number of both together.
    """
    versions = select_unprinted_texts(*conditions).with_only_columns(AnswerText.id).limit(limit)
    version_ids = session.scalars(versions).all()
    session.execute(update(AnswerText).where(AnswerText.id.in_(version_ids)).values(body="", ties="", words=0))
    erase_translations(session, "of_answer_text_id", version_ids)
    replies = _join_answers(select(Check.id), Check.answer_id).where(Check.reply_text != "", *conditions)
    reply_ids = session.scalars(replies.order_by(Check.id).limit(limit)).all()
    session.execute(update(Check).where(Check.id.in_(reply_ids)).values(reply_text=""))
    if version_ids or reply_ids:
        erasures.mark_erasure(session)
    return len(version_ids) + len(reply_ids)
