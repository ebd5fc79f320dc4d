"""Verify the trail against the hash chain: find events that were changed, removed, inserted or moved, and bad links."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.session import get_keyring
from .chain import COLUMNS, ONE, Reach, digest, digests_of, head_of, in_line, newsletters_in, of_days, reached
from .models import ChainLink, Event

LINKS, EVENTS = 500, 5_000  # links in memory at once, and roughly the events
TRIED = 50  # changed events of a batch that are compared with each other, to find moved ones

EventRow = Row[Any]
ChainedEvent = tuple[
    int, bytes, int
]  # an event in the chain: its ID, its digest, and the number of the secret key of the digest


@dataclass(frozen=True)
class Fault:
    """A difference between trail and chain: `key` is the ID of an event or the number of a link.

    `about` describes an event by its own columns, which can't be trusted.
    """

    what: str
    noun: str
    key: int
    about: str = ""

    def __str__(self) -> str:
        return f"{self.noun} {self.key} {self.what}{f' ({self.about})' if self.about else ''}"


@dataclass
class CheckResult:
    """The number of links, events and faults, and the end of the chain. `found` maps head prefixes to link numbers."""

    links: int = 0
    events: int = 0
    faults: int = 0
    end: Reach = field(default_factory=Reach)
    found: dict[str, int] = field(default_factory=dict)


def check(
    database: Database,
    on_fault: Callable[[Fault], object],
    *,
    start_link: int = 0,
    head_prefixes: Sequence[str] = (),
    step: Callable[[int], object] = lambda _links: None,
) -> CheckResult:
    """Verify the trail against its chain, after the link `start_link`.

    `on_fault` is called with each fault, `step` with the number of links of each batch. `head_prefixes` are the first
    hexadecimal digits of heads to find in the chain. Each batch is a short transaction, so that no writer waits: what
    is chained doesn't change.
    """
    with database.read() as session:
        looked = CheckResult(end=reached(session, start_link) if start_link else Reach())
        newsletters = newsletters_in(session)
    while True:
        with database.read() as session:
            try:
                links = _some_links(session, looked.end.number)
            except (ValueError, TypeError):  # a value that the column type can't load
                links, broken = [], [Fault("or one behind it can't be read", "link", looked.end.number + 1)]
            else:
                broken = []
            for fault in (*broken, *_check_batch(session, looked, links, newsletters, head_prefixes)):
                looked.faults += 1
                on_fault(fault)
        if not links:
            return looked
        step(len(links))


def number_of_links(session: Session) -> int:
    """Return the number of links in the chain."""
    return session.scalar(select(func.count()).select_from(ChainLink)) or 0


def _some_links(session: Session, after: int) -> list[ChainLink]:
    """Return the next links, at most LINKS, with about EVENTS events in all."""
    behind = ChainLink.number > after
    sizes = select(ChainLink.number, func.length(ChainLink.digests)).where(behind)
    room, last = EVENTS * ONE.size, after
    for number, size in session.execute(sizes.order_by(ChainLink.number).limit(LINKS)):
        last, room = number, room - size
        if room < 0:
            break
    return list(session.scalars(select(ChainLink).where(behind, ChainLink.number <= last).order_by(ChainLink.number)))


def _check_batch(
    session: Session,
    result: CheckResult,
    links: Sequence[ChainLink],
    newsletters: Sequence[int | None],
    head_prefixes: Sequence[str],
) -> Iterator[Fault]:
    """Yield the faults of a batch of links and their events, and update `result`."""
    ring, start, line = get_keyring(session), result.end, list[ChainedEvent]()
    for link in links:
        reach = result.end
        if link.number != reach.number + 1:
            yield from (Fault("is missing", "link", number) for number in range(reach.number + 1, link.number))
        yield from _check_head(ring, link, reach.head)
        result.found |= {head: link.number for head in head_prefixes if link.head.hex().startswith(head)}
        kept = [(key, value, link.key_no) for key, value in digests_of(link)]
        result.links, result.events, result.end = result.links + 1, result.events + len(kept), reach.over(link)
        line += [one for one in kept if one[0] >= 0]
        if (link.day, link.drawn) != (reach.whole, reach.drawn) and link.day is not None:
            there = of_days(newsletters, reach, link.day, link.drawn)
            yield from _compare_events(ring, [one for one in kept if one[0] < 0], _read(session, there))
    if result.end.line > start.line:
        yield from _compare_events(ring, line, _read(session, in_line(start.line, result.end.line)))


def _check_head(keyring: Keys, link: ChainLink, previous_head: bytes) -> Iterator[Fault]:
    try:
        if head_of(keyring, link, previous_head) != link.head or len(link.digests) % ONE.size:
            yield Fault("was changed, or what stands before it", "link", link.number)
    except KeyError:
        yield Fault(f"can't be checked: key {link.key_no} is not held", "link", link.number)


def _read(session: Session, query: Any) -> Iterator[tuple[int, EventRow | None]]:
    """Yield events with their IDs; None for an event with a value that its column type can't load."""
    try:
        rows = session.execute(query).all()
    except (ValueError, TypeError):
        keys_only = query.with_only_columns(Event.id)
        for key in session.scalars(keys_only).all():
            try:
                yield key, session.execute(select(*COLUMNS).where(Event.id == key)).one()
            except (ValueError, TypeError):
                yield key, None
    else:
        yield from ((row.id, row) for row in rows)


def _compare_events(
    keyring: Keys, chained_events: Sequence[ChainedEvent], stored_events: Iterable[tuple[int, EventRow | None]]
) -> list[Fault]:
    """Return the differences between the events of the chain and those of the trail, by ID."""
    left, faults, other = (
        {one[0]: one for one in chained_events},
        list[Fault](),
        dict[int, tuple[ChainedEvent, EventRow | None]](),
    )
    for key, row in stored_events:
        if (mine := left.pop(key, None)) is None:
            faults.append(Fault("was put in", "event", key, _describe_event(row)))
        elif not _matches_chain(keyring, mine, row):
            other[key] = mine, row
    faults += [Fault("was removed", "event", key) for key in left]
    return sorted([*faults, *_explain_mismatches(keyring, other)], key=lambda fault: fault.key)


def _matches_chain(keyring: Keys, chained_event: ChainedEvent, row: EventRow | None, key: int | None = None) -> bool:
    """Return whether an event matches its digest in the chain; with `key`, whether it would with that ID."""
    if row is None:
        return False
    try:
        return digest(keyring, chained_event[2], (row.id if key is None else key, *row[1:])) == chained_event[1]
    except KeyError:  # reported for its link
        return True


def _explain_mismatches(
    keyring: Keys, mismatches: Mapping[int, tuple[ChainedEvent, EventRow | None]]
) -> Iterator[Fault]:
    """Yield a fault for each event that doesn't match, telling those that were moved from those that were changed."""
    some = list(mismatches.items())[:TRIED]
    for key, (_mine, row) in mismatches.items():
        stood = next(
            (was for was, (kept, _row) in some if was != key and _matches_chain(keyring, kept, row, was)), None
        )
        what = "was changed" if stood is None else f"was put in its place from where event {stood} stood"
        yield Fault(what, "event", key, _describe_event(row))


def _describe_event(row: EventRow | None) -> str:
    return f"{row.action} by {row.actor}, {row.at:%Y-%m-%d %H:%M} UTC" if row else "it can't be read"
