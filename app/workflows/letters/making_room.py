"""Making room on a day that a flood fills: the worker erases held letters of which many others are alike.

Five of each crowd stay, and the desk reads how many were erased. No letter is erased that isn't held, that somebody has
filed, or that is unlike the others.

If somebody who sent a letter saw when it is erased, they would learn that others have sent letters just before. So
until the day is over, an erased letter has the state "ended" without being marked as erased: its receipt looks and
works as before, from the few facts in `signs`. At night it is erased for good (`workflows/retention/erase_evicted.py`).
Which letters of a crowd stay is decided by their random public ids, never by the order in which they came.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, select, update
from sqlalchemy.orm import Session

from ...db.engine import Database
from ...db.session import get_keyring, now
from ...letters import receive
from ...letters.blurred_time import truncate_to_day
from ...letters.flood_crowds import are_alike, find_crowds, find_kind
from ...letters.flood_ranking import (
    HIGHEST_SINGLE_RANK,
    LOWEST_RANK,
    NOISE_FUNCTION_WORD_SHARE,
    content_stems,
    function_word_share,
)
from ...letters.lifecycle import STATES
from ...letters.models import CHANNELS, MADE_ROOM, Letter
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...watching.models import Sighting
from ...watching.sightings import record_sightings

START_SHARE = 0.75  # of the daily limit; with more letters, room is made
GOAL_SHARE = 0.5  # of the daily limit; with fewer letters, no more are erased
MAX_ERASED = 9  # times the daily limit: after as many, the day is full however few letters are left, as rows take room
SAMPLE_SIZE = 5  # letters of each crowd that stay
MIN_CROWD_SHARE = 0.05  # of the compared letters; smaller crowds stay, such as a school class
MAX_COMPARED = 5_000  # held letters of a newsletter that are compared in one round
MAX_NEWEST = 200  # held letters with which a new one is compared, the newest first
ROW_SIZE = 1_000  # bytes that a letter takes besides its text
BATCH = 100  # letters in one transaction
SHOWN_DAYS = 7  # days for which the desk reads how many letters were erased
_SIGHTING = "room made "  # and the id of the newsletter, and the day
[_ENDED] = STATES.which("is_ended")
# Letters from files of the desk use up nothing of a day that is for readers. The columns are those of an index.
_COUNTED_CHANNELS = [channel for channel in CHANNELS if channel != "api"]
_KEPT_STATES = [state for state in STATES if state != _ENDED]
_COLUMNS = Letter.__table__.c


class RoomMade(NamedTuple):
    """Number of letters of a day (UTC) that were erased to make room."""

    day: datetime
    number: int


class _Candidate(NamedTuple):
    id: int
    public_id: str
    version: int
    body: str
    background: str | None


def is_full(session: Session, newsletter: Newsletter) -> bool:
    """Return whether a newsletter has reached its daily limit, after which only a few more letters are accepted."""
    limit = receive.daily_limit(session)
    today = truncate_to_day(now(session))
    has_many_rows = count_erased(session, newsletter.id, today) >= MAX_ERASED * limit
    return has_many_rows or _has_letters(session, newsletter.id, today, limit)


def count_erased(session: Session, newsletter_id: int, day: datetime) -> int:
    """Return how many letters of a day (UTC) were erased to make room."""
    sighting = session.get(Sighting, _sighting_name(newsletter_id, day))
    return sighting.number if sighting else 0


def list_room_made(session: Session, newsletter_id: int) -> list[RoomMade]:
    """Return how many letters were erased on each of the last `SHOWN_DAYS` on which room was made, the newest first."""
    today = truncate_to_day(now(session))
    days = [today - timedelta(days=ago) for ago in range(SHOWN_DAYS)]
    names = [_sighting_name(newsletter_id, day) for day in days]
    rows = session.scalars(select(Sighting).where(Sighting.name.in_(names)).order_by(Sighting.name.desc()))
    return [RoomMade(row.seen_at, row.number) for row in rows]


def list_newsletters_with_room_made(database: Database, day: datetime) -> list[int]:
    """Return the ids of the newsletters in which room was made on a day (UTC)."""
    with database.read() as session:
        newsletter_ids = [newsletter.id for newsletter in all_newsletters(session)]
        return [key for key in newsletter_ids if count_erased(session, key, day)]


def is_unlike_others(session: Session, newsletter_id: int, text: str) -> bool:
    """Return whether a new letter is a question that resembles none of the newest held letters of today."""
    if find_kind(text) or function_word_share(text) < NOISE_FUNCTION_WORD_SHARE:
        return False
    day = truncate_to_day(now(session))
    newest = (
        select(_COLUMNS.body)
        .where(_COLUMNS.newsletter_id == newsletter_id, Letter.is_held, _is_of_day(day))
        .order_by(_COLUMNS.received_at.desc(), _COLUMNS.id.desc())
        .limit(MAX_NEWEST)
    )
    stems = content_stems(text)
    bodies = session.connection().scalars(newest)
    return not any(are_alike(stems, content_stems(body)) for body in bodies)


def make_room(database: Database) -> int:
    """Make room in newsletters whose day is three quarters full. Return how many letters were erased."""
    with database.read() as session:
        today = truncate_to_day(now(session))
        limit = receive.daily_limit(session)
        newsletter_ids = [newsletter.id for newsletter in all_newsletters(session)]
        filling = [key for key in newsletter_ids if _has_letters(session, key, today, round(START_SHARE * limit))]
    return sum(erase_look_alikes(database, key, today, round(GOAL_SHARE * limit)) for key in filling)


def erase_look_alikes(database: Database, newsletter_id: int, day: datetime, goal: int = 0) -> int:
    """Erase letters of the largest crowds of a day, until `goal` letters are left. Return how many were erased."""
    with database.read() as session:  # comparing takes long, and must not block writers
        excess = _count_letters(session, newsletter_id, day) - goal
        candidates = _list_candidates(session, newsletter_id, day)
    chosen: list[_Candidate] = []
    for crowd in _find_large_crowds(candidates):
        if len(chosen) < excess:
            chosen += crowd[SAMPLE_SIZE:][len(chosen) - excess :]
    erased_count = 0
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        erased_count += database.write(partial(_erase_batch, newsletter_id=newsletter_id, day=day, batch=batch))
    return erased_count


def _find_large_crowds(candidates: Sequence[_Candidate]) -> list[list[_Candidate]]:
    """Return the crowds from which letters may be erased, the one that takes the most room first."""
    crowds = [
        sorted((candidates[index] for index in crowd), key=lambda letter: letter.public_id)
        for crowd in find_crowds([letter.body for letter in candidates])
    ]
    min_size = max(SAMPLE_SIZE + 1, MIN_CROWD_SHARE * len(candidates))
    return sorted((crowd for crowd in crowds if len(crowd) >= min_size), key=_measure_size, reverse=True)


def _measure_size(crowd: Sequence[_Candidate]) -> int:
    """Return how many bytes a crowd takes, about."""
    texts = [letter.body + (letter.background or "") for letter in crowd]
    return sum(ROW_SIZE + len(text.encode()) for text in texts)


def _list_candidates(session: Session, newsletter_id: int, day: datetime) -> list[_Candidate]:
    """Return held letters of a day that nobody has filed, in a random order that doesn't change."""
    is_ranked_alone = Letter.standing.between(LOWEST_RANK, HIGHEST_SINGLE_RANK)
    query = (
        select(Letter.id, Letter.public_id, Letter.version, Letter.body, Letter.background)
        .where(Letter.newsletter_id == newsletter_id, Letter.is_held, _is_of_day(day))
        .where(Letter.channel == "web", Letter.author == "reader", Letter.question_id.is_(None))
        .order_by(is_ranked_alone, Letter.public_id)
        .limit(MAX_COMPARED)
    )
    rows = session.execute(query)
    return [_Candidate(row.id, row.public_id, row.version, row.body or "", row.background) for row in rows]


def _erase_batch(session: Session, newsletter_id: int, day: datetime, batch: Sequence[_Candidate]) -> int:
    """Erase the words of letters, except of those that somebody has changed since. Return how many were erased.

    No event is recorded, and no time: only the day's count says that it was done.
    """
    count = 0
    for letter in batch:
        digest = get_keyring(session).mac(MADE_ROOM, letter.body).hex()
        facts = [str(len(letter.body)), str(len(letter.background or "")), digest]
        statement = (
            update(Letter)
            .where(Letter.id == letter.id, Letter.is_held, Letter.version == letter.version)
            .values(state=_ENDED, end_reason=MADE_ROOM, body="", background=None, held_reason=None, signs=facts)
            .values(standing=0, crowd=0, indexed_version=0)
            .returning(Letter.id)
        )
        count += len(session.execute(statement, execution_options={"synchronize_session": False}).all())
    record_sightings(session, {_sighting_name(newsletter_id, day): count}, day)
    return count


def _has_letters(session: Session, newsletter_id: int, day: datetime, number: int) -> bool:
    """Return whether at least `number` letters of a day are left."""
    letters = _select_letters(_COLUMNS.id, newsletter_id, day)
    return session.connection().scalar(letters.offset(max(0, number - 1)).limit(1)) is not None


def _count_letters(session: Session, newsletter_id: int, day: datetime) -> int:
    return session.scalar(_select_letters(func.count(), newsletter_id, day)) or 0


def _select_letters(what: ColumnElement[int], newsletter_id: int, day: datetime) -> Select[int]:
    return select(what).where(
        _COLUMNS.newsletter_id == newsletter_id,
        _COLUMNS.channel.in_(_COUNTED_CHANNELS),
        _COLUMNS.state.in_(_KEPT_STATES),
        _is_of_day(day),
    )


def _is_of_day(day: datetime) -> ColumnElement[bool]:
    return and_(_COLUMNS.received_at >= day, _COLUMNS.received_at < day + timedelta(days=1))


def _sighting_name(newsletter_id: int, day: datetime) -> str:
    return f"{_SIGHTING}{newsletter_id} {day:%Y-%m-%d}"
