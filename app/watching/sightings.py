"""Signs of life that the worker and the web processes store for `doctor`, `/readyz` and `/metrics`."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..db.session import now
from .models import Sighting

DUTY, FAILED = "duty: ", "failed: "  # prefixes of a duty's name, for its rounds and for those that failed
PART = "part: "  # prefix of the name of a part of the worker
PARTS = ("intake", "sending", "indexing", "clock", "forgetting", "telling")  # independent of each other


def record_sightings(session: Session, counts: Mapping[str, int], timestamp: datetime | None = None) -> None:
    """Add to the counts of these names, and set when they were seen: now or at `timestamp`."""
    for name, times in counts.items():
        if not _increment(session, name, times, timestamp or now(session)):
            try:
                with session.begin_nested():
                    session.add(Sighting(name=name, seen_at=timestamp or now(session), number=times))
            except IntegrityError:  # another process has just inserted it
                _increment(session, name, times, timestamp or now(session))


def _increment(session: Session, name: str, times: int, timestamp: datetime) -> bool:
    more = update(Sighting).where(Sighting.name == name).values(seen_at=timestamp, number=Sighting.number + times)
    return session.execute(more.returning(Sighting.name)).first() is not None


def list_by_prefix(session: Session, start: str) -> dict[str, Sighting]:
    """Return the sightings whose names begin with `start`, by the rest of the name."""
    rows = session.scalars(select(Sighting).where(Sighting.name.startswith(start, autoescape=True)))
    return {row.name.removeprefix(start): row for row in rows}


def get_times(session: Session, names: Collection[str]) -> dict[str, datetime]:
    """Return when each of these names was last seen, without those that never were."""
    rows = session.execute(select(Sighting.name, Sighting.seen_at).where(Sighting.name.in_(names)))
    return {row.name: row.seen_at for row in rows}


def get_last_round(session: Session) -> datetime | None:
    """Return when a worker was last seen working, or None."""
    return max((row.seen_at for row in list_by_prefix(session, DUTY).values()), default=None)


def get_seen_at(session: Session, name: str) -> datetime | None:
    """Return when this name was last seen, or None."""
    return session.scalar(select(Sighting.seen_at).where(Sighting.name == name))
