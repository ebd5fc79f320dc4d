"""Signs of life of a worker, as `doctor` and `/readyz` look for them."""

from datetime import datetime

from app.db.engine import Database
from app.watching import sightings


def sign_of_life(database: Database, at: datetime | None = None, duty: str = "place mail") -> None:
    """A worker has done a duty now, or `at`."""
    database.write(lambda session: sightings.record_sightings(session, {f"{sightings.DUTY}{duty}": 1}), at)
