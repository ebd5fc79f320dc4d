"""The verdict of our own server's spam filter on a mail."""

import re

from ..mailtext.incoming import Mail

_YES = re.compile(r"yes\b", re.IGNORECASE)
# SpamAssassin ("Yes, score=5.3 required=5.0"), rspamd ("default: False [1.20 / 15.00]"), and a bare number.
_SCORE = re.compile(
    r"score=(-?\d{1,4}\.?\d{0,3})(?:\s+required=(\d{1,4}\.?\d{0,3}))?"
    r"|\[(-?\d{1,4}\.?\d{0,3}) / (\d{1,4}\.?\d{0,3})\]|^\s*(-?\d{1,4}(?:\.\d{1,3})?)\s*$"
)


def is_spam(mail: Mail) -> bool:
    return any(_YES.match(value.strip()) for name in ("X-Spam-Flag", "X-Spam-Status") for value in mail.all(name))


def score(mail: Mail) -> str:
    """The filter's number: "5.3", or "5.3 of 6.0" where it says from where on it is spam; "" where it says nothing."""
    for name in ("X-Spam-Status", "X-Spamd-Result", "X-Spam-Score", "X-Rspamd-Score"):
        for value in mail.all(name):
            if found := _SCORE.search(value):
                number, limit = (found[1] or found[3] or found[5]), (found[2] or found[4])
                return f"{number} of {limit}" if limit else number
    return ""
