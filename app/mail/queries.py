"""Queries of the outbox: a single mail, the mails in a state, the mails about a question."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select, union_all
from sqlalchemy.orm import Session

from ..core.listing import Key, Listing, count_all
from ..db.session import now
from .lifecycle import STATES
from .message import Message
from .models import OutboxContent, OutboxMail
from .outbox import read

# Prefixes of kinds of mail. The causes of other mails to the desk are in the trail.
EXPERT_PREFIX = "expert."
QUESTION_PREFIXES = (EXPERT_PREFIX, "reader.", "desk.mention")


def load(session: Session, newsletter_id: int, public_id: str) -> OutboxMail | None:
    """Return a newsletter's mail by its public ID, or None. Never finds mails of no newsletter, such as sign-ins."""
    return session.scalar(select(OutboxMail).filter_by(public_id=public_id, newsletter_id=newsletter_id))


def listing(newsletter_id: Key, state: str) -> Listing[OutboxMail]:
    """Return the list of a newsletter's mails in one state, newest first."""
    conditions = (OutboxMail.newsletter_id == newsletter_id, OutboxMail.state == state)
    return Listing(select(OutboxMail).where(*conditions), (OutboxMail.id,))


def list_related(
    newsletter_id: int, question_ids: Sequence[int], assignments: Select[int] | None
) -> Listing[OutboxMail]:
    """Return the list of a newsletter's mails about any of these questions or assignments, newest first.

    `assignments` selects the keys of a few assignments. There must be `question_ids` or `assignments`.
    """
    # Each query of the UNION uses an index; with OR the database would scan all mails.
    queries = []
    if question_ids:
        queries.append(select(OutboxMail.id).where(OutboxMail.question_id.in_(question_ids)))
    if assignments is not None:
        queries.append(select(OutboxMail.id).where(OutboxMail.assignment_id.in_(assignments)))
    # "+ 0" keeps the planner from using the newsletter's index.
    is_of_newsletter = OutboxMail.newsletter_id + 0 == newsletter_id
    return Listing(select(OutboxMail).where(is_of_newsletter, OutboxMail.id.in_(union_all(*queries))), (OutboxMail.id,))


def get_first_message_id(session: Session, assignment_id: int) -> str | None:
    """Return the Message-ID of the first mail to the expert about an assignment, which started the thread, or None."""
    query = select(OutboxMail.message_id).where(
        OutboxMail.assignment_id == assignment_id, OutboxMail.kind.startswith(EXPERT_PREFIX), ~OutboxMail.is_dropped
    )
    return session.scalar(query.order_by(OutboxMail.id).limit(1))


def counts(session: Session, newsletter_id: int, states: Iterable[str] = STATES) -> dict[str, int]:
    """Count a newsletter's mails in each of these states, up to 1,001 each."""
    listings = {state: listing(newsletter_id, state) for state in states}
    return dict(zip(listings, count_all(session, list(listings.values())), strict=True))


def list_question_mails(
    session: Session, question_ids: Sequence[int], limit: int, cursor: tuple[datetime, int] | None = None
) -> list[tuple[OutboxMail, Message | None]]:
    """List the mails about several questions, newest first, with the contents of mails to experts.

    `cursor` is the time and key of the last mail of the previous page. Raises `Unsealable`.
    """
    query = (
        select(OutboxMail, OutboxContent)
        .outerjoin(
            OutboxContent, and_(OutboxContent.outbox_id == OutboxMail.id, OutboxMail.kind.startswith(EXPERT_PREFIX))
        )
        .where(
            OutboxMail.question_id.in_(question_ids),
            or_(*(OutboxMail.kind.startswith(prefix) for prefix in QUESTION_PREFIXES)),
        )
    )
    listing = Listing[OutboxMail](query, (func.coalesce(OutboxMail.sent_at, OutboxMail.created_at), OutboxMail.id))
    rows = session.execute(listing.select(cursor, limit))
    return [(mail, read(session, mail) if content else None) for mail, content in rows]


def list_stoppable_mails(session: Session, question_ids: Sequence[int], limit: int) -> list[OutboxMail]:
    """List the mails to experts about these questions that are queued for a later time, newest first."""
    query = select(OutboxMail).where(
        OutboxMail.question_id.in_(question_ids),
        OutboxMail.kind.startswith(EXPERT_PREFIX),
        OutboxMail.is_queued,
        OutboxMail.due_at > now(session),
    )
    return list(session.scalars(query.order_by(OutboxMail.id.desc()).limit(limit)))
