"""Erasures that the worker can't complete, for `doctor` and the desk's first page."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..db.secure_delete import EMPTY_LOG, REWRITE
from ..db.session import now
from . import sightings

NAMES = tuple((f"{sightings.DUTY}{duty}", f"{sightings.FAILED}{duty}") for duty in (EMPTY_LOG, REWRITE))
LONG = timedelta(minutes=30)  # a running backup delays erasures for minutes


def get_stalled_since(session: Session) -> datetime | None:
    """Return since when the worker has been unable to complete erasures, if that is too long; else None.

    Other checks report that no worker is running.
    """
    seen = sightings.get_times(session, [name for both in NAMES for name in both])
    times = [(seen.get(done), seen.get(failed)) for done, failed in NAMES]
    held = [done for done, failed in times if done and failed and failed > done]
    return min((last for last in held if now(session) - last > LONG), default=None)
