"""Held letters in the order of reading: first those unlike all others, then the crowds of a flood.

A person files a whole crowd as spam with one press, which is stored as a `Sweep` and can be undone until the worker
files the letters. Letters that arrived before the flood was noticed aren't held. Many of them that resemble each other
are shown as a crowd too, but only a person can hold them, because a flood may have copied what a reader really asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, func, select, text, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition, VersionConflict
from ..core.listing import Chain, Listing, count_all
from ..core.permissions import may
from ..core.state_machine import must
from ..db.engine import Database
from ..db.session import execute_without_version_bump, get_many, lock_row, now
from ..people.directory import staff_actor
from . import filing
from .blurred_time import truncate_to_day
from .flood_ranking import HIGHEST_SINGLE_RANK, LOWEST_RANK, rank_letters
from .models import VOUCHED, Letter, Sweep
from .spam_filter import HELD_BY_DESK

SHOWN_CROWDS = 12  # crowds on the page
MAX_RANKED_HELD = 5_000  # held letters of a newsletter that are ranked in one round, the new ones first
MAX_RANKED_UNHELD = 1_000  # unheld letters of a newsletter that are ranked in one round
MIN_FLOOD_RANK = HIGHEST_SINGLE_RANK + 12  # of a crowd with unheld letters; a school class makes a smaller crowd
ROWS_PER_UPDATE = 500
MAX_HELD_AT_ONCE = 200  # letters per press, since the undo has to list them all
UNDO_PERIOD = timedelta(seconds=75)  # longer than the page offers to undo a press
BATCH_SIZE = 50  # letters per transaction: on SQLite, a reader who sends a letter waits for it to end
MAX_BATCHES = 20  # batches before the worker's other duties run
# SQLite uses a partial index only for a query with the same condition as literal SQL.
IS_HELD = text("letters.state = 'held'")
IS_UNHELD_IN_CROWD = text("letters.state = 'received' AND letters.crowd <> 0")
IS_UNHELD_UNRANKED = text("letters.state = 'received' AND letters.standing = 0")


@dataclass(frozen=True)
class Crowd:
    """Letters that resemble each other: the first of them, and how many there are.

    Held letters are counted up to 1,001.
    """

    first: Letter
    number: int


def list_held_letters(newsletter_id: int, *conditions: ColumnElement[bool]) -> Listing[Letter]:
    """Return a listing of a newsletter's held letters by rank, without those whose crowd is being filed."""
    is_swept = exists().where(Sweep.newsletter_id == newsletter_id, Sweep.crowd == Letter.crowd)
    query = select(Letter).where(Letter.newsletter_id == newsletter_id, IS_HELD, ~is_swept, *conditions)
    return Listing(query, (Letter.standing, Letter.crowd, Letter.id), rising=True)


def list_largest_crowds(session: Session, newsletter_id: int) -> list[Crowd]:
    """Return the crowds of held letters, the largest first, at most `SHOWN_CROWDS`."""
    query = (
        list_held_letters(newsletter_id, Letter.standing > HIGHEST_SINGLE_RANK)
        .query.with_only_columns(func.min(Letter.id))
        .group_by(Letter.standing, Letter.crowd)
        .order_by(Letter.standing.desc(), Letter.crowd)
        .limit(SHOWN_CROWDS)
    )
    first_ids = list(session.scalars(query))
    letters = get_many(session, Letter, first_ids)
    if not letters:
        return []
    first_letters = [letters[first_id] for first_id in first_ids]
    listings = [
        list_held_letters(newsletter_id, Letter.standing == first.standing, Letter.crowd == first.crowd)
        for first in first_letters
    ]
    return [Crowd(first, number) for first, number in zip(first_letters, count_all(session, listings), strict=True)]


class NewRank(NamedTuple):
    """A rank and crowd to be stored in `standing` and `crowd` of letters that are all held or all unheld."""

    is_held: bool
    rank: int
    crowd: int  # the id of its first letter, or 0


def rank_waiting_letters(database: Database) -> int:
    """Rank the waiting letters of every newsletter that has new ones. Return how many letters changed their rank.

    Ranks are computed in a read session, because the comparison takes long and must not block writers.
    """
    changed_count = 0
    with database.read() as session:
        newsletter_ids = _list_newsletters_to_rank(session)
    for newsletter_id in newsletter_ids:
        with database.read() as session:
            letter_ids_by_rank = _find_changed_ranks(session, newsletter_id)
        for new_rank, letter_ids in letter_ids_by_rank.items():
            for start in range(0, len(letter_ids), ROWS_PER_UPDATE):
                _save_rank(database, new_rank, letter_ids[start : start + ROWS_PER_UPDATE])
            changed_count += len(letter_ids)
    return changed_count


def _list_newsletters_to_rank(session: Session) -> list[int]:
    held = select(Letter.newsletter_id).where(text("letters.state = 'held' AND letters.standing = 0"))
    unheld = select(Letter.newsletter_id).where(IS_UNHELD_UNRANKED, Letter.received_at >= _earliest_arrival(session))
    return sorted({*session.scalars(held.distinct()), *session.scalars(unheld.distinct())})


def _find_changed_ranks(session: Session, newsletter_id: int) -> dict[NewRank, list[int]]:
    """Return the ids of the letters whose rank or crowd changes, by their new rank."""
    columns = (Letter.id, Letter.body, Letter.standing, Letter.crowd)
    held = list_held_letters(newsletter_id).query.with_only_columns(*columns)
    unranked_first = held.order_by(Letter.standing > 0, Letter.id.desc())
    rows = sorted(session.execute(unranked_first.limit(MAX_RANKED_HELD)), key=lambda row: row.id)
    held_count = len(rows)
    # Unheld letters follow, so that the first letter of a crowd is a held one if there is any. All are in the order of
    # their ids: by arrival, a crowd would be named after the letter that came last.
    unheld = list_unheld_letters(
        newsletter_id, Letter.standing != VOUCHED, Letter.received_at >= _earliest_arrival(session)
    ).query.with_only_columns(*columns)
    unheld_rows = session.execute(unheld.order_by(Letter.received_at.desc()).limit(MAX_RANKED_UNHELD))
    rows += sorted(unheld_rows, key=lambda row: row.id)
    letter_ranks = rank_letters([row.body or "" for row in rows])
    letter_ids_by_rank: dict[NewRank, list[int]] = defaultdict(list)
    for index, (row, letter_rank) in enumerate(zip(rows, letter_ranks, strict=True)):
        crowd = 0 if letter_rank.crowd is None else rows[letter_rank.crowd].id
        new_rank = NewRank(index < held_count, letter_rank.rank, crowd)
        # Unheld letters outside a large crowd are listed by their time of arrival, not by rank.
        if not new_rank.is_held and (letter_rank.crowd is None or letter_rank.rank < MIN_FLOOD_RANK):
            new_rank = NewRank(is_held=False, rank=LOWEST_RANK, crowd=0)
        if (new_rank.rank, new_rank.crowd) != (row.standing, row.crowd):
            letter_ids_by_rank[new_rank].append(row.id)
    return letter_ids_by_rank


def _save_rank(database: Database, new_rank: NewRank, letter_ids: Sequence[int]) -> None:
    """Store the rank of several letters, except those that were filed, held or vouched for since they were read."""
    is_unchanged = [Letter.is_held] if new_rank.is_held else [Letter.is_received, Letter.standing != VOUCHED]
    letters_to_update = update(Letter).where(Letter.id.in_(letter_ids), *is_unchanged)
    statement = letters_to_update.values(standing=new_rank.rank, crowd=new_rank.crowd)
    database.write(lambda session: execute_without_version_bump(session, statement))


def _earliest_arrival(session: Session) -> datetime:
    """Return from when on unheld letters are ranked: since yesterday, as a flood may have begun before midnight."""
    return truncate_to_day(now(session)) - timedelta(days=1)


def list_unheld_letters(newsletter_id: int, *conditions: ColumnElement[bool]) -> Listing[Letter]:
    """Return a listing of a newsletter's letters that wait without being held, the newest first."""
    query = select(Letter).where(Letter.newsletter_id == newsletter_id, Letter.is_received, *conditions)
    return Listing(query, (Letter.received_at, Letter.id))


def list_waiting_letters(newsletter_id: int, *conditions: ColumnElement[bool]) -> Chain[Letter]:
    """Return all waiting letters as one list: unheld ones, unheld ones that resemble many others, then held ones."""
    parts = (
        list_unheld_letters(newsletter_id, Letter.standing <= HIGHEST_SINGLE_RANK, *conditions),
        list_unheld_letters(newsletter_id, Letter.standing > HIGHEST_SINGLE_RANK, *conditions),
        list_held_letters(newsletter_id, *conditions),
    )
    return Chain(parts, part_index)


def part_index(letter: Letter) -> int:
    """Return the index of the part of `list_waiting_letters` that a letter is in, or was in before it was filed."""
    if letter.held_reason:
        return 2
    return 1 if letter.standing > HIGHEST_SINGLE_RANK else 0


def list_crowds_to_hold(session: Session, newsletter_id: int) -> list[Crowd]:
    """Return the crowds of letters that arrived unheld, the largest first, at most `SHOWN_CROWDS`."""
    query = (
        select(func.min(Letter.id), func.count())
        .where(Letter.newsletter_id == newsletter_id, IS_UNHELD_IN_CROWD)
        .group_by(Letter.crowd)
        .order_by(func.count().desc(), Letter.crowd)
        .limit(SHOWN_CROWDS)
    )
    rows = session.execute(query).all()
    letters = get_many(session, Letter, [first_id for first_id, _ in rows])
    return [Crowd(letters[first_id], number) for first_id, number in rows]


def hold(session: Session, actor: Staff, first: Letter, shown_number: int) -> int:
    """Hold the letters of the unheld crowd of `first`, at most `MAX_HELD_AT_ONCE`. Return how many were held.

    Raises `InvalidTransition` if the letter belongs to no such crowd, `PermissionDenied`, and `VersionConflict` if the
    crowd now has more letters than the page showed: nobody should hold letters that they haven't seen.
    """
    must(actor, "take letters")
    if not lock_row(session, first).is_received or not first.crowd:
        raise InvalidTransition("letter", "hold", first.state)
    crowd = select(Letter).where(
        Letter.newsletter_id == first.newsletter_id, IS_UNHELD_IN_CROWD, Letter.crowd == first.crowd
    )
    crowd_size = session.scalar(select(func.count()).select_from(crowd.subquery())) or 0
    if crowd_size > shown_number:
        raise VersionConflict(first.public_id)
    letters = session.scalars(crowd.order_by(Letter.received_at, Letter.id).limit(MAX_HELD_AT_ONCE)).all()
    for letter in letters:
        filing.hold(session, actor, letter, [HELD_BY_DESK])
    return len(letters)


def sweep(session: Session, actor: Staff, first: Letter, expected_standing: int) -> None:
    """Queue the crowd of a held letter to be filed as spam.

    The crowd disappears from the list immediately. Letters that arrive later are not included, however similar. Raises
    `InvalidTransition` if the letter belongs to no crowd or to one that is queued already, `VersionConflict` if the
    crowd has grown since the page showed `expected_standing`, and `PermissionDenied`.
    """
    must(actor, "take letters")
    if not lock_row(session, first).is_held or not first.crowd or _find_sweep(session, first):
        raise InvalidTransition("letter", "sweep", first.state)
    if first.standing != expected_standing:
        raise VersionConflict(first.public_id)
    session.add(Sweep(newsletter_id=first.newsletter_id, crowd=first.crowd, person_id=actor.person_id, at=now(session)))
    audit.record(session, actor, "letter.sweep", first)


def undo_sweep(session: Session, _actor: Staff, first: Letter) -> None:
    """Undo a sweep that the worker hasn't begun. Raises `InvalidTransition` once it has."""
    queued_sweep = _find_sweep(session, first)
    if queued_sweep is None or not first.is_held:
        raise InvalidTransition("letter", "keep", first.state)
    session.delete(queued_sweep)


def _find_sweep(session: Session, letter: Letter) -> Sweep | None:
    return session.scalar(select(Sweep).filter_by(newsletter_id=letter.newsletter_id, crowd=letter.crowd))


def file_due_sweeps(database: Database) -> int:
    """File the letters of sweeps whose undo period is over, as the person who swept them. Return their number."""
    filed_count = 0
    for _ in range(MAX_BATCHES):
        batch_count = database.write(_file_batch)
        if batch_count is None:
            break
        filed_count += batch_count
    return filed_count


def _file_batch(session: Session) -> int | None:
    """File one batch of letters of the oldest due sweep. Return how many, or None if no sweep is due.

    The sweep is deleted once it has no letters left, or if its person may not file letters any more.
    """
    due = select(Sweep).where(Sweep.at <= now(session) - UNDO_PERIOD).order_by(Sweep.id).limit(1)
    due_sweep = session.scalar(due.with_for_update())
    if due_sweep is None:
        return None
    actor = staff_actor(session, due_sweep.person_id, due_sweep.newsletter_id)
    letters: Sequence[Letter] = []
    if actor and may(actor, "take letters"):  # the person may have lost the right meanwhile
        letters = _list_batch(session, due_sweep)
        for letter in letters:
            filing.file(session, actor, letter, "spam")
    if not letters:
        session.execute(delete(Sweep).where(Sweep.id == due_sweep.id))
    return len(letters)


def _list_batch(session: Session, due_sweep: Sweep) -> Sequence[Letter]:
    crowd = select(Letter).where(
        Letter.newsletter_id == due_sweep.newsletter_id,
        IS_HELD,
        Letter.standing > HIGHEST_SINGLE_RANK,
        Letter.crowd == due_sweep.crowd,
    )
    return session.scalars(crowd.order_by(Letter.id).limit(BATCH_SIZE)).all()
