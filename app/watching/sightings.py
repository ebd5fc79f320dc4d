"""Signs of life that the worker and the web processes store for `doctor`, `/readyz` and `/metrics`."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..db.session import now
from .models import Sighting

# Prefixes of the names of sightings.
DUTY = "duty: "  # a duty of the worker was performed
FAILED = "failed: "  # a duty of the worker failed
PART = "part: "  # a part of the worker was active
PARTS = ("intake", "sending", "indexing", "clock", "forgetting", "telling")  # of the worker, each with a thread


def record_sightings(session: Session, counts: Mapping[str, int], timestamp: datetime | None = None) -> None:
    """Add `counts` to the counts of these names. Set the time when they were last seen: `timestamp`, or else now."""
    seen_at = timestamp or now(session)
    for name, count in counts.items():
        if not _increment(session, name, count, seen_at):
            try:
                with session.begin_nested():
                    session.add(Sighting(name=name, seen_at=seen_at, number=count))
            except IntegrityError:  # another process has just inserted it
                _increment(session, name, count, seen_at)


def _increment(session: Session, name: str, count: int, seen_at: datetime) -> bool:
    """Add to the count of a name. Return False if the name has no row yet."""
    query = update(Sighting).where(Sighting.name == name).values(seen_at=seen_at, number=Sighting.number + count)
    return session.execute(query.returning(Sighting.name)).first() is not None


def list_by_prefix(session: Session, prefix: str) -> dict[str, Sighting]:
    """Return the sightings whose names begin with `prefix`, by the rest of the name."""
    rows = session.scalars(select(Sighting).where(Sighting.name.startswith(prefix, autoescape=True)))
    return {row.name.removeprefix(prefix): row for row in rows}


def get_times(session: Session, names: Collection[str]) -> dict[str, datetime]:
    """Return when each of these names was last seen. Names that were never seen are left out."""
    rows = session.execute(select(Sighting.name, Sighting.seen_at).where(Sighting.name.in_(names)))
    return {row.name: row.seen_at for row in rows}


def get_last_round(session: Session) -> datetime | None:
    """Return when a worker last performed any duty, or None."""
    return max((row.seen_at for row in list_by_prefix(session, DUTY).values()), default=None)


def get_seen_at(session: Session, name: str) -> datetime | None:
    """Return when this name was last seen, or None."""
    return session.scalar(select(Sighting.seen_at).where(Sighting.name == name))
