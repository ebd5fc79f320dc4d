"""The export of what is held of a reader, for whoever holds the receipt in hand."""

from typing import Any

from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..core.state_machine import PermissionDenied
from . import contacts
from .models import Letter
from .queries import get_additions_by_letter


def export_personal_data(session: Session, actor: Reader, letter: Letter) -> dict[str, Any]:
    """Return all that is held of the writer of a letter, by name: days and moments in ISO 8601, None for nothing.

    Raises `PermissionDenied` for a receipt that travelled by mail, which others may have read, and for what was erased.
    """
    if actor.letter_id != letter.id or actor.mailed or letter.erased_at:
        raise PermissionDenied(actor.ref)
    credit, contact = letter.credit, letter.contact
    added = get_additions_by_letter(session, [letter.id])[letter.id]
    came = letter.received_at
    return {
        "words": letter.body,
        "background": letter.background,
        "word_for_word": letter.verbatim,
        "language": letter.language,
        "came_by": letter.channel,
        "came_on": came.date().isoformat() if letter.hear_back == "number" else came.isoformat(timespec="seconds"),
        "hears_back": letter.hear_back,
        "address": contacts.email_of(session, letter),
        "address_erased_by": contact.erase_on.isoformat() if contact else None,
        "name": contacts.get_credit_name(session, letter),
        "consent": credit.consent_text if credit else None,
        "added": [
            {"asked": one.note.body if one.note else None, "words": one.addition.body if one.addition else None}
            for one in added
        ],
    }
