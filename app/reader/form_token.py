"""The token in each reader's form. A form that is sent again has the same token, and so makes no second letter.

The token contains a nonce and the number of a key, from which the letter's receipt is derived. It also contains the
day, but not the time.
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
# Nobody types a question in three seconds, though some paste one. A token holds only the day, not the time, so
# for these seconds the rate limiter stores a hash of the opened form's nonce.
MIN_TYPING_TIME = RateLimitItemPerSecond(1, 3)
OPENED_FORMS = "forms opened"  # the limiter's namespace


def make(session: Session, newsletter: Newsletter) -> str:
    """Return a new token for a form of this newsletter."""
    token, _nonce = make_with_nonce(newsletter.id, get_keyring(session).newest)
    return token


def make_with_nonce(newsletter_id: int, key_no: int) -> tuple[str, str]:
    """Return a new token and its nonce, for a form of a newsletter. `key_no` is the number of the newest key."""
    nonce = signing.new_nonce()
    token = signing.create_token(PURPOSE, newsletter_id, key_no, nonce=nonce)
    if limiter.enabled:
        with suppress(Exception):  # the form must open even if Redis is down
            apply_limits(lambda counters: counters.hit(MIN_TYPING_TIME, OPENED_FORMS, hash_identifier(nonce)))
    return token, nonce


def opened_just_now(nonce: str) -> bool:
    """Return whether a form was opened less than `MIN_TYPING_TIME` ago."""
    return not apply_limits(lambda counters: counters.test(MIN_TYPING_TIME, OPENED_FORMS, hash_identifier(nonce)))


def read(token: str, newsletter: Newsletter) -> FormToken | None:
    """Return the content of a token, or None if it is forged, older than a week, or from another newsletter."""
    fields = signing.read_token(token, PURPOSE, newsletter.id, GOOD_FOR)
    if fields is None or len(fields) != 2:
        return None
    nonce, key_no = fields
    return FormToken(nonce, key_no)
