"""The mails about a question, for the page that tells its story."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from ..db.session import now
from .message import Message
from .models import OutboxContent, OutboxMail
from .outbox import read

KINDS = ("expert.", "reader.", "desk.mention")  # of what else the desk hears of, the trail has the cause


def list_question_mails(
    session: Session, question_ids: Sequence[int], limit: int, cursor: tuple[datetime, int] | None = None
) -> list[tuple[OutboxMail, Message | None]]:
    """List the mails about several questions, newest first, from below a time and a key on.

    With those to experts comes what is in them.
    """
    query = (
        select(OutboxMail, OutboxContent)
        .outerjoin(OutboxContent, and_(OutboxContent.outbox_id == OutboxMail.id, OutboxMail.kind.startswith(KINDS[0])))
        .where(OutboxMail.question_id.in_(question_ids), or_(*(OutboxMail.kind.startswith(kind) for kind in KINDS)))
    )
    listing = Listing[OutboxMail](query, (func.coalesce(OutboxMail.sent_at, OutboxMail.created_at), OutboxMail.id))
    rows = session.execute(listing.select(cursor, limit))
    return [(mail, read(session, mail) if content else None) for mail, content in rows]


def leaving(session: Session, question_ids: Sequence[int], limit: int) -> list[OutboxMail]:
    """List the mails to experts about several questions that can still be stopped, newest first."""
    query = select(OutboxMail).where(
        OutboxMail.question_id.in_(question_ids),
        OutboxMail.kind.startswith(KINDS[0]),
        OutboxMail.is_queued,
        OutboxMail.due_at > now(session),
    )
    return list(session.scalars(query.order_by(OutboxMail.id.desc()).limit(limit)))
