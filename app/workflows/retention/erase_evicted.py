"""Erasing for good, at night, the letters whose words were erased to make room in a flood.

From then on their receipts say so. First, the crowds of that day are reduced to their samples: a letter that stayed by
chance would have come late in the day.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...db.engine import Database
from ...db.fault_kinds import Busy
from ...db.secure_delete import empty_log
from ...letters import making_room
from ...letters.models import MADE_ROOM, Letter
from .erase_letters import forget

BATCH = 50  # letters in one transaction


def erase_evicted(database: Database, first_day: datetime | None, today: datetime) -> int:
    """Erase the letters of days before `today` that made room. Return how many.

    `first_day` is the earliest day to look at, or None for the week before `today`.
    """
    day = first_day or today - timedelta(days=making_room.SHOWN_DAYS)
    while day < today:
        for newsletter_id in making_room.list_newsletters_with_room_made(database, day):
            while making_room.erase_look_alikes(database, newsletter_id, day):
                pass
        day += timedelta(days=1)
    count = 0
    while batch_count := database.write(lambda session: _erase_batch(session, today), empties_log=False):
        count += batch_count
    if count:
        with suppress(Busy):  # another session still reads the old pages; the worker tries again regularly
            empty_log(database)
    return count


def _erase_batch(session: Session, today: datetime) -> int:
    made_room = select(Letter).where(
        Letter.is_ended, Letter.end_reason == MADE_ROOM, Letter.erased_at.is_(None), Letter.received_at < today
    )
    letters = session.scalars(made_room.limit(BATCH)).all()
    for letter in letters:
        forget(session, letter)
    return len(letters)
