"""Suggest pairs of experts who may be the same person.

Their names are the same in some spelling, or similar while they share an e-mail domain or an organisation. Merging is
in `app.answers.merging_experts`, since it moves their work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, groupby, islice
from typing import NamedTuple

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

# Experts are compared within groups: experts in whose names the longest word sounds the same.
ROWS_PER_QUERY = 2_000
LARGE_GROUP = 40  # in larger groups, only names of the same sound are compared, at most as many of each sound
PAIRS_PER_GROUP = 50  # others are only suggested after merges have made the group smaller
PAIRS_PER_LOAD = 60  # candidates for which experts are loaded together


@dataclass(frozen=True)
class DuplicatePair:
    """Two experts who may be one person, the one recorded earlier first.

    `reasons` are among "name" (the same sound), "like name" (similar), "organisation" and "domain".
    """

    one: Expert
    other: Expert
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class NameSound:
    """The id of an expert, and the sound of their name, as `name_forms.phonetic_key` returns it."""

    expert_id: int
    key: str

    @property
    def longest_word(self) -> str:
        return _longest_word(self.key)


class DuplicateCandidate(NamedTuple):
    """The ids of two experts to suggest, the smaller one first, and whether their names sound the same."""

    one_id: int
    other_id: int
    is_same_sound: bool


def _longest_word(phonetic_key: str) -> str:
    return phonetic_key.partition(" ")[0]


def pairs(session: Session, after: Expert | None, limit: int) -> list[DuplicatePair]:
    """Return pairs in the order of the sounds of names, starting after the group of the expert `after`.

    All pairs of a group are returned together, so there may be more than `limit`. There are fewer only at the end.
    """
    found: list[DuplicatePair] = []
    candidates: list[DuplicateCandidate] = []
    for group in _iter_groups(session, after.alike if after else ""):
        candidates += islice(_find_candidates(group), PAIRS_PER_GROUP)
        if len(candidates) >= PAIRS_PER_LOAD:
            found += _load_pairs(session, candidates)
            candidates = []
        if len(found) >= limit:
            return found
    return found + _load_pairs(session, candidates)


def has_namesake(session: Session, expert: Expert) -> bool:
    """Return whether the directory has another expert whose name sounds the same."""
    if not expert.alike:
        return False
    others = select(Expert.id).where(Expert.alike == expert.alike, Expert.id != expert.id, Expert.is_listed())
    return session.scalar(others.limit(1)) is not None


def _iter_groups(session: Session, after: str) -> Iterator[list[NameSound]]:
    """Yield groups of experts whose names have the same longest word, after the group of the phonetic key `after`."""
    for _word, members in groupby(_iter_sounds(session, after), key=lambda sound: sound.longest_word):
        group = list(members)
        if len(group) > 1:
            yield group


def _iter_sounds(session: Session, after: str) -> Iterator[NameSound]:
    """Yield the experts after the group of the phonetic key `after`, in the order of an index on the keys."""
    word = _longest_word(after)
    # A key at the end of the group of `word`: a space sorts before all characters that may continue the word.
    cursor: tuple[str, int] = (f"{word} \U0010ffff" if word else "", 0)
    query = select(Expert.id, Expert.alike).where(Expert.is_listed(), Expert.alike != "")
    listing = Listing[Expert](query, (Expert.alike, Expert.id), rising=True)
    while True:
        rows = session.execute(listing.select(cursor, ROWS_PER_QUERY)).all()
        for row in rows:
            sound = NameSound(row.id, row.alike)
            if sound.longest_word != word:
                yield sound
        if len(rows) < ROWS_PER_QUERY:
            return
        cursor = (rows[-1].alike, rows[-1].id)


def _find_candidates(group: list[NameSound]) -> Iterator[DuplicateCandidate]:
    pairs_to_compare = combinations(group, 2) if len(group) <= LARGE_GROUP else _same_sound_pairs(group)
    for one, other in pairs_to_compare:
        is_same_sound = one.key == other.key
        if is_same_sound or is_like(one.key, other.key):
            one_id, other_id = sorted((one.expert_id, other.expert_id))
            yield DuplicateCandidate(one_id, other_id, is_same_sound)


def _same_sound_pairs(group: list[NameSound]) -> Iterator[tuple[NameSound, NameSound]]:
    for _key, namesakes in groupby(group, key=lambda sound: sound.key):
        yield from combinations(list(namesakes)[:LARGE_GROUP], 2)


def _load_pairs(session: Session, candidates: list[DuplicateCandidate]) -> list[DuplicatePair]:
    """Return the candidates with the same sound or another reason, unless they were marked as distinct."""
    if not candidates:
        return []
    ids = {candidate.one_id for candidate in candidates} | {candidate.other_id for candidate in candidates}
    experts = get_many(session, Expert, ids)
    query = select(Namesakes.one_id, Namesakes.other_id).where(Namesakes.one_id.in_(ids))
    distinct_pairs = {(row.one_id, row.other_id) for row in session.execute(query)}
    domains = {expert_id: _domain(session, expert) for expert_id, expert in experts.items()}
    found = []
    for one_id, other_id, is_same_sound in candidates:
        if (one_id, other_id) in distinct_pairs:
            continue
        one, other = experts[one_id], experts[other_id]
        reasons = []
        if one.organisation and one.organisation.casefold() == other.organisation.casefold():
            reasons.append("organisation")
        if domains[one_id] and domains[one_id] == domains[other_id]:
            reasons.append("domain")
        if is_same_sound:
            found.append(DuplicatePair(one, other, ("name", *reasons)))
        elif reasons:
            found.append(DuplicatePair(one, other, ("like name", *reasons)))
    return found


def _domain(session: Session, expert: Expert) -> str:
    """Return the domain of an expert's address, or "" if there is none, or if anybody can have an address there."""
    domain = (email_of(session, expert.person) or "").rpartition("@")[2]
    return "" if domain in word_tables(__file__, "address_domains")["everybodys"] else domain


def mark_distinct(session: Session, actor: Staff, expert: Expert, other_expert: Expert) -> None:
    """Record that two experts are not the same person, so that the pair isn't suggested again.

    Raises `PermissionDenied`, and `InvalidTransition` if both are the same expert.
    """
    must(actor, "directory")
    one_id, other_id = sorted((expert.id, other_expert.id))
    if one_id == other_id:
        raise InvalidTransition("expert", "tell from itself", None)
    if session.scalar(select(Namesakes.id).filter_by(one_id=one_id, other_id=other_id)) is None:
        session.add(Namesakes(one_id=one_id, other_id=other_id, said_by_id=actor.person_id, said_at=now(session)))
        audit.record(session, actor, "expert.two_people", expert, facts={"other": other_expert.id})
