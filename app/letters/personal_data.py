"""The personal data of a reader's letter: exported for its writer, and erased."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Actor, Reader
from ..core.state_machine import PermissionDenied
from ..search.index import remove_from_indexes
from . import contacts
from .lifecycle import LETTER
from .models import Addition, Letter, MachineTranslation, ReceiptNote
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


ERASED_VALUES: dict[str, Any] = {
    **dict.fromkeys(("body", "background", "desk_note")),
    "language": "und",
    "verbatim": False,
    "signs": [],
}


def erase_letter(
    session: Session, actor: Actor, letter: Letter, action: str, erased_at: datetime, erasure_kind: str, **how: Any
) -> None:
    """Erase a letter by this action of its machine, at `erased_at`; `erasure_kind` is the kind of the erasure, and
    `how` what else `apply` is told.

    What is known of it afterwards are its ids, its state and the day. Raises what `apply` raises.
    """
    contacts.forget(session, actor, letter.id)
    contacts.set_credit(session, letter, "none")
    for model in (ReceiptNote, Addition, MachineTranslation):
        session.execute(delete(model).where(model.letter_id == letter.id))
    LETTER.apply(session, actor, letter, action, at=erased_at, erased_at=erased_at, **ERASED_VALUES, **how)
    remove_from_indexes(session, "letter", letter.id)
    erasures.note(session, erasure_kind, [letter.public_id])
