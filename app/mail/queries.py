"""Queries of the outbox: one mail, the list of a state, what was written about something."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

from ..core.listing import Key, Listing
from ..core.listing import counts as counted
from .lifecycle import STATES
from .models import OutboxMail


def load(session: Session, newsletter_id: int, public_id: str) -> OutboxMail | None:
    """One mail of a newsletter; what belongs to none, such as a way in, is found by nobody."""
    return session.scalar(select(OutboxMail).filter_by(public_id=public_id, newsletter_id=newsletter_id))


def listing(newsletter_id: Key, state: str) -> Listing[OutboxMail]:
    """Return the list of a newsletter's mails in one state, the newest first."""
    here = (OutboxMail.newsletter_id == newsletter_id, OutboxMail.state == state)
    return Listing(select(OutboxMail).where(*here), (OutboxMail.id,))


def list_related(
    newsletter_id: int, question_ids: Sequence[int], assignments: Select[int] | None
) -> Listing[OutboxMail]:
    """Return the list of a newsletter's mails about one of these questions or one of these assignments (a select of
    their keys, few of them), the newest first. One of the two has to be there.
    """
    # Each has its index; of a condition with OR the database would walk along all mails.
    ours = [OutboxMail.question_id.in_(question_ids)] if question_ids else []
    ours += [OutboxMail.assignment_id.in_(assignments)] if assignments is not None else []
    keys = union_all(*(select(OutboxMail.id).where(about) for about in ours))
    here = OutboxMail.newsletter_id + 0 == newsletter_id  # plus nothing: by their keys, not along the newsletter's
    return Listing(select(OutboxMail).where(here, OutboxMail.id.in_(keys)), (OutboxMail.id,))


def first_to_expert(session: Session, assignment_id: int) -> str | None:
    """The Message-ID of the mail that began the thread with an expert about one assignment."""
    first = select(OutboxMail.message_id).where(
        OutboxMail.assignment_id == assignment_id, OutboxMail.kind.startswith("expert."), ~OutboxMail.is_dropped
    )
    return session.scalar(first.order_by(OutboxMail.id).limit(1))


def counts(session: Session, newsletter_id: int, states: Iterable[str] = STATES) -> dict[str, int]:
    """Return how many mails of a newsletter stand in each of these states, counted up to 1,001."""
    names = list(states)
    return dict(zip(names, counted(session, [listing(newsletter_id, name) for name in names]), strict=True))
