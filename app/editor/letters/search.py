"""The letters that words were searched for, newest first, with the places where they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...letters import queries
from ...letters.models import Letter
from ...matching import DESK
from ...matching.search import Piece, mark_of
from ...matching.search import search as look_up
from ..frame import Desk
from .filters import Chosen

LOOKED = 3  # pages of hits that one page looks through for those that the other filters leave


@dataclass(frozen=True)
class Found:
    """`pieces` are cut at the words that were searched for, by the key of the letter; `older` is where the next page begins."""

    letters: Sequence[Letter]
    pieces: Mapping[int, Sequence[Piece]]
    older: str | None


def search(desk: Desk, listed: Chosen, after: Letter | None, limit: int) -> Found:
    session, key = desk.session, desk.newsletter.id
    before = mark_of(session, DESK, "letter", after.id) if after else None
    most = limit * LOOKED
    hits = look_up(session, DESK, key, listed.search, nouns=("letter",), before=before, limit=most)
    rows = queries.among(session, key, listed.wanted, [hit.noun_id for hit in hits])
    order = {hit.noun_id: at for at, hit in enumerate(hits)}
    rows.sort(key=lambda one: order[one.id])
    older = rows[limit - 1].public_id if len(rows) > limit else None
    if older is None and len(hits) == most:  # the filters left few of these, and there are more
        last = session.get(Letter, hits[-1].noun_id)
        older = last.public_id if last else None
    shown = rows[:limit]
    return Found(shown, {one.id: hits[order[one.id]].snippet for one in shown}, older)
