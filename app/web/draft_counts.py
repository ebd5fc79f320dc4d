"""The draft counters that a form sends, by which the server tells which draft is newer.

They are untrusted input: clamped to `MOST`, the largest number that their columns hold; anything else counts as absent.
"""

import json

from flask import request

MOST = 2**31 - 1


def count_sent() -> int:
    """Return the counter of the submitted draft, or 0 without one."""
    return _clamp(request.form.get("count", 0, int))


def counts_known() -> dict[str, int]:
    """Return the counters of the drafts that the page knew, by tab; none of them if the form doesn't say."""
    try:
        counts = json.loads(request.form.get("knows", ""))
        return {tab: _clamp(int(count)) for tab, count in counts.items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _clamp(count: int) -> int:
    return min(max(count, 0), MOST)
