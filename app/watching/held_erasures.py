"""Erasures that the worker can't bring to their end, for `doctor` and the desk's first page."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from ..db import now
from ..remains import EMPTY_LOG, REWRITE
from . import sightings

NAMES = tuple((f"{sightings.DUTY}{duty}", f"{sightings.FAILED}{duty}") for duty in (EMPTY_LOG, REWRITE))
LONG = timedelta(minutes=30)  # that remains may stay: a backup that is being made holds them for minutes


def seen() -> dict[str, ColumnElement[datetime]]:
    """Return when the worker last ended erasures and last failed to, as columns of a statement."""
    return {name: sightings.last_seen(name) for both in NAMES for name in both}


def since_of(found: Mapping[str, datetime | None], at: datetime) -> datetime | None:
    """Return by what was `seen` since when erasures were held up; see `since`."""
    times = [(found[done], found[failed]) for done, failed in NAMES]
    held = [done for done, failed in times if done and failed and failed > done]
    return min((last for last in held if at - last > LONG), default=None)


def since(session: Session) -> datetime | None:
    """Return since when the worker has not been able to end erasures, where that is too long; None where all is well.

    Where no worker runs at all, others say so.
    """
    found = sightings.times_of(session, [name for both in NAMES for name in both])
    return since_of(defaultdict(lambda: None, found), now(session))
