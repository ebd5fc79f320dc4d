"""The code of a newsletter in the short URL of its ask page, for print; it stays when the newsletter is renamed.

It is the beginning of the newsletter's public ID, which is random: codes don't reveal each other, how many newsletters
there are or which came first, and nobody finds one among a thousand million by trying.
"""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.ids import CROCKFORD
from .models import Newsletter

SHORT, WHOLE = 6, 12  # characters
# 6 or 12 characters.
_CODE = re.compile(f"[{CROCKFORD}]{{{SHORT}}}(?:[{CROCKFORD}]{{{WHOLE - SHORT}}})?")
# Letters that are easily taken for digits, decoded as in Crockford's Base32.
_MISREAD = str.maketrans("OIL", "011")


def short_code(session: Session, newsletter: Newsletter) -> str:
    """Return a newsletter's code, or its whole public ID if an older newsletter has that code. It never changes."""
    code = newsletter.public_id[:SHORT]
    return code if _find_oldest(session, code) == newsletter else newsletter.public_id


def find_by_short_code(session: Session, text: str) -> Newsletter | None:
    """Return the newsletter with this code, as somebody may type it from paper, or None."""
    code = text.upper().translate(_MISREAD)
    return _find_oldest(session, code) if _CODE.fullmatch(code) else None


def _find_oldest(session: Session, code: str) -> Newsletter | None:
    beginning = Newsletter.public_id.startswith(code)  # Crockford's alphabet has no wildcard of LIKE
    return session.scalar(select(Newsletter).where(beginning).order_by(Newsletter.id).limit(1))
