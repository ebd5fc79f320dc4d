"""The hash chain over the trail, so that no event can be changed, removed or inserted unnoticed.

Each link holds keyed digests of events, and a head that also covers the head of the link before. See
docs/adr/0020-audit-hash-chain.md.

Only the worker builds the chain, after events are committed, so that no writer waits. Events come in two kinds:

- Those with sequential IDs (0 and above) are chained immediately, by ID.
- Those that keep only their day have random negative IDs. They are chained by ID once their day is over, so that the
  chain reveals no order within a day.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from struct import Struct
from typing import Any, NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..db.postgresql import wait_for_writers
from ..db.session import get_keyring, now
from .known_head import NO_HEAD, ChainBroken, KnownHead, find_fault
from .models import ChainLink, Event

EVENTS_PER_LINK = 1_000  # the most events in a link
DAY = timedelta(days=1)
DAY_CLOSES = timedelta(minutes=10)  # after midnight (UTC), so that all requests of the day have committed
OVERDUE = timedelta(hours=1)  # the worker should have chained each event after this time
PATIENCE = 2.0  # seconds that the worker waits for writers before it tries again later
ENTRY = Struct(">i16s")  # an event in a link: its ID and 128 bits of its digest (RFC 2104, section 5)
SHORT_HEAD_DIGITS = 20  # hexadecimal: 80 bits
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

# The digested columns of an event, in this order. Add a new column at the end, and digest it only if it has a value.
COLUMNS = (
    Event.id,
    Event.at,
    Event.actor,
    Event.action,
    Event.noun,
    Event.noun_id,
    Event.newsletter_id,
    Event.question_id,
    Event.old,
    Event.new,
    Event.facts,
)
# Adding 0 keeps databases from scanning the index of IDs for the few events of a day.
_unindexed_id = Event.id + 0


@dataclass(frozen=True)
class ChainPosition:
    """The events that the chain covers up to the link `number`, and the head of that link.

    It covers the sequential IDs up to `last_sequential_id`, and all random IDs of the days up to `last_full_day`. While
    the day after that is spread over several links, it also covers the random IDs of that day up to `last_random_id`,
    which is 0 otherwise.
    """

    number: int = 0
    last_sequential_id: int = -1
    last_full_day: date | None = None
    last_random_id: int = 0
    head: bytes = b""

    def advance(self, link: ChainLink) -> "ChainPosition":
        """Return the position after `link`, which is the next one."""
        last_full_day = self.last_full_day if link.drawn else link.day
        return ChainPosition(link.number, link.line, last_full_day, link.drawn, link.head)

    @property
    def short_head(self) -> str:
        """The first digits of the head, in groups of four, for people to copy; "" for an empty chain."""
        digits = self.head.hex()[:SHORT_HEAD_DIGITS]
        return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


class Backlog(NamedTuple):
    """The number of events that aren't in the chain yet, and whether one of them is overdue."""

    events: int
    is_overdue: bool


def get_position(session: Session, number: int | None = None) -> ChainPosition:
    """Return the position at the end of the chain, or at the link `number`."""
    links = select(ChainLink).order_by(ChainLink.number.desc())
    if number is not None:
        links = links.where(ChainLink.number <= number)
    last_link = session.scalar(links.limit(1))
    if last_link is None:
        return ChainPosition()
    last_full_day = last_link.day
    if last_link.drawn:  # its day continues in the next link
        days = links.with_only_columns(ChainLink.day)
        last_full_day = session.scalar(days.where(ChainLink.drawn == 0).limit(1))
    return replace(ChainPosition().advance(last_link), last_full_day=last_full_day)


def compute_digest(keyring: Keys, key_no: int, values: Sequence[Any]) -> bytes:
    """Return the keyed digest of an event, with `values` as in COLUMNS. Raises KeyError for an unknown key."""
    event_id, at, *others = values
    payload = json.dumps([event_id, at.isoformat(), *others], sort_keys=True, separators=(",", ":"))
    return keyring.mac("audit.event", payload, key_no)[:16]


def compute_head(keyring: Keys, link: ChainLink, previous_head: bytes) -> bytes:
    """Return the head of a link that follows `previous_head`. Raises KeyError for an unknown key."""
    payload = f"{previous_head.hex()} {link.number} {link.line} {link.day} {link.drawn} {link.digests.hex()}"
    return keyring.mac("audit.link", payload, link.key_no)


def select_sequential(after: int, last: int) -> Select[Any]:
    """Select the events with sequential IDs after `after`, up to and including `last`, by ID."""
    return select(*COLUMNS).where(Event.id > after, Event.id <= last).order_by(Event.id)


def select_random(
    newsletter_ids: Sequence[int | None], position: ChainPosition, last_day: date, last_id: int = 0
) -> Select[Any]:
    """Select the events with random IDs after `position` until the end of `last_day`, by ID; up to `last_id` unless 0.

    With `newsletter_ids` from `list_newsletter_ids`, the database can use its index by newsletter and time.
    """
    ids = [newsletter_id for newsletter_id in newsletter_ids if newsletter_id is not None]
    query = select(*COLUMNS).where(
        _unindexed_id < 0,
        or_(Event.newsletter_id.in_(ids), Event.newsletter_id.is_(None)),
        Event.at < _midnight(last_day) + DAY,
    )
    if position.last_full_day:
        query = query.where(Event.at >= _midnight(position.last_full_day) + DAY)
    if position.last_random_id:
        query = query.where(_unindexed_id > position.last_random_id)
    if last_id:
        query = query.where(_unindexed_id <= last_id)
    return query.order_by(_unindexed_id)


def list_newsletter_ids(session: Session) -> list[int | None]:
    """Return the IDs of the newsletters in the trail, with None if there are events without a newsletter."""
    return list(session.scalars(select(Event.newsletter_id).distinct()))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def get_last_closed_day(timestamp: datetime) -> date:
    """Return the last day (UTC) to which no more events can be added."""
    return (timestamp.astimezone(UTC) - DAY_CLOSES).date() - DAY


def advance_known_head(session: Session, known_head: KnownHead) -> KnownHead:
    """Return the head of the newest link, to be remembered instead of `known_head`.

    Returns `known_head` if the chain lacks it, or if the newest link wasn't made with our keys.
    """
    if find_fault(session, known_head):
        return known_head
    try:
        newest = session.scalars(select(ChainLink).order_by(ChainLink.number.desc()).limit(2)).all()
        if not newest or newest[0].number <= known_head.number:
            return known_head
        previous_head = newest[1].head if len(newest) > 1 else b""
        is_ours = compute_head(get_keyring(session), newest[0], previous_head) == newest[0].head
    except (ValueError, TypeError, KeyError):  # a value that its column can't load, or an unknown key
        return known_head
    return KnownHead(known_head.acknowledgements, newest[0].number, newest[0].head) if is_ours else known_head


def extend(database: Database, current_time: datetime | None = None, known_head: KnownHead = NO_HEAD) -> int:
    """Chain the committed events that aren't in the chain yet; return how many. Each link is a transaction of its own.

    Raises `ChainBroken`, and adds nothing, if the chain lacks `known_head`: a chain is never built anew.

    Events with random IDs are left out until their day is over. On PostgreSQL, a lower ID may commit after a higher
    one. So this reads the highest ID, and then waits for the transactions that were writing events. Raises `Busy` if
    that takes longer than PATIENCE; the worker tries again.
    """
    with database.read(current_time) as session:
        position = get_position(session)
        highest_id = session.scalar(select(func.max(Event.id)))
        last_closed_day = get_last_closed_day(now(session))
    last_sequential_id = -1 if highest_id is None else max(highest_id, -1)
    is_day_unfinished = position.last_random_id != 0
    is_day_due = is_day_unfinished or position.last_full_day is None or position.last_full_day < last_closed_day
    if position.last_sequential_id >= last_sequential_id and not is_day_due:
        return 0
    if not database.is_sqlite and not wait_for_writers(database.writer, Event.__tablename__, PATIENCE):
        raise Busy("somebody has been writing events for long")
    with database.read(current_time) as session:
        newsletter_ids = list_newsletter_ids(session) if is_day_due else []
    add_link = partial(
        _add_link,
        last_sequential_id=last_sequential_id,
        last_day=last_closed_day,
        newsletter_ids=newsletter_ids,
        known_head=known_head,
    )
    total = 0
    while (count := database.write(add_link, current_time)) is not None:
        total += count
    return total


def _add_link(
    session: Session,
    last_sequential_id: int,
    last_day: date,
    newsletter_ids: Sequence[int | None],
    known_head: KnownHead,
) -> int | None:
    """Add the next link. Return how many events are in it, or None if nothing was added.

    The link continues an unfinished day, or else holds the next sequential events, or else begins the next day.
    """
    if broken := find_fault(session, known_head):
        raise ChainBroken(broken)
    position, keyring = get_position(session), get_keyring(session)
    link = ChainLink(
        number=position.number + 1,
        key_no=keyring.newest,
        line=position.last_sequential_id,
        day=position.last_full_day,
        drawn=0,
    )
    is_day_unfinished = position.last_random_id != 0
    if not is_day_unfinished and position.last_sequential_id < last_sequential_id:
        query = select_sequential(position.last_sequential_id, last_sequential_id)
        rows = session.execute(query.limit(EVENTS_PER_LINK)).all()
        link.line = rows[-1].id if len(rows) == EVENTS_PER_LINK else last_sequential_id
    elif position.last_full_day is None or position.last_full_day < last_day:
        next_day = position.last_full_day + DAY if position.last_full_day else _first_day(session, last_day)
        link.day = min(next_day, last_day)
        rows = session.execute(select_random(newsletter_ids, position, link.day).limit(EVENTS_PER_LINK)).all()
        link.drawn = rows[-1].id if len(rows) == EVENTS_PER_LINK else 0
    else:
        return None
    link.digests = b"".join(ENTRY.pack(row.id, compute_digest(keyring, link.key_no, row)) for row in rows)
    link.head = compute_head(keyring, link, position.head)
    values = {column.name: getattr(link, column.name) for column in ChainLink.__table__.c}
    insert = INSERT[session.get_bind().dialect.name](ChainLink).values(**values).on_conflict_do_nothing()
    # If another worker was first, the next run continues from its link.
    return len(rows) if session.scalar(insert.returning(ChainLink.number)) else None


def _first_day(session: Session, default: date) -> date:
    """Return the first day that has events with random IDs, or `default` if none has."""
    first_at = session.scalar(select(func.min(Event.at)).where(Event.id < 0))
    return first_at.astimezone(UTC).date() if first_at else default


def get_backlog(session: Session) -> Backlog:
    """Return how many events wait to be chained. Reads the oldest of them to find one that is overdue."""
    position, due_before = get_position(session), now(session) - OVERDUE
    sequential_filters, random_filters = [Event.id > position.last_sequential_id], [Event.id < 0]
    if position.last_full_day:
        random_filters.append(Event.at >= _midnight(position.last_full_day) + DAY)
    counts = [
        session.scalar(select(func.count()).where(*filters)) or 0 for filters in (sequential_filters, random_filters)
    ]
    oldest = select(Event.at).where(*sequential_filters).order_by(Event.id).limit(EVENTS_PER_LINK)
    is_overdue = any(_latest_time(at) < due_before for at in session.scalars(oldest))
    end_of_day = _midnight(get_last_closed_day(due_before)) + DAY
    overdue_days = select(Event.id).where(*random_filters, Event.at < end_of_day).limit(1)
    return Backlog(sum(counts), is_overdue or session.scalar(overdue_days) is not None)


def _latest_time(at: datetime) -> datetime:
    """Return the latest time at which an event may have happened: midnight stands for an unknown time of the day."""
    return at + DAY if at.time() == time() else at


def unpack_digests(link: ChainLink) -> list[tuple[int, bytes]]:
    """Return the IDs and digests of a link's events. An incomplete one at the end is left out."""
    size = len(link.digests) - len(link.digests) % ENTRY.size
    return list(ENTRY.iter_unpack(link.digests[:size]))
