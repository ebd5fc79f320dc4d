"""Flag waiting letters for which another letter or a question likely asks the same.

The worker stores the flag in `Letter.alike`, so that the list of letters can show it and filter by it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump
from ..search import DESK
from ..search.alike import Probe, find_matches
from .models import Letter

BATCH_SIZE = 20  # letters per round: each needs a search in the index


class LookAlikes(NamedTuple):
    """The documents that likely ask the same as a letter: whether there are any, and the ids of letters among them."""

    exist: bool
    letter_ids: set[int]


def flag_new_letters(database: Database) -> int:
    """Flag a batch of letters that haven't been compared yet. Return how many.

    The search runs in a read session, since it takes long and must not block writers.
    """
    with database.read() as session:
        look_alikes = {letter.id: _find_look_alikes(session, letter) for letter in _list_uncompared(session)}
    if look_alikes:
        database.write(lambda session: _save_flags(session, look_alikes))
    return len(look_alikes)


def compare_again(session: Session, letter_ids: Sequence[int]) -> None:
    """Let the worker compare these letters again, after the desk has decided that two of them don't ask the same."""
    execute_without_version_bump(session, update(Letter).where(Letter.id.in_(letter_ids)).values(alike=None))


def _list_uncompared(session: Session) -> list[Letter]:
    query = select(Letter).where(Letter.alike.is_(None), Letter.is_received, Letter.indexed_version != 0)
    return list(session.scalars(query.order_by(Letter.id).limit(BATCH_SIZE)))


def _find_look_alikes(session: Session, letter: Letter) -> LookAlikes:
    probe = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
    matches = [match for match in find_matches(session, DESK, letter.newsletter_id, probe) if match.likely]
    return LookAlikes(bool(matches), {match.noun_id for match in matches if match.noun == "letter"})


def _save_flags(session: Session, look_alikes: dict[int, LookAlikes]) -> None:
    """Flag the compared letters, by id, and the older letters that they resemble.

    The versions stay: for somebody who has such a letter open, nothing has changed.
    """
    flagged = {letter_id for letter_id, found in look_alikes.items() if found.exist}
    for found in look_alikes.values():
        flagged |= found.letter_ids
    for letter_ids, is_alike in ((flagged, True), (set(look_alikes) - flagged, False)):
        execute_without_version_bump(session, update(Letter).where(Letter.id.in_(letter_ids)).values(alike=is_alike))
