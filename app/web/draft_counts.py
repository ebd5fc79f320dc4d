"""The counters of drafts in a form. They tell the server which of two drafts is newer.

Counters are untrusted input, so they are clamped to `MAX_COUNT`, and ignored if they aren't numbers.
"""

import json

from flask import request

MAX_COUNT = 2**31 - 1  # the largest number that their columns can hold
MAX_KNOWN_DRAFTS = 100  # drafts that a page can say it has shown; it would show the others again
LONGEST_TAB = 40  # characters, as in the columns with the names of tabs


def get_submitted_count() -> int:
    """Return the counter of the submitted draft, or 0 without one."""
    return _clamp(request.form.get("count", 0, int))


def get_known_counts() -> dict[str, int]:
    """Return the counters of the drafts that the page has shown, by tab; {} if they can't be read."""
    try:
        counts = list(json.loads(request.form.get("knows", "")).items())[:MAX_KNOWN_DRAFTS]
        return {tab: _clamp(int(count)) for tab, count in counts if len(tab) <= LONGEST_TAB}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _clamp(count: int) -> int:
    return min(max(count, 0), MAX_COUNT)
