"""Mail about assignments: the experts' letters that wait, automatic replies, and mails that came back."""

from collections.abc import Sequence

from sqlalchemy import Select, exists, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from ..core.listing import Listing
from ..letters.models import Letter
from ..mail import inbound
from ..mail.models import Inbound, OutboxMail
from ..people.models import Expert
from .lifecycle import ASSIGNMENT_STATES
from .models import Assignment

MANY = 100  # assignments that a list offers to choose from
SHOWN = 12  # letters of experts that a page tells of one by one
WRITABLE = ASSIGNMENT_STATES.which("may_be_written_about")
BROUGHT_BACK = 5  # bounces that are looked at for something to do


def with_questions() -> Select[Assignment]:
    """Assignments, each with its question, in one query."""
    return select(Assignment).options(joinedload(Assignment.question))


def load_assignment(session: Session, newsletter_id: int, public_id: str) -> Assignment | None:
    """One assignment of this newsletter."""
    return session.scalar(with_questions().filter_by(public_id=public_id, newsletter_id=newsletter_id))


def writable(session: Session, newsletter_id: int, person_id: int | None = None) -> list[Assignment]:
    """The assignments that a mail may belong to, the newest first; of the person whose address it claims to come from
    also those to which they said no: they may have thought again.
    """
    here = select(Assignment).where(Assignment.newsletter_id == newsletter_id)
    walks = [Listing[Assignment](here, (Assignment.id,), each=(Assignment.state, WRITABLE)).keys(MANY)]
    if person_id:
        theirs = here.join(Expert, Expert.id == Assignment.expert_id).where(Expert.person_id == person_id)
        walks.append(Listing[Assignment](theirs.where(Assignment.is_declined), (Assignment.id,)).keys(MANY))
    found = Assignment.id.in_(union_all(*(select(walk.subquery().c[0]) for walk in walks)))
    return list(session.scalars(with_questions().where(found).order_by(Assignment.id.desc()).limit(MANY)))


def waiting_of_experts(
    session: Session, newsletter_id: int, assignment_ids: Sequence[int] | None = None
) -> list[tuple[Letter, Assignment]]:
    """Return what experts wrote by mail and nobody has filed, the oldest first: of all, or to some assignments."""
    query = (
        select(Letter, Assignment)
        .join(Assignment, Assignment.id == Letter.assignment_id)
        .options(joinedload(Assignment.question))
        .where(Letter.newsletter_id == newsletter_id, Letter.waits, Letter.assignment_id.is_not(None))
        .order_by(Letter.id)
    )
    if assignment_ids is not None:
        query = query.where(Letter.assignment_id.in_(assignment_ids))
    return [(letter, assignment) for letter, assignment in session.execute(query.limit(SHOWN))]


def robots_on(session: Session, newsletter_id: int, assignment_ids: Sequence[int]) -> dict[int, Inbound]:
    """The newest automatic reply that came for each of several assignments, an absence note for example."""
    query = select(Inbound).where(
        Inbound.newsletter_id == newsletter_id, Inbound.is_automatic, Inbound.assignment_id.in_(assignment_ids)
    )
    return {row.assignment_id: row for row in session.scalars(query.order_by(Inbound.id)) if row.assignment_id}


def list_actionable_bounces(session: Session, newsletter_id: int) -> list[tuple[Inbound, OutboxMail]]:
    """Of the newest bounces those that somebody has to act on: the mail was not to a reader, and none followed it."""
    newest = inbound.listing(newsletter_id, "bounce").keys(BROUGHT_BACK)
    later = aliased(OutboxMail)
    query = (
        select(Inbound, OutboxMail)
        .join(OutboxMail, OutboxMail.id == Inbound.outbox_id)
        .where(
            Inbound.id.in_(newest),
            OutboxMail.newsletter_id == newsletter_id,
            OutboxMail.bounced_at.is_not(None),
            OutboxMail.letter_id.is_(None),
            ~exists().where(later.assignment_id == OutboxMail.assignment_id, later.id > OutboxMail.id),
        )
        .order_by(OutboxMail.id, Inbound.id)
    )
    # A mail that was late first and then refused came back twice: the newest says how it stands.
    return list({mail.id: (bounce, mail) for bounce, mail in session.execute(query)}.values())
