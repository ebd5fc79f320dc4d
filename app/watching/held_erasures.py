"""Erasures that the worker can't complete: erased text that is still in the files of the database.

`doctor` and the desk's first page report them.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..db.secure_delete import EMPTY_LOG_DUTY, REWRITE_DUTY
from ..db.session import now
from . import sightings

DUTIES = (EMPTY_LOG_DUTY, REWRITE_DUTY)  # the duties of the worker that complete erasures
MAX_DELAY = timedelta(minutes=30)  # a running backup delays erasures for minutes


def get_stalled_since(session: Session) -> datetime | None:
    """Return when the worker last completed erasures, if it has failed since then for more than `MAX_DELAY`; else None.

    If no worker is running, this returns None: other checks report that.
    """
    done_names = [f"{sightings.DUTY}{duty}" for duty in DUTIES]
    failed_names = [f"{sightings.FAILED}{duty}" for duty in DUTIES]
    times = sightings.get_times(session, [*done_names, *failed_names])
    stalled_since = []
    for done_name, failed_name in zip(done_names, failed_names, strict=True):
        last_done, last_failed = times.get(done_name), times.get(failed_name)
        if last_done and last_failed and last_failed > last_done:
            stalled_since.append(last_done)
    return min((since for since in stalled_since if now(session) - since > MAX_DELAY), default=None)
