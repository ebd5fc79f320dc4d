"""The code of a newsletter in the short URL of its ask page, for print. It stays when the newsletter is renamed.

The code is the beginning of the newsletter's public ID, which is random: it reveals neither other codes nor the number
of newsletters. There are a thousand million possible codes, so nobody can guess one.
"""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.ids import CROCKFORD
from .models import Newsletter

CODE_LENGTH, PUBLIC_ID_LENGTH = 6, 12
# A short code, or a whole public ID.
_CODE = re.compile(f"[{CROCKFORD}]{{{CODE_LENGTH}}}(?:[{CROCKFORD}]{{{PUBLIC_ID_LENGTH - CODE_LENGTH}}})?")
# Letters that are easily taken for digits and vice versa, decoded as in Crockford's Base32.
_MISREAD = str.maketrans("OIL", "011")


def short_code(session: Session, newsletter: Newsletter) -> str:
    """Return a newsletter's code, or its whole public ID if an older newsletter has that code. It never changes."""
    code = newsletter.public_id[:CODE_LENGTH]
    return code if _find_oldest(session, code) == newsletter else newsletter.public_id


def find_by_short_code(session: Session, text: str) -> Newsletter | None:
    """Return the newsletter with this code, as somebody may type it from paper, or None."""
    code = text.upper().translate(_MISREAD)
    return _find_oldest(session, code) if _CODE.fullmatch(code) else None


def _find_oldest(session: Session, code: str) -> Newsletter | None:
    begins_with_code = Newsletter.public_id.startswith(code)  # needs no escaping: the code has no % or _
    return session.scalar(select(Newsletter).where(begins_with_code).order_by(Newsletter.id).limit(1))
