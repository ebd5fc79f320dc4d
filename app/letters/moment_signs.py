"""Deleting what letters say about the moment of their arrival, once the day is over.

Some signs of spam depend on what else arrived at the time. Whoever floods a newsletter for a minute could mark the
honest letters of that minute with them, and find the marks in a stolen database. So the worker judges each day's
letters again, by what doesn't depend on the moment: their texts, and how many of the day's letters they resemble.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump
from .blurred_time import truncate_to_day
from .crowds import MIN_FLOOD_RANK
from .flood_ranking import rank_letters
from .models import Letter
from .spam_filter import HELD_BY_DESK, HELD_THAT_DAY, MIN_HELD_WEIGHT, MOMENT_SIGNS, SIGNS_BY_CODE

BATCH = 500  # letters in one statement
# Letters of a newsletter and a day that are released because they are held only for their moment and resemble few
# others. If there are more, they stay held: the desk couldn't read them, and would lose the honest ones among all.
MAX_RELEASED = 200


class Marks(NamedTuple):
    """The columns of a letter that say something about its arrival."""

    state: str
    held_reason: str | None
    signs: tuple[str, ...]
    standing: int
    crowd: int
    alike: bool | None


def forget_moment_signs(database: Database, first_day: datetime | None, today: datetime) -> int:
    """Judge the letters again that arrived from `first_day`, or ever, until before `today`. Return how many changed."""
    day = first_day or _find_first_day(database)
    changed_count = 0
    while day and day < today:
        # Comparing a day's letters takes long, and must not block writers.
        with database.read() as session:
            marks_by_id = _find_changed_marks(session, day)
        ids_by_change: dict[tuple[str, Marks], list[int]] = defaultdict(list)
        for letter_id, change in marks_by_id.items():
            ids_by_change[change].append(letter_id)
        for (old_state, marks), letter_ids in ids_by_change.items():
            for start in range(0, len(letter_ids), BATCH):
                _save_marks(database, old_state, marks, letter_ids[start : start + BATCH])
        changed_count += len(marks_by_id)
        day += timedelta(days=1)
    return changed_count


def _find_first_day(database: Database) -> datetime | None:
    with database.read() as session:
        first = session.scalar(select(func.min(Letter.received_at)))
    return truncate_to_day(first) if first else None


def _find_changed_marks(session: Session, day: datetime) -> dict[int, tuple[str, Marks]]:
    """Return the present state and the new marks of the letters of a day that change, by id."""
    of_day = Letter.received_at >= day, Letter.received_at < day + timedelta(days=1)
    letters_by_newsletter: dict[int, list[Letter]] = defaultdict(list)
    for letter in session.scalars(select(Letter).where(*of_day).order_by(Letter.id)):
        letters_by_newsletter[letter.newsletter_id].append(letter)
    changes: dict[int, tuple[str, Marks]] = {}
    for letters in letters_by_newsletter.values():
        released_ids = _find_released(letters)
        for letter in letters:
            new_marks = _judge_again(letter, is_released=letter.id in released_ids)
            old_marks = Marks(*(getattr(letter, name) for name in Marks._fields))._replace(signs=tuple(letter.signs))
            if new_marks != old_marks:
                changes[letter.id] = old_marks.state, new_marks
    return changes


def _find_released(letters: Sequence[Letter]) -> set[int]:
    """Return the ids of the letters of a newsletter and a day that nothing but the moment holds."""
    candidates = {
        letter.id for letter in letters if letter.is_held and _keeps_only_day(letter) and not _lasting_signs(letter)
    }
    if not candidates:
        return set()
    compared = [letter for letter in letters if letter.body and letter.question_id is None]
    ranks = rank_letters([letter.body or "" for letter in compared])
    crowded = {letter.id for letter, rank in zip(compared, ranks, strict=True) if rank.rank >= MIN_FLOOD_RANK}
    released = candidates - crowded
    return released if len(released) <= MAX_RELEASED else set()


def _keeps_only_day(letter: Letter) -> bool:
    return bool(letter.channel == "web" and letter.hear_back == "number")


def _lasting_signs(letter: Letter) -> tuple[str, ...]:
    """Return the signs that don't depend on the moment, if they are enough to hold a letter."""
    signs = tuple(code for code in letter.signs if code not in MOMENT_SIGNS)
    is_enough = sum(SIGNS_BY_CODE[code].weight for code in signs if code in SIGNS_BY_CODE) >= MIN_HELD_WEIGHT
    return signs if is_enough or HELD_BY_DESK in signs else ()


def _judge_again(letter: Letter, is_released: bool) -> Marks:
    signs = _lasting_signs(letter)
    reason = signs[0] if signs else None
    # The worker compares the letters that still wait again, all in the same night, also those that keep their minute:
    # whether one has a look-alike depends on which others had arrived when it was compared.
    alike = None
    if is_released:
        return Marks("received", None, (), 0, 0, alike)
    if letter.is_held:
        signs = signs or (HELD_THAT_DAY,)
        return Marks("held", signs[0], signs, letter.standing, letter.crowd, alike)
    if letter.is_received:
        return Marks("received", None, (), letter.standing, letter.crowd, alike)
    return Marks(str(letter.state), reason, signs, 0, 0, alike)


def _save_marks(database: Database, old_state: str, marks: Marks, letter_ids: Sequence[int]) -> None:
    """Store the marks of letters, except of those that somebody has moved since they were read.

    No event is recorded: it would say for ever which letters had been held.
    """
    unchanged = update(Letter).where(Letter.id.in_(letter_ids), Letter.state == old_state)
    values = marks._asdict() | {"signs": list(marks.signs)}
    database.write(lambda session: execute_without_version_bump(session, unchanged.values(values)))
