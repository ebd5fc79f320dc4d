"""The one place where the product reads the date; how long things take is measured by `time.monotonic`.

Code that has a database session asks `app.db.session.now` instead, which a command or a test can set.
"""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current moment, aware, in UTC."""
    return datetime.now(UTC)


def unix_time() -> float:
    """Return the seconds since 1 January 1970, UTC."""
    return time.time()
