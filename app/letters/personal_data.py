"""The personal data of a reader's letter: export for its writer, and erasure."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Actor, Reader
from ..core.domain_errors import PermissionDenied
from ..search.index import remove_from_indexes
from . import contacts
from .lifecycle import LETTER
from .models import Addition, Letter, MachineTranslation, ReceiptNote
from .queries import get_additions_by_letter


def describe_personal_data(session: Session, actor: Reader, letter: Letter) -> dict[str, Any]:
    """Return what is held about the writer of a letter, with days in ISO 8601.

    It has the sizes of the texts in characters, the day by which the address is erased, None without an address, and
    whether there is a name. It has no words, no address and no name, since somebody else may have found the number
    (docs/adr/0036-what-a-receipt-opens.md). Raises
    `PermissionDenied` for another letter, for an erased one, and for a receipt that was mailed.
    """
    if actor.letter_id != letter.id or actor.mailed or letter.erased_at:
        raise PermissionDenied(actor.ref)
    credit, contact = letter.credit, letter.contact
    additions = [added.addition for added in get_additions_by_letter(session, [letter.id])[letter.id]]
    sizes = letter.signs[:2] if letter.is_erased_unseen else (len(letter.body or ""), len(letter.background or ""))
    question_size, background_size = map(int, sizes)
    return {
        "question_characters": question_size,
        "background_characters": background_size,
        "added_characters": sum(len(addition.body or "") for addition in additions if addition),
        "word_for_word": letter.verbatim,
        "language": letter.language,
        "came_by": letter.channel,
        "came_on": letter.received_at.date().isoformat(),
        "hears_back": letter.hear_back,
        "address_erased_by": contact.erase_on.isoformat() if contact else None,
        "has_name": contacts.get_credit_name(session, letter) is not None,
        "consent": credit.consent_text if credit else None,
    }


ERASED_VALUES: dict[str, Any] = {
    **dict.fromkeys(("body", "background", "desk_note")),
    "language": "und",
    "verbatim": False,
    "signs": [],
    "erase_on": None,
}


def erase_letter(
    session: Session,
    actor: Actor,
    letter: Letter,
    action: str,
    erased_at: datetime,
    erasure_kind: str,
    **transition: Any,
) -> None:
    """Erase a letter by `action` of its state machine, at `erased_at`. Its ids, its state and the day remain.

    `erasure_kind` is the kind in the list of erasures that a restored backup repeats (`audit.erasures`). `transition`
    is passed on to `Machine.apply`, and can override `ERASED_VALUES`. Raises the errors of `apply`.
    """
    contacts.forget(session, actor, letter.id)
    contacts.set_credit(session, letter, "none")
    for model in (ReceiptNote, Addition, MachineTranslation):
        session.execute(delete(model).where(model.letter_id == letter.id))
    LETTER.apply(session, actor, letter, action, at=erased_at, erased_at=erased_at, **(ERASED_VALUES | transition))
    remove_from_indexes(session, "letter", letter.id)
    erasures.note(session, erasure_kind, [letter.public_id])
