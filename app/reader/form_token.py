"""The readers' form token, the same through a repeated Send.

Beside its nonce, from which the receipt follows, it carries the number of the key that makes the receipt.
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
# Nobody types a question in this time, though some paste one. The form says no minute; that it was opened is remembered
# in the counters, under a hash, and for as long alone.
AT_ONCE = RateLimitItemPerSecond(1, 3)
OPENED = "forms opened"


def make(session: Session, newsletter: Newsletter) -> str:
    """A token for one form of this newsletter."""
    return fresh(newsletter.id, get_keyring(session).newest)[0]


def fresh(newsletter_id: int, key_no: int) -> tuple[str, str]:
    """Return a token for one form of a newsletter, and the nonce in it. `key_no` is that of the newest secret."""
    nonce = signing.nonce()
    token = signing.create_token(PURPOSE, newsletter_id, key_no, nonce=nonce)
    if limiter.enabled:
        with suppress(Exception):  # a counter that can't be reached keeps nobody from the form
            apply_limits(lambda counters: counters.hit(AT_ONCE, OPENED, hash_identifier(nonce)))
    return token, nonce


def opened_just_now(nonce: str) -> bool:
    """Return whether a form was opened so lately that nobody can have typed a question into it."""
    return not apply_limits(lambda counters: counters.test(AT_ONCE, OPENED, hash_identifier(nonce)))


def read(token: str, newsletter: Newsletter) -> FormToken | None:
    """Return what a token says; None for one that is forged, too old, or another newsletter's."""
    facts = signing.read_token(token, PURPOSE, newsletter.id, GOOD_FOR)
    return FormToken(*facts) if facts and len(facts) == 2 else None
