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

WALKED = 2_000  # rows read per query, in the order of sounds
CROWD = 40  # larger groups of one longest name are compared by whole names only
MOST = 50  # pairs per longest name; the next ones follow once these are decided
JUDGED = 60  # pairs loaded at a time


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
    id: int
    alike: str


def pairs(session: Session, after: Expert | None, limit: int) -> list[Pair]:
    """Return the next pairs in the order of the sounds of names, starting after the group of the expert `after`."""
    found: list[Pair] = []
    candidates: list[tuple[int, int, bool]] = []
    for group in _groups(session, after.alike if after else ""):
        candidates += islice(_candidates(group), MOST)
        if len(candidates) >= JUDGED:
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
    for _longest, group in groupby(rows, key=lambda row: row.alike.partition(" ")[0]):
        listed = list(group)
        if len(listed) > 1:
            yield listed


def _walk(session: Session, after: str) -> Iterator[Sound]:
    """Yield all experts after the group of the name `after`. A space sorts before anything that may continue a name."""
    start = after.partition(" ")[0]
    at: tuple[str, int] = (f"{start} \U0010ffff" if start else "", 0)
    query = select(Expert.id, Expert.alike).where(Expert.is_listed(), Expert.alike != "")
    everybody = Listing[Expert](query, (Expert.alike, Expert.id), rising=True)
    while True:
        rows = session.execute(everybody.select(at, WALKED)).all()
        yield from (Sound(row.id, row.alike) for row in rows if row.alike.partition(" ")[0] != start)
        if len(rows) < WALKED:
            return
        at = (rows[-1].alike, rows[-1].id)


def _candidates(group: list[Sound]) -> Iterator[tuple[int, int, bool]]:
    """Yield pairs that could be one person: their ids in order, and whether the names sound the same."""
    for one, other in combinations(group, 2) if len(group) <= CROWD else _same_name_pairs(group):
        same = one.alike == other.alike
        if same or is_like(one.alike, other.alike):
            yield (*sorted((one.id, other.id)), same)  # type: ignore[misc]


def _same_name_pairs(group: list[Sound]) -> Iterator[tuple[Sound, Sound]]:
    for _name, namesakes in groupby(group, key=lambda row: row.alike):
        yield from combinations(list(namesakes)[:CROWD], 2)


def _load_pairs(session: Session, candidates: list[tuple[int, int, bool]]) -> list[Pair]:
    if not candidates:
        return []
    keys = {key for one, other, _ in candidates for key in (one, other)}
    experts = get_many(session, Expert, keys)
    known = select(Namesakes.one_id, Namesakes.other_id).where(Namesakes.one_id.in_(keys))
    two_people = {(row.one_id, row.other_id) for row in session.execute(known)}
    domains = {key: _domain(session, row) for key, row in experts.items()}
    found = []
    for one, other, same in candidates:
        a, b = experts[one], experts[other]
        at_one = {
            "organisation": bool(a.organisation) and a.organisation.casefold() == b.organisation.casefold(),
            "domain": bool(domains[one]) and domains[one] == domains[other],
        }
        reasons = [reason for reason, holds in at_one.items() if holds]
        if (one, other) not in two_people and (same or reasons):
            found.append(Pair(a, b, ("name" if same else "like name", *reasons)))
    return found


def _domain(session: Session, expert: Expert) -> str:
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
        said = {"said_by_id": actor.person_id, "said_at": now(session)}
        session.add(Namesakes(one_id=first, other_id=second, **said))
        audit.record(session, actor, "expert.two_people", expert, facts={"other": other_expert.id})
