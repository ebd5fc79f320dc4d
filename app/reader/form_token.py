"""The token in each reader's form, which stays the same when the form is sent again.

It holds a nonce and the number of a key, from which the receipt is derived.
"""

from contextlib import suppress

from limits import RateLimitItemPerSecond
from sqlalchemy.orm import Session

from ..crypto import signing
from ..db.session import get_keyring
from ..letters.receive import FormToken
from ..newsletters.models import Newsletter
from ..web.setup import apply_limits, hash_identifier, limiter

PURPOSE = "a reader's form"
GOOD_FOR = 7  # days
# Nobody types a question in three seconds, though some paste one. A token doesn't tell the time, so for these seconds
# the rate limiter remembers that the form was opened, under a hash.
AT_ONCE = RateLimitItemPerSecond(1, 3)
OPENED = "forms opened"


def make(session: Session, newsletter: Newsletter) -> str:
    """Return a new token for a form of this newsletter."""
    return fresh(newsletter.id, get_keyring(session).newest)[0]


def fresh(newsletter_id: int, key_no: int) -> tuple[str, str]:
    """Return a new token and its nonce, for a form of a newsletter. `key_no` is the number of the newest secret."""
    nonce = signing.new_nonce()
    token = signing.create_token(PURPOSE, newsletter_id, key_no, nonce=nonce)
    if limiter.enabled:
        with suppress(Exception):  # the form must open even if Redis is down
            apply_limits(lambda counters: counters.hit(AT_ONCE, OPENED, hash_identifier(nonce)))
    return token, nonce


def opened_just_now(nonce: str) -> bool:
    """Return whether a form was opened within the last three seconds, too recently for anybody to have typed it."""
    return not apply_limits(lambda counters: counters.test(AT_ONCE, OPENED, hash_identifier(nonce)))


def read(token: str, newsletter: Newsletter) -> FormToken | None:
    """Return the content of a token, or None if it is forged, older than a week, or from another newsletter."""
    facts = signing.read_token(token, PURPOSE, newsletter.id, GOOD_FOR)
    return FormToken(*facts) if facts and len(facts) == 2 else None
