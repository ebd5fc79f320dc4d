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
from ..mail.reading import ParserClient
from .batch import BatchLookups, Settings
from .inbound_context import InboundContext


def letters_to_reread(session: Session) -> list[int]:
    """Return the ids of the mails with stored bytes whose letters nobody has filed yet."""
    query = (
        select(Inbound.id)
        .join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
        .join(Letter, Letter.id == Inbound.letter_id)
        .where(Inbound.is_letter, Letter.waits)
        .order_by(Inbound.id)
    )
    return list(session.scalars(query))


def reread(database: Database, actor: Actor, parser: ParserClient, settings: Settings, inbound_id: int) -> bool:
    """Trim the mail of a letter again and replace the letter's text. Return whether the text changed.

    A letter that the desk has filed is not changed. Raises `MissingPrecondition` if the bytes were destroyed, and
    `NotStarted` if the parser process doesn't start.
    """
    with database.read() as session:
        row = session.get_one(Inbound, inbound_id)
        raw = inbound.get_raw(session, row)
        context = InboundContext(session, raw, parser.parse(raw), BatchLookups(settings), row)
        context.load_contents(parser)
        new_reading = context.reading

    def replace_text(session: Session) -> bool:
        row = session.get_one(Inbound, inbound_id, with_for_update=True)
        old_reading = inbound.get_reading(session, row)
        letter = session.get(Letter, row.letter_id or 0)
        if old_reading is None or letter is None:
            return False
        try:
            has_changed = mailed_letters.reread(session, actor, letter, old_reading.text, new_reading.text)
        except InvalidTransition:
            return False
        if has_changed:
            inbound.store_reading(session, row, new_reading)
        return has_changed

    return database.write(replace_text)
