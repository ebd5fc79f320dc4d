"""Held letters sorted for reading: first those unlike all others, then the crowds of a flood, each filed in one press.

Letters that arrived unheld before the flood was noticed are shown with the crowd that they resemble. Only a person
holds them, because a flood may have copied what a reader really asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, select, text, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition, VersionConflict
from ..core.listing import Chain, Listing, counts
from ..core.permissions import may
from ..core.state_machine import must
from ..db.engine import Database
from ..db.session import execute_without_version_bump, get_many, lock_row, now
from ..people.directory import staff_actor
from . import filing
from .blurred_time import truncate_to_day
from .flood_ranking import ALONE, HIGHEST, standings
from .models import VOUCHED, Letter, Sweep

MAX_RANKED_HELD = 5_000  # held letters of a newsletter that are ranked in one round, the new ones first
SHOWN_CROWDS = 12  # crowds on the page
ROWS_PER_UPDATE = 500  # rows of one statement
MAX_RANKED_UNHELD = 1_000  # unheld letters of a newsletter that are ranked in one round
MIN_FLOOD_RANK = HIGHEST + 12  # from which on a crowd includes unheld letters: a school class is smaller
MAX_HELD_AT_ONCE = 200  # letters of one press, all of which the undo has to name
BATCH_SIZE = 50  # letters per transaction: on SQLite, readers who send a letter wait for it
MAX_BATCHES = 20  # batches before the worker's other duties run
UNDO_PERIOD = timedelta(seconds=75)  # longer than a press can be undone
# SQLite uses the partial indexes only if the conditions are spelled exactly like this.
IS_HELD = text("letters.state = 'held'")
IS_UNHELD_IN_CROWD = text("letters.state = 'received' AND letters.crowd <> 0")
IS_UNHELD_UNRANKED = text("letters.state = 'received' AND letters.standing = 0")


@dataclass(frozen=True)
class Crowd:
    """Held letters that resemble each other: the first of them, and how many there are, counted up to 1,001."""

    first: Letter
    number: int


def list_held_letters(newsletter_id: int, *rules: ColumnElement[bool]) -> Listing[Letter]:
    """Return a listing of a newsletter's held letters, without those whose crowd is being filed."""
    is_swept = exists().where(Sweep.newsletter_id == newsletter_id, Sweep.crowd == Letter.crowd)
    query = select(Letter).where(Letter.newsletter_id == newsletter_id, IS_HELD, ~is_swept, *rules)
    return Listing(query, (Letter.standing, Letter.crowd, Letter.id), rising=True)


def list_largest_crowds(session: Session, newsletter_id: int) -> list[Crowd]:
    """Return the crowds of held letters, the largest first, at most `SHOWN_CROWDS`."""
    query = (
        list_held_letters(newsletter_id, Letter.standing > HIGHEST)
        .query.with_only_columns(func.min(Letter.id))
        .group_by(Letter.standing, Letter.crowd)
        .order_by(Letter.standing.desc(), Letter.crowd)
        .limit(SHOWN_CROWDS)
    )
    first_ids = list(session.scalars(query))
    letters = get_many(session, Letter, first_ids)
    if not letters:
        return []
    firsts = [letters[first_id] for first_id in first_ids]
    listings = [list_held_letters(newsletter_id, *_is_in_crowd_of(first)) for first in firsts]
    return [Crowd(first, number) for first, number in zip(firsts, counts(session, listings), strict=True)]


def _is_in_crowd_of(letter: Letter) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Letter.standing == letter.standing, Letter.crowd == letter.crowd


def sort_waiting(database: Database) -> int:
    """Rank the waiting letters of every newsletter that has new ones. Return how many letters changed their rank."""
    ranked = 0
    with database.read() as session:
        held = select(Letter.newsletter_id).where(text("letters.state = 'held' AND letters.standing = 0"))
        unheld = select(Letter.newsletter_id).where(
            IS_UNHELD_UNRANKED, Letter.received_at >= _earliest_arrival(session)
        )
        newsletter_ids = sorted({*session.scalars(held.distinct()), *session.scalars(unheld.distinct())})
    for newsletter_id in newsletter_ids:
        with database.read() as session:
            new_standings = _find_new_standings(session, newsletter_id)
        for (is_held, standing, crowd), letter_ids in new_standings.items():
            # A letter may have been filed, held or vouched for since it was read.
            is_unchanged = [Letter.is_held] if is_held else [Letter.is_received, Letter.standing != VOUCHED]
            for start in range(0, len(letter_ids), ROWS_PER_UPDATE):
                is_in_batch = Letter.id.in_(letter_ids[start : start + ROWS_PER_UPDATE])
                statement = update(Letter).where(is_in_batch, *is_unchanged).values(standing=standing, crowd=crowd)
                database.write(lambda session: execute_without_version_bump(session, statement))  # noqa: B023
            ranked += len(letter_ids)
    return ranked


def _find_new_standings(session: Session, newsletter_id: int) -> dict[tuple[bool, int, int], list[int]]:
    """Return the ids of the letters whose rank or crowd changes, by (is held, new standing, new crowd).

    The crowd is the id of its first letter, or 0. The function only reads, because the comparison takes long and must
    not block writers.
    """
    columns = (Letter.id, Letter.body, Letter.standing, Letter.crowd)
    held = list_held_letters(newsletter_id).query.with_only_columns(*columns)
    unranked_first = held.order_by(Letter.standing > 0, Letter.id.desc())
    rows = sorted(session.execute(unranked_first.limit(MAX_RANKED_HELD)), key=lambda row: row.id)
    held_count = len(rows)
    # Unheld letters follow, so that the first letter of a crowd is a held one if there is any.
    unheld = list_unheld_letters(
        newsletter_id, Letter.standing != VOUCHED, Letter.received_at >= _earliest_arrival(session)
    ).query.with_only_columns(*columns)
    rows += session.execute(unheld.order_by(Letter.received_at.desc()).limit(MAX_RANKED_UNHELD)).all()
    found: dict[tuple[bool, int, int], list[int]] = defaultdict(list)
    for index, (row, standing) in enumerate(zip(rows, standings([row.body or "" for row in rows]), strict=True)):
        is_held = index < held_count
        rank = standing.rank
        crowd = 0 if standing.crowd is None else rows[standing.crowd].id
        if not is_held and (standing.crowd is None or rank < MIN_FLOOD_RANK):
            rank, crowd = ALONE, 0
        if (rank, crowd) != (row.standing, row.crowd):
            found[is_held, rank, crowd].append(row.id)
    return found


def _earliest_arrival(session: Session) -> datetime:
    """Return from when on unheld letters are ranked: since yesterday, as a flood may have begun before midnight."""
    return truncate_to_day(now(session)) - timedelta(days=1)


def list_unheld_letters(newsletter_id: int, *rules: ColumnElement[bool]) -> Listing[Letter]:
    """Return a listing of a newsletter's letters that wait without being held, the newest first."""
    query = select(Letter).where(Letter.newsletter_id == newsletter_id, Letter.is_received, *rules)
    return Listing(query, (Letter.received_at, Letter.id))


def waiting(newsletter_id: int, *rules: ColumnElement[bool]) -> Chain[Letter]:
    """Return all waiting letters as one list: unheld ones, unheld ones that resemble many others, then held ones."""
    parts = (
        list_unheld_letters(newsletter_id, Letter.standing <= HIGHEST, *rules),
        list_unheld_letters(newsletter_id, Letter.standing > HIGHEST, *rules),
        list_held_letters(newsletter_id, *rules),
    )
    return Chain(parts, part_of)


def part_of(letter: Letter) -> int:
    """Return the index of the part of `waiting` to which a letter belongs, or belonged before it was filed."""
    return 2 if letter.held_reason else int(letter.standing > HIGHEST)


def to_hold(session: Session, newsletter_id: int) -> list[Crowd]:
    """Return the crowds of letters that arrived unheld, the largest first, at most `SHOWN_CROWDS`."""
    query = (
        select(func.min(Letter.id), func.count())
        .where(Letter.newsletter_id == newsletter_id, IS_UNHELD_IN_CROWD)
        .group_by(Letter.crowd)
        .order_by(func.count().desc(), Letter.crowd)
        .limit(SHOWN_CROWDS)
    )
    rows = session.execute(query).all()
    firsts = get_many(session, Letter, [first_id for first_id, _ in rows])
    return [Crowd(firsts[first_id], number) for first_id, number in rows]


def hold(session: Session, actor: Staff, first: Letter, number: int) -> int:
    """Hold the letters of a crowd that arrived unheld, at most `MAX_HELD_AT_ONCE`. Return how many were held.

    Raises `InvalidTransition` if the letter belongs to no such crowd, and `VersionConflict` if the crowd has more than
    `number` letters, the number that the page showed: nobody holds letters that they haven't seen. Also raises
    `PermissionDenied`.
    """
    must(actor, "take letters")
    if not lock_row(session, first).is_received or not first.crowd:
        raise InvalidTransition("letter", "hold", first.state)
    crowd = select(Letter).where(
        Letter.newsletter_id == first.newsletter_id, IS_UNHELD_IN_CROWD, Letter.crowd == first.crowd
    )
    crowd_size = session.scalar(select(func.count()).select_from(crowd.subquery())) or 0
    if crowd_size > number:
        raise VersionConflict(first.public_id)
    letters = session.scalars(crowd.order_by(Letter.received_at, Letter.id).limit(MAX_HELD_AT_ONCE)).all()
    for letter in letters:
        filing.hold(session, actor, letter, ["flood"])
    return len(letters)


def sweep(session: Session, actor: Staff, first: Letter, expected_standing: int) -> None:
    """File the crowd of a held letter as spam. It disappears from the list immediately and can be undone for a minute.

    Letters that arrive later are not included, however similar. Raises `InvalidTransition` if the letter belongs to no
    crowd, `VersionConflict` if the crowd has grown since the page showed `expected_standing`, and `PermissionDenied`.
    """
    must(actor, "take letters")
    if not lock_row(session, first).is_held or not first.crowd or _sweep_of(session, first):
        raise InvalidTransition("letter", "sweep", first.state)
    if first.standing != expected_standing:
        raise VersionConflict(first.public_id)
    session.add(Sweep(newsletter_id=first.newsletter_id, crowd=first.crowd, person_id=actor.person_id, at=now(session)))
    audit.record(session, actor, "letter.sweep", first)


def keep(session: Session, _actor: Staff, first: Letter) -> None:
    """Undo a sweep that the worker hasn't begun. Raises `InvalidTransition` once it has."""
    row = _sweep_of(session, first)
    if row is None or not first.is_held:
        raise InvalidTransition("letter", "keep", first.state)
    session.delete(row)


def _sweep_of(session: Session, letter: Letter) -> Sweep | None:
    return session.scalar(select(Sweep).filter_by(newsletter_id=letter.newsletter_id, crowd=letter.crowd))


def file_due(database: Database) -> int:
    """File the letters of crowds that can no longer be undone, as the person who pressed. Return how many."""
    filed = 0
    for _ in range(MAX_BATCHES):
        batch_filed = database.write(_file_batch)
        if batch_filed is None:
            break
        filed += batch_filed
    return filed


def _file_batch(session: Session) -> int | None:
    """File one batch of the oldest crowd that is due. Return how many, or None if no crowd is due."""
    due = select(Sweep).where(Sweep.at <= now(session) - UNDO_PERIOD).order_by(Sweep.id).limit(1)
    row = session.scalar(due.with_for_update())
    if row is None:
        return None
    actor = staff_actor(session, row.person_id, row.newsletter_id)
    letters: Sequence[Letter] = []
    if actor and may(actor, "take letters"):  # they may have lost the right since they pressed
        letters = _list_crowd_letters(session, row)
        for letter in letters:
            filing.file(session, actor, letter, "spam")
    if not letters:
        session.execute(delete(Sweep).where(Sweep.id == row.id))
    return len(letters)


def _list_crowd_letters(session: Session, row: Sweep) -> Sequence[Letter]:
    crowd = select(Letter).where(Letter.newsletter_id == row.newsletter_id, IS_HELD, Letter.standing > HIGHEST)
    return session.scalars(crowd.where(Letter.crowd == row.crowd).order_by(Letter.id).limit(BATCH_SIZE)).all()
