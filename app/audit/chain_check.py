"""Verify the trail against the hash chain: find events that were changed, removed, inserted or moved, and bad links."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.session import get_keyring
from .chain import (
    COLUMNS,
    ENTRY,
    ChainPosition,
    compute_digest,
    compute_head,
    get_position,
    list_newsletter_ids,
    select_random,
    select_sequential,
    unpack_digests,
)
from .models import ChainLink, Event

LINKS_PER_BATCH, EVENTS_PER_BATCH = 500, 5_000  # the second is approximate
MAX_COMPARED = 50  # changed events of a batch that are compared with each other, to find moved ones

EventRow = Row[Any]


class ChainedEvent(NamedTuple):
    """An event as the chain has it: its ID, its digest, and the number of the key of the digest."""

    id: int
    digest: bytes
    key_no: int


class Mismatch(NamedTuple):
    """An event of the chain, and the row of the trail with the same ID; None if the row can't be read."""

    chained: ChainedEvent
    row: EventRow | None


@dataclass(frozen=True)
class ChainFault:
    """A difference between trail and chain: `key` is the ID of an event or the number of a link.

    `description` is made of an event's own columns, which can't be trusted.
    """

    what: str
    noun: str
    key: int
    description: str = ""

    def __str__(self) -> str:
        return f"{self.noun} {self.key} {self.what}{f' ({self.description})' if self.description else ''}"


@dataclass
class ChainCheckResult:
    """The numbers of links, events and faults, and the last position that was checked.

    `found_heads` holds the requested head prefixes that are in the chain, each with the number of its link.
    """

    links: int = 0
    events: int = 0
    faults: int = 0
    end: ChainPosition = field(default_factory=ChainPosition)
    found_heads: dict[str, int] = field(default_factory=dict)


def check(
    database: Database,
    on_fault: Callable[[ChainFault], object],
    *,
    start_link: int = 0,
    head_prefixes: Sequence[str] = (),
    on_batch: Callable[[int], object] = lambda _links: None,
) -> ChainCheckResult:
    """Verify the trail against its chain, after the link `start_link`.

    `on_fault` is called with each fault, `on_batch` with the number of links of each batch. `head_prefixes` are the
    first hexadecimal digits of heads to find in the chain. Each batch is a short transaction, so that no writer waits;
    that is safe because links and chained events never change.
    """
    with database.read() as session:
        result = ChainCheckResult(end=get_position(session, start_link) if start_link else ChainPosition())
        newsletter_ids = list_newsletter_ids(session)
    while True:
        links: list[ChainLink] = []
        unreadable: list[ChainFault] = []
        with database.read() as session:
            try:
                links = _load_batch(session, result.end.number)
            except (ValueError, TypeError):  # a value that the column type can't load
                unreadable = [ChainFault("or one behind it can't be read", "link", result.end.number + 1)]
            for fault in (*unreadable, *_check_batch(session, result, links, newsletter_ids, head_prefixes)):
                result.faults += 1
                on_fault(fault)
        if not links:
            return result
        on_batch(len(links))


def count_links(session: Session) -> int:
    """Return the number of links in the chain."""
    return session.scalar(select(func.count()).select_from(ChainLink)) or 0


def _load_batch(session: Session, after: int) -> list[ChainLink]:
    """Return the next links, at most LINKS_PER_BATCH, with about EVENTS_PER_BATCH events in all."""
    is_next = ChainLink.number > after
    sizes = select(ChainLink.number, func.length(ChainLink.digests)).where(is_next)
    bytes_left, last = EVENTS_PER_BATCH * ENTRY.size, after
    for number, size in session.execute(sizes.order_by(ChainLink.number).limit(LINKS_PER_BATCH)):
        last = number
        bytes_left -= size
        if bytes_left < 0:
            break
    return list(session.scalars(select(ChainLink).where(is_next, ChainLink.number <= last).order_by(ChainLink.number)))


def _check_batch(
    session: Session,
    result: ChainCheckResult,
    links: Sequence[ChainLink],
    newsletter_ids: Sequence[int | None],
    head_prefixes: Sequence[str],
) -> Iterator[ChainFault]:
    """Yield the faults of a batch of links and their events, and update `result`."""
    keyring, start = get_keyring(session), result.end
    sequential_events: list[ChainedEvent] = []
    for link in links:
        before = result.end
        yield from (ChainFault("is missing", "link", number) for number in range(before.number + 1, link.number))
        yield from _check_head(keyring, link, before.head)
        events = [ChainedEvent(event_id, value, link.key_no) for event_id, value in unpack_digests(link)]
        result.links += 1
        result.events += len(events)
        result.end = before.advance(link)
        result.found_heads |= {prefix: link.number for prefix in head_prefixes if link.head.hex().startswith(prefix)}
        sequential_events += [event for event in events if event.id >= 0]
        has_random_events = (link.day, link.drawn) != (before.last_full_day, before.last_random_id)
        if has_random_events and link.day is not None:
            random_events = [event for event in events if event.id < 0]
            stored = _read_events(session, select_random(newsletter_ids, before, link.day, link.drawn))
            yield from _compare_events(keyring, random_events, stored)
    if result.end.last_sequential_id > start.last_sequential_id:
        query = select_sequential(start.last_sequential_id, result.end.last_sequential_id)
        yield from _compare_events(keyring, sequential_events, _read_events(session, query))


def _check_head(keyring: Keys, link: ChainLink, previous_head: bytes) -> Iterator[ChainFault]:
    try:
        if compute_head(keyring, link, previous_head) != link.head or len(link.digests) % ENTRY.size:
            yield ChainFault("was changed, or what stands before it", "link", link.number)
    except KeyError:
        yield ChainFault(f"can't be checked: key {link.key_no} is not held", "link", link.number)


def _read_events(session: Session, query: Any) -> Iterator[tuple[int, EventRow | None]]:
    """Yield events with their IDs; None for an event with a value that its column type can't load."""
    try:
        rows = session.execute(query).all()
    except (ValueError, TypeError):
        for event_id in session.scalars(query.with_only_columns(Event.id)).all():
            try:
                yield event_id, session.execute(select(*COLUMNS).where(Event.id == event_id)).one()
            except (ValueError, TypeError):
                yield event_id, None
    else:
        yield from ((row.id, row) for row in rows)


def _compare_events(
    keyring: Keys, chained_events: Sequence[ChainedEvent], stored_events: Iterable[tuple[int, EventRow | None]]
) -> list[ChainFault]:
    """Return the differences between the events of the chain and those of the trail, by ID."""
    missing = {event.id: event for event in chained_events}
    mismatches: dict[int, Mismatch] = {}
    faults: list[ChainFault] = []
    for event_id, row in stored_events:
        chained = missing.pop(event_id, None)
        if chained is None:
            faults.append(ChainFault("was put in", "event", event_id, _describe_event(row)))
        elif not _matches_chain(keyring, chained, row):
            mismatches[event_id] = Mismatch(chained, row)
    faults += [ChainFault("was removed", "event", event_id) for event_id in missing]
    return sorted([*faults, *_explain_mismatches(keyring, mismatches)], key=lambda fault: fault.key)


def _matches_chain(keyring: Keys, chained: ChainedEvent, row: EventRow | None, event_id: int | None = None) -> bool:
    """Return whether an event matches its digest in the chain; with `event_id`, whether it would with that ID."""
    if row is None:
        return False
    values = (row.id if event_id is None else event_id, *row[1:])
    try:
        return compute_digest(keyring, chained.key_no, values) == chained.digest
    except KeyError:  # reported for its link
        return True


def _explain_mismatches(keyring: Keys, mismatches: Mapping[int, Mismatch]) -> Iterator[ChainFault]:
    """Yield a fault for each event that doesn't match, distinguishing moved events from changed ones."""
    origins = list(mismatches.items())[:MAX_COMPARED]
    for event_id, (_chained, row) in mismatches.items():
        origin_id = next(
            (
                other_id
                for other_id, other in origins
                if other_id != event_id and _matches_chain(keyring, other.chained, row, other_id)
            ),
            None,
        )
        what = "was changed" if origin_id is None else f"was put in its place from where event {origin_id} stood"
        yield ChainFault(what, "event", event_id, _describe_event(row))


def _describe_event(row: EventRow | None) -> str:
    return f"{row.action} by {row.actor}, {row.at:%Y-%m-%d %H:%M} UTC" if row else "it can't be read"
