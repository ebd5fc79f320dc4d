"""Unsubscribing: readers stop our mails by the link in a mail, or by their mail program's button (RFC 8058)."""

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Reader
from ..db.session import absolute_url
from ..people import links
from . import contacts
from .blurred_time import stored_time
from .models import Letter


def stop_link(session: Session, letter: Letter) -> str:
    """Return the URL of a new link that can only be used to stop our mails to the letter's writer."""
    return absolute_url(session, f"/stop/{links.new_stop_link(session, letter_id=letter.id)}")


def letter_of(session: Session, token: str) -> Letter | None:
    """Return the letter of a link, even if the link has been used."""
    link = links.find_any(session, token, "stop")
    return session.get(Letter, link.letter_id) if link and link.letter_id else None


def can_stop(session: Session, token: str) -> bool:
    """Return whether the link exists and has not been used."""
    return links.find_link(session, token, "stop") is not None


def stop(session: Session, token: str) -> bool:
    """Erase the writer's address and the mails to them that still wait. Return False for a used or unknown link."""
    link = links.find_link(session, token, "stop")
    letter = letter_of(session, token)
    if link is None or letter is None:
        return False
    actor = Reader(letter_id=letter.id, mailed=True)
    link.revoked_at = stored_time(session, letter)
    contacts.forget(session, actor, letter.id)
    audit.record(session, actor, "letter.stop", letter, at=stored_time(session, letter))
    return True
