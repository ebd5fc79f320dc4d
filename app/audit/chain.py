"""The hash chain over the trail, so that no event can be changed, removed or inserted unnoticed.

Each link holds keyed digests of events, and its head covers the head of the link before. See
docs/adr/0020-audit-hash-chain.md.

Only the worker builds it, after events are committed, so that no writer waits. Events with sequential IDs ("in line")
are chained at once, in the order of their IDs. Those that only keep their day have random negative IDs ("drawn"), and
are chained once the day is over, in the order of their IDs, so that the chain reveals no order within a day.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from struct import Struct
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..db.postgresql import writers_have_ended
from ..db.session import get_keyring, now
from .models import ChainLink, Event

AT_ONCE = 1_000  # events in one link
DAY = timedelta(days=1)
LATE = timedelta(minutes=10)  # after midnight (UTC), when all requests of the day before have committed
DUE = timedelta(hours=1)  # time in which the worker should have chained an event
PATIENCE = 2.0  # seconds that the worker waits for writers before it tries again later
ONE = Struct(">i16s")  # an event in a link: its ID and 128 bits of its digest (RFC 2104, section 5)
SAID = 20  # hexadecimal digits of a head as it is shown: 80 bits
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
_KEY = Event.id + 0


@dataclass(frozen=True)
class Reach:
    """The extent of the chain with its link `number`, and its head there.

    It contains sequential IDs up to `line`, and all random IDs of the days up to `whole`. Unless `drawn` is 0, it also
    contains the random IDs of the next link's day up to `drawn`.
    """

    number: int = 0
    line: int = -1
    whole: date | None = None
    drawn: int = 0
    head: bytes = b""

    def over(self, link: ChainLink) -> "Reach":
        """Return how far the chain reaches with `link`, the next one."""
        return Reach(link.number, link.line, self.whole if link.drawn else link.day, link.drawn, link.head)

    @property
    def said(self) -> str:
        """Return the first SAID digits of the head, in groups of four, for people to copy."""
        return " ".join(self.head.hex()[at : at + 4] for at in range(0, SAID if self.head else 0, 4))


def reached(session: Session, number: int | None = None) -> Reach:
    """Return how far the chain reaches, or reached with the link `number`."""
    links = select(ChainLink).order_by(ChainLink.number.desc())
    links = links if number is None else links.where(ChainLink.number <= number)
    if (last := session.scalar(links.limit(1))) is None:
        return Reach()
    whole = last.day
    if last.drawn:
        whole = session.scalar(links.with_only_columns(ChainLink.day).where(ChainLink.drawn == 0).limit(1))
    return replace(Reach().over(last), whole=whole)


def digest(keyring: Keys, key_no: int, values: Sequence[Any]) -> bytes:
    """Return the keyed digest of an event, with `values` as in COLUMNS. Raises KeyError if the key isn't held."""
    key, at, *others = values
    said = json.dumps([key, at.isoformat(), *others], sort_keys=True, separators=(",", ":"))
    return keyring.mac("audit.event", said, key_no)[:16]


def head_of(keyring: Keys, link: ChainLink, previous_head: bytes) -> bytes:
    """Return the head of a link that follows `previous_head`. Raises KeyError if the link's key isn't held."""
    said = f"{previous_head.hex()} {link.number} {link.line} {link.day} {link.drawn} {link.digests.hex()}"
    return keyring.mac("audit.link", said, link.key_no)


def in_line(after: int, upto: int) -> Select[Any]:
    """Select the events with sequential IDs after `after` and up to `upto`, by ID."""
    return select(*COLUMNS).where(Event.id > after, Event.id <= upto).order_by(Event.id)


def of_days(newsletters: Sequence[int | None], reach: Reach, day: date, upto: int = 0) -> Select[Any]:
    """Select the events with random IDs between the chain's reach and the end of `day`, or up to the ID `upto`, by ID.

    `newsletters` are those of `newsletters_in`: the index by newsletter and time finds the events.
    """
    of_some = Event.newsletter_id.in_([key for key in newsletters if key is not None])
    rules = [_KEY < 0, or_(of_some, Event.newsletter_id.is_(None)), Event.at < _midnight(day) + DAY]
    rules += [Event.at >= _midnight(reach.whole) + DAY] if reach.whole else []
    rules += [reach.drawn < _KEY] if reach.drawn else []
    rules += [upto >= _KEY] if upto else []
    return select(*COLUMNS).where(*rules).order_by(_KEY)


def newsletters_in(session: Session) -> list[int | None]:
    """Return the IDs of the newsletters in the trail, with None if there are events without a newsletter."""
    return list(session.scalars(select(Event.newsletter_id).distinct()))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def last_day(timestamp: datetime) -> date:
    """Return the last day (UTC) that is over, with no more events to be written."""
    return (timestamp.astimezone(UTC) - LATE).date() - DAY


def extend(database: Database, current_time: datetime | None = None) -> int:
    """Chain all committed events that aren't in the chain yet; return how many. Each link is a transaction of its own.

    On PostgreSQL, a lower ID may commit after a higher one. So this reads the highest ID, and then waits for the
    transactions that were writing events. Raises `Busy` if that takes longer than PATIENCE; the worker tries again.
    """
    with database.read(current_time) as session:
        reach, mark, until = reached(session), session.scalar(select(func.max(Event.id))), last_day(now(session))
        mark = max(-1 if mark is None else mark, -1)
        is_day_due = reach.drawn or reach.whole is None or reach.whole < until
        if reach.line >= mark and not is_day_due:
            return 0
    if not database.is_sqlite and not writers_have_ended(database.writer, Event.__tablename__, PATIENCE):
        raise Busy("somebody has been writing events for long")
    with database.read(current_time) as session:
        newsletters = newsletters_in(session) if is_day_due else []
    add, done = partial(_add_link, mark=mark, end_date=until, newsletters=newsletters), 0
    while (taken := database.write(add, current_time)) is not None:
        done += taken
    return done


def _add_link(session: Session, mark: int, end_date: date, newsletters: Sequence[int | None]) -> int | None:
    """Add the next link. Return how many events are in it, or None if there was nothing to add."""
    reach, ring = reached(session), get_keyring(session)
    link = ChainLink(number=reach.number + 1, key_no=ring.newest, line=reach.line, day=reach.whole, drawn=0)
    if not reach.drawn and reach.line < mark:
        rows = session.execute(in_line(reach.line, mark).limit(AT_ONCE)).all()
        link.line = rows[-1].id if len(rows) == AT_ONCE else mark
    elif reach.whole is None or reach.whole < end_date:
        link.day = min(reach.whole + DAY, end_date) if reach.whole else _first_day(session, end_date)
        rows = session.execute(of_days(newsletters, reach, link.day).limit(AT_ONCE)).all()
        link.drawn = rows[-1].id if len(rows) == AT_ONCE else 0
    else:
        return None
    link.digests = b"".join(ONE.pack(row.id, digest(ring, link.key_no, row)) for row in rows)
    link.head = head_of(ring, link, reach.head)
    values = {column.name: getattr(link, column.name) for column in ChainLink.__table__.c}
    insert = INSERT[session.get_bind().dialect.name](ChainLink).values(**values).on_conflict_do_nothing()
    # If another worker was first, the next run continues from its link.
    return len(rows) if session.scalar(insert.returning(ChainLink.number)) else None


def _first_day(session: Session, end_date: date) -> date:
    """Return the first day that has events with random IDs, or `end_date` if none has."""
    first = session.scalar(select(func.min(Event.at)).where(Event.id < 0))
    return min(first.astimezone(UTC).date(), end_date) if first else end_date


def waiting(session: Session) -> tuple[int, bool]:
    """Return how many events aren't in the chain yet, and whether one of them is overdue (see DUE)."""
    reach, due = reached(session), now(session) - DUE
    line, drawn = [Event.id > reach.line], [Event.id < 0]
    drawn += [Event.at >= _midnight(reach.whole) + DAY] if reach.whole else []
    number = sum(session.scalar(select(func.count()).where(*rules)) or 0 for rules in (line, drawn))
    some = session.scalars(select(Event.at).where(*line).order_by(Event.id).limit(AT_ONCE))
    # Midnight stands for an unknown time of the day.
    is_late = any(at + (DAY if at.time() == time() else timedelta(0)) < due for at in some)
    days = select(Event.id).where(*drawn, Event.at < _midnight(last_day(due)) + DAY).limit(1)
    return number, is_late or session.scalar(days) is not None


def digests_of(link: ChainLink) -> list[tuple[int, bytes]]:
    """Return the IDs and digests of a link's events. An incomplete one at the end is left out."""
    size = len(link.digests) - len(link.digests) % ONE.size
    return list(ONE.iter_unpack(link.digests[:size]))
