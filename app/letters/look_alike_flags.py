"""Flags on waiting letters that have a likely look-alike.

The worker sets them, so that the list of letters can show them and be filtered by them.
"""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump
from ..search import DESK
from ..search.alike import Probe, find_matches
from .models import Letter

BATCH = 20  # letters per round: each needs a search in the index


def look(database: Database) -> int:
    """Flag a batch of letters that haven't been compared yet. Return how many.

    The search runs in a read session, since it takes long and must not block writers.
    """
    with database.read() as session:
        found = {letter.id: _likely(session, letter) for letter in _unlooked(session)}
    if found:
        database.write(lambda session: _save_flags(session, found))
    return len(found)


def look_again(session: Session, keys: Sequence[int]) -> None:
    """Let the worker compare these letters again, after the desk has decided that two of them don't ask the same."""
    execute_without_version_bump(session, update(Letter).where(Letter.id.in_(keys)).values(alike=None))


def _unlooked(session: Session) -> list[Letter]:
    query = select(Letter).where(Letter.alike.is_(None), Letter.is_received, Letter.indexed_version != 0)
    return list(session.scalars(query.order_by(Letter.id).limit(BATCH)))


def _likely(session: Session, letter: Letter) -> set[int] | None:
    """Return the ids of waiting letters that likely ask the same, or None if neither a letter nor a question does."""
    asked = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
    likely = [one for one in find_matches(session, DESK, letter.newsletter_id, asked) if one.likely]
    return {one.noun_id for one in likely if one.noun == "letter"} if likely else None


def _save_flags(session: Session, matches: dict[int, set[int] | None]) -> None:
    """Store the flags without a new version: for somebody who has the letter open, nothing has changed."""
    yes = {key for key, others in matches.items() if others is not None}
    older = set().union(*(others for others in matches.values() if others))
    for keys, is_alike in ((yes | older, True), (set(matches) - yes - older, False)):
        execute_without_version_bump(session, update(Letter).where(Letter.id.in_(keys)).values(alike=is_alike))
