"""Erasing a letter: its words, what was said besides and added, its writer's address and name."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Actor
from ..search.index import remove_from_indexes
from . import contacts
from .lifecycle import LETTER
from .models import Addition, Letter, MachineTranslation, ReceiptNote

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("body", "background", "desk_note")),
    "language": "und",
    "verbatim": False,
    "signs": [],
}


def erase(
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
    LETTER.apply(session, actor, letter, action, at=erased_at, erased_at=erased_at, **NOTHING, **how)
    remove_from_indexes(session, "letter", letter.id)
    erasures.note(session, erasure_kind, [letter.public_id])
