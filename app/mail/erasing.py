"""Erases mail that came in, except its place and the keyed hash that knows it again."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ..audit import erasures
from .models import Inbound, InboundRaw, OutboxMail


def destroy(session: Session, row_ids: Sequence[int]) -> None:
    """Destroy the bytes of mails and what was read in them. What they were stays: their place, and the keyed hash."""
    _destroy(session, Inbound.id.in_(row_ids))


def destroy_answers(session: Session, condition: ColumnElement[bool]) -> None:
    """Destroy what came in answer to some mails of ours, or about their assignments: it quotes them."""
    mails = select(OutboxMail.id).where(condition)
    assignments = select(OutboxMail.assignment_id).where(condition, OutboxMail.assignment_id.is_not(None))
    about = or_(Inbound.outbox_id.in_(mails), Inbound.assignment_id.in_(assignments))
    _destroy(session, about)


def destroy_of_letter(session: Session, letter_id: int) -> None:
    """Destroy the mail that a letter came in, however often it was delivered.

    The letter was taken back, or its writer's address has had its time.
    """
    for row in session.scalars(select(Inbound).where(Inbound.letter_id == letter_id)).all():
        same = (Inbound.id == row.id, Inbound.duplicate_of_id == row.id, Inbound.content_mac == row.content_mac)
        kept = select(Inbound.id).join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
        destroy(session, session.scalars(kept.where(or_(*same))).all())


def _destroy(session: Session, condition: ColumnElement[bool]) -> None:
    there = select(Inbound.id, Inbound.public_id).join(InboundRaw, InboundRaw.inbound_id == Inbound.id).where(condition)
    rows = session.execute(there).all()
    if rows:
        session.execute(delete(InboundRaw).where(InboundRaw.inbound_id.in_([row.id for row in rows])))
        erasures.note(session, "mail", [row.public_id for row in rows])
