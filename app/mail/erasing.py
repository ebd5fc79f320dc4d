"""Erase the contents of inbound mail. The rows stay, with the keyed hash that recognizes a repeated delivery."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ..audit import erasures
from .models import Inbound, InboundRaw, OutboxMail


def destroy(session: Session, row_ids: Sequence[int]) -> None:
    """Destroy the bytes of mails and what was read from them."""
    _destroy(session, Inbound.id.in_(row_ids))


def destroy_replies(session: Session, condition: ColumnElement[bool]) -> None:
    """Destroy replies to the outbox mails that meet `condition`, and all mail about their assignments.

    Replies quote the mails that they answer.
    """
    mails = select(OutboxMail.id).where(condition)
    assignments = select(OutboxMail.assignment_id).where(condition, OutboxMail.assignment_id.is_not(None))
    _destroy(session, or_(Inbound.outbox_id.in_(mails), Inbound.assignment_id.in_(assignments)))


def destroy_of_letter(session: Session, letter_id: int) -> None:
    """Destroy the mail that a letter arrived in, with all its repeated deliveries.

    Called when the letter was withdrawn, or when the retention period of its writer's address has ended.
    """
    for row in session.scalars(select(Inbound).where(Inbound.letter_id == letter_id)).all():
        is_copy = or_(Inbound.id == row.id, Inbound.duplicate_of_id == row.id, Inbound.content_mac == row.content_mac)
        mails_with_bytes = select(Inbound.id).join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
        destroy(session, session.scalars(mails_with_bytes.where(is_copy)).all())


def _destroy(session: Session, condition: ColumnElement[bool]) -> None:
    mails_with_bytes = select(Inbound.id, Inbound.public_id).join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
    rows = session.execute(mails_with_bytes.where(condition)).all()
    if not rows:
        return
    session.execute(delete(InboundRaw).where(InboundRaw.inbound_id.in_([row.id for row in rows])))
    erasures.note(session, "mail", [row.public_id for row in rows])
