"""Reprocessing mails from their stored bytes, after parsing or trimming has improved."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..core.domain_errors import InvalidTransition
from ..db.engine import Database
from ..letters import mailed_letters
from ..letters.models import Letter
from ..mail import inbound
from ..mail.models import Inbound, InboundRaw
from ..mail.reading import Reading
from .batch import House, Settings
from .inbound_context import InboundContext


def letters_to_reread(session: Session) -> list[int]:
    """Return the ids of the mails with stored bytes whose letters nobody has filed yet."""
    query = (
        select(Inbound.id)
        .join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
        .join(Letter, Letter.id == Inbound.letter_id)
        .where(Inbound.is_letter, Letter.waits)
    )
    return list(session.scalars(query.order_by(Inbound.id)))


def reread(database: Database, actor: Actor, reading: Reading, settings: Settings, inbound_id: int) -> bool:
    """Trim the mail of a letter again and replace the letter's text. Return whether it changed.

    A letter that the desk has filed is not changed. Raises `MissingPrecondition` if the bytes were destroyed, and
    `NotStarted`.
    """
    with database.read() as session:
        row = session.get_one(Inbound, inbound_id)
        raw = inbound.raw_of(session, row)
        mail = reading.parse(raw)
        case = InboundContext(session, raw, mail, House(settings), row)
        case.read(reading)
        read = case.reading

    def change(session: Session) -> bool:
        row = session.get_one(Inbound, inbound_id, with_for_update=True)
        before, letter = inbound.reading_of(session, row), session.get(Letter, row.letter_id or 0)
        if before is None or letter is None:
            return False
        try:
            changed = mailed_letters.reread(session, actor, letter, before.text, read.text)
        except InvalidTransition:
            return False
        if changed:
            inbound.keep_reading(session, row, read)
        return changed

    return database.write(change)
