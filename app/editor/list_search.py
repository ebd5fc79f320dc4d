"""The letters or questions of a list that words were searched for, with the places where the words stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..letters.models import Letter
from ..matching import DESK
from ..matching.search import Piece, mark_of
from ..matching.search import search as look_up
from ..questions.models import Question
from .frame import Desk

LOOKED = 3  # pages of hits that one page looks through for those that the other filters leave
Row = TypeVar("Row", Letter, Question)


@dataclass(frozen=True)
class Found(Generic[Row]):
    """`pieces` are cut at the words that were searched for, by the key of the row; `older` is where the next page begins."""

    rows: Sequence[Row]
    pieces: Mapping[int, Sequence[Piece]]
    older: str | None


def search(
    desk: Desk, noun: type[Row], words: str, after: Row | None, limit: int, among: Callable[[list[int]], list[Row]]
) -> Found[Row]:
    """A page of what was found, from behind `after`. `among` gives those of several keys that the other filters leave."""
    session, name, most = desk.session, noun.__name__.lower(), limit * LOOKED
    before = mark_of(session, DESK, name, after.id) if after else None
    hits = look_up(session, DESK, desk.newsletter.id, words, nouns=(name,), before=before, limit=most)
    order = {hit.noun_id: at for at, hit in enumerate(hits)}
    rows = sorted(among(list(order)), key=lambda one: order[one.id])
    older = rows[limit - 1].public_id if len(rows) > limit else None
    if older is None and len(hits) == most:  # the filters left few of these, and there are more
        last = session.get(noun, hits[-1].noun_id)
        older = last.public_id if last else None
    shown = rows[:limit]
    return Found(shown, {one.id: hits[order[one.id]].snippet for one in shown}, older)
