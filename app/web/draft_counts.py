"""The counters of drafts in a form. They tell the server which of two drafts is newer.

Counters are untrusted input, so they are clamped to `MAX_COUNT`, and ignored if they aren't numbers.
"""

import json

from flask import request

MAX_COUNT = 2**31 - 1  # the largest number that their columns can hold


def get_submitted_count() -> int:
    """Return the counter of the submitted draft, or 0 without one."""
    return _clamp(request.form.get("count", 0, int))


def get_known_counts() -> dict[str, int]:
    """Return the counters of the drafts that existed when the page was opened, by tab; {} if they can't be read."""
    try:
        counts = json.loads(request.form.get("knows", ""))
        return {tab: _clamp(int(count)) for tab, count in counts.items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _clamp(count: int) -> int:
    return min(max(count, 0), MAX_COUNT)
