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

MOST = 5_000  # held letters of a newsletter that are ranked in one round, the new ones first
SHOWN = 12  # crowds on the page
AT_ONCE = 500  # rows of one statement
MOST_UNHELD = 1_000  # unheld letters of a newsletter that are ranked in one round
A_FLOOD = HIGHEST + 12  # the rank from which unheld letters of a crowd are shown with it: a school class is smaller
HELD_AT_ONCE = 200  # letters of one press, all of which the undo has to name
BATCH = 50  # letters per transaction: on SQLite, readers who send a letter wait for it
AT_A_TIME = 20  # batches before the worker's other duties run
WAITS = timedelta(seconds=75)  # longer than a press can be undone
# SQLite uses the partial indexes only if the conditions are spelled exactly like this.
HELD = text("letters.state = 'held'")
LIKE_MANY = text("letters.state = 'received' AND letters.crowd <> 0")
UNPLACED = text("letters.state = 'received' AND letters.standing = 0")


@dataclass(frozen=True)
class Crowd:
    """Held letters that resemble each other: the first of them, and how many there are, counted up to 1,001."""

    first: Letter
    number: int


def list_held_letters(newsletter_id: int, *rules: ColumnElement[bool]) -> Listing[Letter]:
    """Return a listing of a newsletter's held letters, without those whose crowd is being filed."""
    swept = exists().where(Sweep.newsletter_id == newsletter_id, Sweep.crowd == Letter.crowd)
    query = select(Letter).where(Letter.newsletter_id == newsletter_id, HELD, ~swept, *rules)
    return Listing(query, (Letter.standing, Letter.crowd, Letter.id), rising=True)


def list_largest_crowds(session: Session, newsletter_id: int) -> list[Crowd]:
    """Return the crowds of held letters, the largest first, at most `SHOWN`."""
    each = list_held_letters(newsletter_id, Letter.standing > HIGHEST).query.with_only_columns(func.min(Letter.id))
    each = each.group_by(Letter.standing, Letter.crowd).order_by(Letter.standing.desc(), Letter.crowd).limit(SHOWN)
    keys = list(session.scalars(each))
    firsts = get_many(session, Letter, keys)
    if not firsts:
        return []
    lists = [list_held_letters(newsletter_id, *_is_in_crowd_of(firsts[key])) for key in keys]
    return [Crowd(firsts[key], number) for key, number in zip(keys, counts(session, lists), strict=True)]


def _is_in_crowd_of(letter: Letter) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Letter.standing == letter.standing, Letter.crowd == letter.crowd


def sort_waiting(database: Database) -> int:
    """Rank the waiting letters of every newsletter that has new ones. Return how many letters changed their rank."""
    moved = 0
    with database.read() as session:
        unsorted = select(Letter.newsletter_id).where(text("letters.state = 'held' AND letters.standing = 0"))
        unplaced = select(Letter.newsletter_id).where(UNPLACED, Letter.received_at >= _earliest_arrival(session))
        newsletters = sorted({*session.scalars(unsorted.distinct()), *session.scalars(unplaced.distinct())})
    for newsletter_id in newsletters:
        with database.read() as session:
            places = _find_new_places(session, newsletter_id)
        for (is_held, standing, crowd), keys in places.items():
            stays = [Letter.is_held] if is_held else [Letter.is_received, Letter.standing != VOUCHED]
            for at in range(0, len(keys), AT_ONCE):
                some = Letter.id.in_(keys[at : at + AT_ONCE])
                here = update(Letter).where(some, *stays).values(standing=standing, crowd=crowd)
                database.write(lambda session: execute_without_version_bump(session, here))  # noqa: B023
            moved += len(keys)
    return moved


def _find_new_places(session: Session, newsletter_id: int) -> dict[tuple[bool, int, int], list[int]]:
    """Return the ids of the letters whose rank changes, by (is held, standing, crowd).

    It only reads, since the comparison takes long and must not block writers.
    """
    columns = (Letter.id, Letter.body, Letter.standing, Letter.crowd)
    new_first = (
        list_held_letters(newsletter_id)
        .query.with_only_columns(*columns)
        .order_by(Letter.standing > 0, Letter.id.desc())
    )
    rows = sorted(session.execute(new_first.limit(MOST)), key=lambda row: row.id)
    number = len(rows)
    # Unheld letters follow, so that the first letter of a crowd is a held one if there is any.
    came = list_unheld_letters(
        newsletter_id, Letter.standing != VOUCHED, Letter.received_at >= _earliest_arrival(session)
    ).query
    rows += session.execute(
        came.with_only_columns(*columns).order_by(Letter.received_at.desc()).limit(MOST_UNHELD)
    ).all()
    found: dict[tuple[bool, int, int], list[int]] = defaultdict(list)
    for at, (row, one) in enumerate(zip(rows, standings([row.body or "" for row in rows]), strict=True)):
        if at < number:
            place = one.place, 0 if one.crowd is None else rows[one.crowd].id
        else:
            place = (one.place, rows[one.crowd].id) if one.crowd is not None and one.place >= A_FLOOD else (ALONE, 0)
        if place != (row.standing, row.crowd):
            found[at < number, *place].append(row.id)
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
    """Return the crowds of letters that arrived unheld, the largest first, at most `SHOWN`."""
    here = select(Letter.crowd, func.min(Letter.id), func.count()).where(
        Letter.newsletter_id == newsletter_id, LIKE_MANY
    )
    each = here.group_by(Letter.crowd).order_by(func.count().desc(), Letter.crowd).limit(SHOWN)
    rows = session.execute(each).all()
    firsts = get_many(session, Letter, [row[1] for row in rows])
    return [Crowd(firsts[key], number) for _crowd, key, number in rows]


def hold(session: Session, actor: Staff, first: Letter, number: int) -> int:
    """Hold the letters of a crowd that arrived unheld, at most `HELD_AT_ONCE`. Return how many were held.

    Raises `InvalidTransition` if the letter belongs to no such crowd, and `VersionConflict` if the crowd has more than
    `number` letters, the number that the page showed: nobody holds letters that they haven't seen. Also raises
    `PermissionDenied`.
    """
    must(actor, "take letters")
    if not lock_row(session, first).is_received or not first.crowd:
        raise InvalidTransition("letter", "hold", first.state)
    like = select(Letter).where(Letter.newsletter_id == first.newsletter_id, LIKE_MANY, Letter.crowd == first.crowd)
    if (session.scalar(select(func.count()).select_from(like.subquery())) or 0) > number:
        raise VersionConflict(first.public_id)
    letters = session.scalars(like.order_by(Letter.received_at, Letter.id).limit(HELD_AT_ONCE)).all()
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
    if (one := _sweep_of(session, first)) is None or not first.is_held:
        raise InvalidTransition("letter", "keep", first.state)
    session.delete(one)


def _sweep_of(session: Session, letter: Letter) -> Sweep | None:
    return session.scalar(select(Sweep).filter_by(newsletter_id=letter.newsletter_id, crowd=letter.crowd))


def file_due(database: Database) -> int:
    """File the letters of crowds that can no longer be undone, as the person who pressed. Return how many."""
    done = 0
    for _ in range(AT_A_TIME):
        filed = database.write(_file_some)
        done += filed or 0
        if filed is None:
            break
    return done


def _file_some(session: Session) -> int | None:
    """File one batch of the oldest crowd that is due. Return how many, or None if no crowd is due."""
    due = select(Sweep).where(Sweep.at <= now(session) - WAITS).order_by(Sweep.id).limit(1)
    one = session.scalar(due.with_for_update())
    if one is None:
        return None
    actor = staff_actor(session, one.person_id, one.newsletter_id)
    letters = _list_crowd_letters(session, one) if actor and may(actor, "take letters") else []
    for letter in letters:
        filing.file(session, actor, letter, "spam")  # type: ignore[arg-type]
    if not letters:
        session.execute(delete(Sweep).where(Sweep.id == one.id))
    return len(letters)


def _list_crowd_letters(session: Session, row: Sweep) -> Sequence[Letter]:
    crowd = select(Letter).where(Letter.newsletter_id == row.newsletter_id, HELD, Letter.standing > HIGHEST)
    return session.scalars(crowd.where(Letter.crowd == row.crowd).order_by(Letter.id).limit(BATCH)).all()
