"""The code of a newsletter in the short address of its ask page, for print: it stays when the newsletter is renamed.

It is the beginning of the newsletter's public id. That was drawn by lot, so that no code tells of another, of how many
there are or of which came first; whoever tries addresses out finds nothing among a thousand million.
"""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.ids import CROCKFORD
from .models import Newsletter

SHORT, WHOLE = 6, 12  # signs
_CODE = re.compile(f"[{CROCKFORD}]{{{SHORT}}}(?:[{CROCKFORD}]{{{WHOLE - SHORT}}})?")
# Signs that are read for others, by Crockford's own rule; a phone begins a line with a capital.
_MISREAD = str.maketrans("OIL", "011")


def short_code(session: Session, newsletter: Newsletter) -> str:
    """Return a newsletter's code; the whole id where an elder newsletter has the short one. It never changes."""
    code = newsletter.public_id[:SHORT]
    return code if _eldest(session, code) == newsletter else newsletter.public_id


def find_by_short_code(session: Session, text: str) -> Newsletter | None:
    """Return the newsletter whose code this is, as somebody may type it from paper."""
    code = text.upper().translate(_MISREAD)
    return _eldest(session, code) if _CODE.fullmatch(code) else None


def _eldest(session: Session, code: str) -> Newsletter | None:
    beginning = Newsletter.public_id.startswith(code)  # of Crockford's signs none is one of LIKE
    return session.scalar(select(Newsletter).where(beginning).order_by(Newsletter.id).limit(1))
