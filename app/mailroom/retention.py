"""Retention of mails: their bytes and contents are destroyed some days after they were filed."""

from datetime import timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ..db.session import now
from ..letters.models import Letter
from ..mail import erasing, usage
from ..mail.models import Inbound, InboundRaw
from ..newsletters.queries import all_newsletters

MAX_MAILS = 500  # mails of each newsletter that are destroyed in one transaction


def destroy_old(session: Session) -> int:
    """Destroy the mails that were filed more than `raw_days` ago, a setting of their newsletter. Return their number.

    Mails in the holding pen, failed mails, and the mails of letters that nobody has filed are kept until they are
    filed, but no longer than `keep_days`, the limit for readers' addresses. No date is stored in advance: a letter that
    is reopened in time keeps its mail, and changed settings apply immediately.
    """
    usage.delete_expired(session)
    destroyed = 0
    for newsletter in all_newsletters(session):
        filed_before = now(session) - timedelta(days=newsletter.raw_days)
        stored_before = now(session) - timedelta(days=newsletter.keep_days)
        has_expired = or_(
            and_(Inbound.is_settled, Inbound.state_at < filed_before),
            and_(Inbound.is_letter, Letter.is_settled, Letter.state_at < filed_before),
            Inbound.stored_at < stored_before,
        )
        expired_ids = (
            select(Inbound.id)
            .join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
            .outerjoin(Letter, Letter.id == Inbound.letter_id)
            .where(Inbound.newsletter_id == newsletter.id, has_expired)
            .limit(MAX_MAILS)
        )
        mail_ids = list(session.scalars(expired_ids))
        erasing.destroy(session, mail_ids)
        destroyed += len(mail_ids)
    return destroyed
