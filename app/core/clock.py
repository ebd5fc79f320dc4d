"""The wall clock. No other module reads it; durations are measured with `time.monotonic`.

Code that has a database session calls `app.db.session.now` instead, which a command or a test can override.
"""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.now(UTC)


def unix_time() -> float:
    """Return the seconds since 1 January 1970, UTC."""
    return time.time()
