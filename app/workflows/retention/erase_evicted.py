"""Erasing for good, at night, the letters whose words were erased to make room in a flood.

From then on their receipts say so. First, the crowds of that day are reduced to their samples: a letter that stayed by
chance would have come late in the day.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ...db.engine import Database
from ...db.fault_kinds import Busy
from ...db.secure_delete import empty_log
from ...db.session import get_many
from ...letters.models import MADE_ROOM, Letter
from ...newsletters.queries import all_newsletters
from ..letters import making_room
from .erase_letters import forget

BATCH = 20  # letters in one transaction


def erase_evicted(database: Database, first_day: datetime | None, today: datetime) -> int:
    """Erase the letters of days before `today` that made room. Return how many.

    `first_day` is the earliest day to look at, or None for the week before `today`.
    """
    first_day = first_day or today - timedelta(days=making_room.SHOWN_DAYS)
    for days in range((today - first_day).days):
        day = first_day + timedelta(days=days)
        for newsletter_id in making_room.list_newsletters_with_room_made(database, day):
            while making_room.erase_look_alikes(database, newsletter_id, day):
                pass
    with database.read() as session:
        letter_ids = [
            letter_id
            for newsletter in all_newsletters(session)
            for letter_id in session.scalars(_select_evicted(newsletter.id, first_day, today))
        ]
    for start in range(0, len(letter_ids), BATCH):
        batch = letter_ids[start : start + BATCH]
        database.write(partial(_erase_batch, letter_ids=batch), empties_log=False)
    if letter_ids:
        with suppress(Busy):  # another session still reads the old pages; the worker tries again regularly
            empty_log(database)
    return len(letter_ids)


def _select_evicted(newsletter_id: int, first_day: datetime, today: datetime) -> Select[int]:
    return select(Letter.id).where(
        Letter.newsletter_id == newsletter_id,
        Letter.is_ended,
        Letter.received_at >= first_day,
        Letter.received_at < today,
        Letter.end_reason == MADE_ROOM,
        Letter.erased_at.is_(None),
    )


def _erase_batch(session: Session, letter_ids: Sequence[int]) -> None:
    """Erase letters, except those that their readers have withdrawn since."""
    for letter in get_many(session, Letter, letter_ids).values():
        forget(session, letter)
