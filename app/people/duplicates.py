"""Experts who may be one person: their names are the same in any spelling, or similar with a shared domain or employer.

Pairs are only suggested. `app.answers.merging_experts` merges experts, as it moves their work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, groupby, islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition
from ..core.listing import Listing
from ..core.state_machine import must
from ..db.session import get_many, now
from ..text.word_tables import word_tables
from .directory import email_of
from .models import Expert, Namesakes
from .name_forms import is_like

ROWS_PER_QUERY = 2_000  # in the order of sounds
LARGE_GROUP = 40  # larger groups of one longest name are compared by whole names only
PAIRS_PER_GROUP = 50  # of one longest name; the next ones follow once these are decided
PAIRS_PER_LOAD = 60


@dataclass(frozen=True)
class Pair:
    """Two experts who may be one person, the earlier recorded first.

    `reasons` are "name", "like name", "organisation" and "domain".
    """

    one: Expert
    other: Expert
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Sound:
    """The id of an expert, and the sound of their name: `alike`, as `name_forms.phonetic_key` returns it."""

    id: int
    alike: str

    @property
    def longest_name(self) -> str:
        return self.alike.partition(" ")[0]


def pairs(session: Session, after: Expert | None, limit: int) -> list[Pair]:
    """Return the next pairs in the order of the sounds of names, starting after the group of the expert `after`."""
    found: list[Pair] = []
    candidates: list[tuple[int, int, bool]] = []
    for group in _groups(session, after.alike if after else ""):
        candidates += islice(_candidates(group), PAIRS_PER_GROUP)
        if len(candidates) >= PAIRS_PER_LOAD:
            found += _load_pairs(session, candidates)
            candidates = []
        if len(found) >= limit:
            return found
    return found + _load_pairs(session, candidates)


def has_namesake(session: Session, expert: Expert) -> bool:
    """Return whether the directory has another expert of this name, in any spelling."""
    others = select(Expert.id).where(Expert.alike == expert.alike, Expert.id != expert.id, Expert.is_listed())
    return bool(expert.alike) and session.scalar(others.limit(1)) is not None


def _groups(session: Session, after: str) -> Iterator[list[Sound]]:
    """Yield groups of experts who share their longest name, by walking one index."""
    rows = _walk(session, after)
    for _name, members in groupby(rows, key=lambda row: row.longest_name):
        group = list(members)
        if len(group) > 1:
            yield group


def _walk(session: Session, after: str) -> Iterator[Sound]:
    """Yield all experts whose longest name comes after that of `after`, in the order of sounds."""
    start = after.partition(" ")[0]
    # The last sound that the group of `start` can have, as a space sorts before anything that may continue a name.
    cursor: tuple[str, int] = (f"{start} \U0010ffff" if start else "", 0)
    query = select(Expert.id, Expert.alike).where(Expert.is_listed(), Expert.alike != "")
    everybody = Listing[Expert](query, (Expert.alike, Expert.id), rising=True)
    while True:
        rows = session.execute(everybody.select(cursor, ROWS_PER_QUERY)).all()
        for row in rows:
            sound = Sound(row.id, row.alike)
            if sound.longest_name != start:
                yield sound
        if len(rows) < ROWS_PER_QUERY:
            return
        cursor = (rows[-1].alike, rows[-1].id)


def _candidates(group: list[Sound]) -> Iterator[tuple[int, int, bool]]:
    """Yield pairs that could be one person: their ids in order, and whether the names sound the same."""
    pairs_to_compare = combinations(group, 2) if len(group) <= LARGE_GROUP else _same_name_pairs(group)
    for one, other in pairs_to_compare:
        is_same = one.alike == other.alike
        if is_same or is_like(one.alike, other.alike):
            yield min(one.id, other.id), max(one.id, other.id), is_same


def _same_name_pairs(group: list[Sound]) -> Iterator[tuple[Sound, Sound]]:
    for _name, namesakes in groupby(group, key=lambda row: row.alike):
        yield from combinations(list(namesakes)[:LARGE_GROUP], 2)


def _load_pairs(session: Session, candidates: list[tuple[int, int, bool]]) -> list[Pair]:
    if not candidates:
        return []
    ids = {expert_id for one_id, other_id, _is_same in candidates for expert_id in (one_id, other_id)}
    experts = get_many(session, Expert, ids)
    query = select(Namesakes.one_id, Namesakes.other_id).where(Namesakes.one_id.in_(ids))
    distinct_pairs = {(row.one_id, row.other_id) for row in session.execute(query)}
    domains = {expert_id: _domain(session, expert) for expert_id, expert in experts.items()}
    found = []
    for one_id, other_id, is_same in candidates:
        if (one_id, other_id) in distinct_pairs:
            continue
        one, other = experts[one_id], experts[other_id]
        reasons = []
        if one.organisation and one.organisation.casefold() == other.organisation.casefold():
            reasons.append("organisation")
        if domains[one_id] and domains[one_id] == domains[other_id]:
            reasons.append("domain")
        if is_same:
            found.append(Pair(one, other, ("name", *reasons)))
        elif reasons:
            found.append(Pair(one, other, ("like name", *reasons)))
    return found


def _domain(session: Session, expert: Expert) -> str:
    """Return the domain of an expert's address, or "" without an address and for a provider that anybody can use."""
    domain = (email_of(session, expert.person) or "").rpartition("@")[2]
    return "" if domain in word_tables(__file__, "address_domains")["everybodys"] else domain


def mark_distinct(session: Session, actor: Staff, expert: Expert, other_expert: Expert) -> None:
    """Record that two experts are two people, so that the pair isn't suggested again.

    Raises `InvalidTransition` if both are the same expert, and `PermissionDenied`.
    """
    must(actor, "directory")
    first, second = sorted((expert.id, other_expert.id))
    if first == second:
        raise InvalidTransition("expert", "tell from itself", None)
    if session.scalar(select(Namesakes.id).filter_by(one_id=first, other_id=second)) is None:
        session.add(Namesakes(one_id=first, other_id=second, said_by_id=actor.person_id, said_at=now(session)))
        audit.record(session, actor, "expert.two_people", expert, facts={"other": other_expert.id})
