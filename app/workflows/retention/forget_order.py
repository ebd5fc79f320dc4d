"""Forgetting the order of letters without an address once their day is over.

Such a letter keeps only its day. But somebody who steals the database could infer its position within the day from the
daily counter (`letters/blurred_time.py`), the search index, the position of rows in the file, and PostgreSQL's
transaction IDs. The worker rewrites all of these in an order that reveals nothing. Before that, it deletes the signs
that depend on the moment, and what is left of the letters that were erased to make room in a flood.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ...db import postgresql, sqlite
from ...db.engine import Database
from ...db.fault_kinds import Busy
from ...db.session import execute_without_version_bump, now
from ...letters.blurred_time import truncate_to_day
from ...letters.models import Letter
from ...letters.moment_signs import forget_moment_signs
from ...search.index import merge_segments
from ...watching.models import Sighting
from ..indexing import reindex_since
from .erase_evicted import erase_evicted

BATCH = 500  # letters in one statement
# The name of the sighting that records the last run. Its `number` is the run's transaction ID on PostgreSQL, else 0.
SIGHTING_NAME = "order forgotten"

# The tables that are written when a reader submits, adds, joins, changes a credit or withdraws, and by the worker as a
# consequence of that.
TABLES = (
    "letters",
    "credits",
    "additions",
    "receipt_notes",
    "audit",
    "outbox",
    "outbox_contents",
    "erasures",
    "questions",
    "question_texts",
    "assignments",
    "edition_items",
    "desk_docs",
    "desk_fts",
    "desk_terms",
    "vectors",
)


def forget_order(database: Database, current_time: datetime | None = None) -> bool:
    """Forget the order of past days, unless that was done today. Return whether it was done now.

    Raises `Busy` if other sessions kept using the old rows. Then call it again later.
    """
    with database.read(current_time) as session:
        today = truncate_to_day(now(session))
        last_run = session.get(Sighting, SIGHTING_NAME)
        since = get_first_remembered_day(session)
    if since and since >= today:
        return False
    erase_evicted(database, since, today)
    forget_moment_signs(database, since, today)
    database.write(lambda session: _forget_day_counts(session, since, today))
    reindex_since(database, since)
    rewrite = _rewrite_file if database.is_sqlite else _rewrite_tables
    number = rewrite(database, last_run.number if last_run else None)
    database.write(lambda session: _record_run(session, number), current_time)
    return True


def get_first_remembered_day(session: Session) -> datetime | None:
    """Return midnight UTC of the first day whose order isn't forgotten yet; None if that of no day is."""
    last_run = session.get(Sighting, SIGHTING_NAME)
    return truncate_to_day(last_run.seen_at) if last_run else None


def _forget_day_counts(session: Session, since: datetime | None, today: datetime) -> None:
    """Remove the daily counter from letters of past days, by setting their time of arrival to midnight."""
    query = select(Letter.received_at, Letter.id).where(
        Letter.channel == "web", Letter.hear_back == "number", Letter.received_at < today
    )
    if since:
        query = query.where(Letter.received_at >= since)
    ids_by_day: dict[datetime, list[int]] = {}
    for received_at, letter_id in session.execute(query.order_by(Letter.received_at)):
        day = truncate_to_day(received_at)
        if received_at != day:
            ids_by_day.setdefault(day, []).append(letter_id)
    for day, ids in ids_by_day.items():
        for start in range(0, len(ids), BATCH):
            is_in_batch = Letter.id.in_(ids[start : start + BATCH])
            execute_without_version_bump(session, update(Letter).where(is_in_batch).values(received_at=day))


def _record_run(session: Session, number: int) -> None:
    session.merge(Sighting(name=SIGHTING_NAME, seen_at=now(session), number=number))


def _rewrite_file(database: Database, _last_number: int | None) -> int:
    database.write(merge_segments)
    if not sqlite.vacuum(database.writer, database.file_key):
        raise Busy("somebody looked at the old rows all the time")
    return 0


def _rewrite_tables(database: Database, last_number: int | None) -> int:
    number: int = database.write(
        lambda session: postgresql.rewrite_recent_rows(session.connection(), TABLES, last_number)
    )
    if not postgresql.cluster_tables(database.writer, TABLES):
        raise Busy("somebody looked at the old rows all the time")
    return number
