"""The numbers by which a page tells how old its draft is, as a form sends them.

They come from outside, and are kept in columns that hold no more than `MOST`; what is no number counts as absent.
"""

import json

from flask import request

MOST = 2**31 - 1


def count_sent() -> int:
    """Return the count of the draft that is sent; 0 where the form doesn't say."""
    return _clamp(request.form.get("count", 0, int))


def counts_known() -> dict[str, int]:
    """Return the drafts that the page knew which sends this; none where it doesn't say, so that it is asked."""
    try:
        counts = json.loads(request.form.get("knows", ""))
        return {tab: _clamp(int(count)) for tab, count in counts.items()}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _clamp(count: int) -> int:
    return min(max(count, 0), MOST)
