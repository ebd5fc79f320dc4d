"""Integrity checks for `flask doctor` and the tests: every mail has exactly one place."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..letters.models import Letter
from ..mail import inbound
from ..mail.models import Inbound, InboundRaw


def check(session: Session) -> list[str]:
    """Return a sentence for each fault."""
    stored = session.scalar(select(func.count()).select_from(Inbound)) or 0
    placed = inbound.count_by_place(session).total()
    empty = select(Inbound.id).outerjoin(InboundRaw).where(Inbound.is_stored, InboundRaw.inbound_id.is_(None))
    without_bytes = _count(session, empty)
    # Only from mails to letters: letters of the demo or of an import have the channel "mail" but no mail here.
    letters = select(Inbound.id).outerjoin(Letter, Letter.id == Inbound.letter_id).where(Inbound.is_letter)
    strays = _count(session, letters.where((Letter.id.is_(None)) | (Letter.channel != "mail")))
    by_letter = select(Inbound.letter_id).where(Inbound.is_letter).group_by(Inbound.letter_id)
    doubled = _count(session, by_letter.having(func.count() > 1))
    return [
        said
        for wrong, said in (
            (stored != placed, f"{stored} mails are stored, and {placed} have a place or wait for one"),
            (without_bytes, f"{without_bytes} mails wait for their place and have no bytes"),
            (strays, f"{strays} mails are placed as letters that are not there"),
            (doubled, f"{doubled} letters have more than one mail"),
        )
        if wrong
    ]


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0
