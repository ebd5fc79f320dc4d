"""Flags on waiting letters that have a likely look-alike: the worker notes them, so that the list can say so and be
narrowed by it."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump
from ..search import DESK
from ..search.alike import Probe, find_matches
from .models import Letter

BATCH = 20  # letters a round: each takes a look into the index


def look(database: Database) -> int:
    """Look at some letters that nobody has looked at yet; gives how many. Reading takes the time, so it holds up no
    writer."""
    with database.read() as session:
        found = {letter.id: _likely(session, letter) for letter in _unlooked(session)}
    if found:
        database.write(lambda session: _save_flags(session, found))
    return len(found)


def look_again(session: Session, keys: Sequence[int]) -> None:
    """The desk has said that two are not the same: the worker looks whether anything else is."""
    execute_without_version_bump(session, update(Letter).where(Letter.id.in_(keys)).values(alike=None))


def _unlooked(session: Session) -> list[Letter]:
    query = select(Letter).where(Letter.alike.is_(None), Letter.is_received, Letter.indexed_version != 0)
    return list(session.scalars(query.order_by(Letter.id).limit(BATCH)))


def _likely(session: Session, letter: Letter) -> set[int] | None:
    """The letters that wait and are likely the same; None where nothing is, be it a letter or a question."""
    asked = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
    likely = [one for one in find_matches(session, DESK, letter.newsletter_id, asked) if one.likely]
    return {one.noun_id for one in likely if one.noun == "letter"} if likely else None


def _save_flags(session: Session, matches: dict[int, set[int] | None]) -> None:
    """Without a new version: what somebody has open is as it was."""
    yes = {key for key, others in matches.items() if others is not None}
    older = set().union(*(others for others in matches.values() if others))
    for keys, is_alike in ((yes | older, True), (set(matches) - yes - older, False)):
        execute_without_version_bump(session, update(Letter).where(Letter.id.in_(keys)).values(alike=is_alike))
