"""Publishing how many readers ask a question, soon after midnight in its newsletter's time zone.

Nothing that a reader does changes what others see before that: not the page, its headers or the cache.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump, now
from ..letters.blurred_time import truncate_to_day
from ..letters.models import Letter
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..questions.asker_levels import get_level
from ..questions.models import Question
from ..watching.models import Sighting

SIGHTING_PREFIX = "askers counted: "  # followed by the key of a newsletter


def publish_asker_levels(database: Database, current_time: datetime | None = None) -> int:
    """Publish the levels of each newsletter in which a day has begun. Return the number of questions that changed."""
    with database.read(current_time) as session:
        due_ids = [newsletter.id for newsletter in all_newsletters(session) if _needs_count(session, newsletter)]
    return sum(database.write(partial(_publish, newsletter_id=key), current_time) for key in due_ids)


def _get_last_midnight(session: Session, newsletter: Newsletter) -> datetime:
    local_time = now(session).astimezone(ZoneInfo(newsletter.zone))
    return local_time.replace(hour=0, minute=0, second=0, microsecond=0)


def _needs_count(session: Session, newsletter: Newsletter) -> bool:
    last_run = session.get(Sighting, f"{SIGHTING_PREFIX}{newsletter.id}")
    return last_run is None or last_run.seen_at < _get_last_midnight(session, newsletter)


def _publish(session: Session, newsletter_id: int) -> int:
    newsletter = session.get_one(Newsletter, newsletter_id)
    # Letters store days of UTC (see `truncate_to_day`). Only those that were over at the newsletter's midnight count: a
    # count of half a day would reveal in which half a letter arrived.
    counts = _count_askers(session, newsletter_id, truncate_to_day(_get_last_midnight(session, newsletter)))
    old_levels = select(Question.id, Question.asker_level).where(
        Question.newsletter_id == newsletter_id, Question.is_going
    )
    changed_count = 0
    for question_id, old_level in session.execute(old_levels).all():
        level = get_level(counts.get(question_id, 0))
        if level != old_level:
            change = update(Question).where(Question.id == question_id).values(asker_level=level)
            execute_without_version_bump(session, change)
            changed_count += 1
    session.merge(Sighting(name=f"{SIGHTING_PREFIX}{newsletter_id}", seen_at=now(session), number=0))
    return changed_count


def _count_askers(session: Session, newsletter_id: int, day: datetime) -> Mapping[int, int]:
    """Return the number of letters behind each question at the beginning of a day, by question id.

    Late runs see what readers have withdrawn since. It counts until the next run, as if this one had been on time.
    """
    lead_id = func.coalesce(Question.merged_into_id, Question.id)
    query = (
        select(lead_id, func.count())
        .select_from(Question)
        .join(Letter, Letter.question_id == Question.id)
        .where(
            Question.newsletter_id == newsletter_id,
            or_(Question.is_going, Question.merged_into_id.is_not(None)),
            Letter.received_at < day,
            or_(Letter.is_filed, and_(Letter.is_withdrawn, Letter.state_at >= day)),
        )
    )
    return {question_id: count for question_id, count in session.execute(query.group_by(lead_id))}  # noqa: C416
