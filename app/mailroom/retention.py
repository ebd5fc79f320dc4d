"""Retention of mails: their bytes and what was read in them are destroyed some days after they were filed. S1, M1."""

from datetime import timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ..db.session import now
from ..letters.models import Letter
from ..mail import erasing, usage
from ..mail.models import Inbound, InboundRaw
from ..newsletters.queries import all_newsletters

MOST = 500  # mails in one transaction


def destroy_old(session: Session) -> int:
    """Destroy what has had its days since it was filed, `raw_days` of each newsletter; how many mails it was.

    What is in the holding pen, has failed, or became a letter that nobody has filed yet stays until somebody sorts it,
    and no longer than readers' addresses may be kept at all, `keep_days`. Nothing is noted beforehand: a letter that is
    taken up again within the days keeps its mail, and other days hold at once.
    """
    usage.sweep(session)
    done = 0
    for newsletter in all_newsletters(session):
        before = now(session) - timedelta(days=newsletter.raw_days)
        ended = or_(
            and_(Inbound.is_settled, Inbound.state_at < before),
            and_(Inbound.is_letter, Letter.is_settled, Letter.state_at < before),
            Inbound.stored_at < now(session) - timedelta(days=newsletter.keep_days),
        )
        old = (
            select(Inbound.id)
            .join(InboundRaw, InboundRaw.inbound_id == Inbound.id)
            .outerjoin(Letter, Letter.id == Inbound.letter_id)
            .where(Inbound.newsletter_id == newsletter.id, ended)
            .limit(MOST)
        )
        keys = list(session.scalars(old))
        erasing.destroy(session, keys)
        done += len(keys)
    return done
