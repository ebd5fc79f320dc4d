"""Integrity checks for `readers-asked doctor` and the tests: every mail has exactly one place."""

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from ..letters.models import Letter
from ..mail import inbound
from ..mail.models import Inbound, InboundRaw


def check(session: Session) -> list[str]:
    """Return a sentence for each fault."""
    stored = session.scalar(select(func.count()).select_from(Inbound)) or 0
    placed = inbound.count_by_place(session).total()
    waiting_without_bytes = (
        select(Inbound.id).outerjoin(InboundRaw).where(Inbound.is_stored, InboundRaw.inbound_id.is_(None))
    )
    # Not the other way round: letters of the demo or of an import have the channel "mail" but no mail here.
    without_letter = (
        select(Inbound.id)
        .outerjoin(Letter, Letter.id == Inbound.letter_id)
        .where(Inbound.is_letter, or_(Letter.id.is_(None), Letter.channel != "mail"))
    )
    letters_with_several_mails = (
        select(Inbound.letter_id).where(Inbound.is_letter).group_by(Inbound.letter_id).having(func.count() > 1)
    )
    faults = []
    if stored != placed:
        faults.append(f"{stored} mails are stored, and {placed} have a place or wait for one")
    if count := _count(session, waiting_without_bytes):
        faults.append(f"{count} mails wait for their place and have no bytes")
    if count := _count(session, without_letter):
        faults.append(f"{count} mails are placed as letters that are not there")
    if count := _count(session, letters_with_several_mails):
        faults.append(f"{count} letters have more than one mail")
    return faults


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0
