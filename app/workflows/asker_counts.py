"""Publishing how many readers ask a question, soon after midnight in its newsletter's time zone.

Nothing that a reader does changes what others see before that: not the page, its headers or the cache.
"""

from collections import Counter
from collections.abc import Sequence
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
from ..questions.queries import letters_behind_each
from ..watching.models import Sighting

SIGHTING_PREFIX = "askers counted: "  # followed by the key of a newsletter
BATCH = 500  # questions in one query


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
    day = truncate_to_day(_get_last_midnight(session, newsletter))
    going = select(Question.id, Question.asker_level).where(Question.newsletter_id == newsletter_id, Question.is_going)
    old_levels = dict(iter(session.execute(going)))
    counts = _count_askers(session, [*old_levels], day)
    changed_count = 0
    for question_id, old_level in old_levels.items():
        level = get_level(counts.get(question_id, 0))
        if level != old_level:
            change = update(Question).where(Question.id == question_id).values(asker_level=level)
            execute_without_version_bump(session, change)
            changed_count += 1
    session.merge(Sighting(name=f"{SIGHTING_PREFIX}{newsletter_id}", seen_at=now(session), number=0))
    return changed_count


def _count_askers(session: Session, question_ids: Sequence[int], day: datetime) -> Counter[int]:
    """Return the number of letters behind each question at the beginning of a day, by question id.

    A late run sees what readers have withdrawn since. It counts until the next run, as if this one had been on time.
    """
    was_asked = or_(Letter.is_filed, and_(Letter.is_withdrawn, Letter.state_at >= day))
    counts = Counter[int]()
    for start in range(0, len(question_ids), BATCH):
        letters = letters_behind_each(question_ids[start : start + BATCH], func.count(), condition=was_asked)
        lead_id = letters.selected_columns[0]
        for question_id, count in session.execute(letters.where(Letter.received_at < day).group_by(lead_id)):
            counts[question_id] += count
    return counts
