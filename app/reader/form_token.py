"""The readers' form token, the same through a repeated Send.

Beside its nonce, from which the receipt follows, it carries the number of the key that makes the receipt.
"""

from sqlalchemy.orm import Session

from .. import form_signing
from ..db import keys
from ..letters.receive import Form
from ..newsletters.models import Newsletter

PURPOSE = "a reader's form"
GOOD_FOR = 7  # days


def make(session: Session, newsletter: Newsletter) -> str:
    """A token for one form of this newsletter."""
    return form_signing.make(PURPOSE, newsletter.id, keys(session).newest)


def read(token: str, newsletter: Newsletter) -> Form | None:
    """Return what a token says; None for one that is forged, too old, or another newsletter's."""
    facts = form_signing.read(token, PURPOSE, newsletter.id, GOOD_FOR)
    return Form(*facts) if facts and len(facts) == 2 else None
