"""Two experts who are one person: everything of the one is the other's from then on, and can be taken apart again.

Nothing is copied and nothing lost: assignments and answers change whose they are, credits stay as they were printed,
links go on opening their assignments. The one who was merged keeps their address: both addresses sign in and are known
as the person's, mail goes to the address of the one who is kept.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from .. import audit
from ..audit import Event
from ..core.actors import Staff
from ..core.state_machine import DomainError, InvalidTransition, must
from ..db.session import lock_row
from ..people import expert_pages, expert_search
from ..people.directory import email_of, set_email
from ..people.models import PROFILE, Expert
from ..people.profile_fields import joined
from .lifecycle import ASSIGNMENT_STATES
from .models import Answer, Assignment

CHECK = ("verified_at", "verified_by_id", "verified_how")


class BothAsked(DomainError):
    """Both have the same question now, and one person can't have it twice."""

    def __init__(self, question_id: int) -> None:
        super().__init__(f"question {question_id} would be asked twice")
        self.question_id = question_id


def merge(session: Session, actor: Staff, gone: Expert, kept: Expert) -> None:
    """Make `gone` a part of `kept`. What the kept one's profile lacks comes from the other's.

    Raises `PermissionDenied`, `InvalidTransition` (the same one, or merged already) and `BothAsked`.
    """
    must(actor, "whole directory")
    for expert in sorted((gone, kept), key=lambda one: one.id):
        lock_row(session, expert)
    if gone.id == kept.id or gone.merged_into_id or kept.merged_into_id:
        raise InvalidTransition("expert", "merge", "merged" if gone.id != kept.id else "the same")
    _refuse_twice(session, gone, kept)
    moved = list(session.scalars(select(Assignment.id).filter_by(expert_id=gone.id)))
    _give(session, gone, kept, moved)
    earlier = list(session.scalars(select(Expert.id).filter_by(merged_into_id=gone.id)))
    session.execute(update(Expert).where(Expert.id.in_(earlier)).values(merged_into_id=kept.id))
    _complete(session, gone, kept)
    gone.merged_into_id = kept.id
    session.flush()
    expert_search.describe(session, kept)
    expert_pages.take_back(session, actor, gone)
    if moved:  # nobody said yes to a list with these on it
        expert_pages.take_back(session, actor, kept)
    expert_pages.keep_to_the_name(session, actor, kept)
    audit.record(
        session, actor, "expert.merge", gone, facts={"into": kept.id, "assignments": moved, "earlier": earlier}
    )


def _refuse_twice(session: Session, gone: Expert, kept: Expert) -> None:
    other = aliased(Assignment)
    both = select(Assignment.question_id).join(other, other.question_id == Assignment.question_id)
    both = both.where(
        Assignment.expert_id == gone.id,
        other.expert_id == kept.id,
        Assignment.is_live,
        other.state.in_(ASSIGNMENT_STATES.which("is_live")),
    )
    twice = session.scalar(both.limit(1))
    if twice is not None:
        raise BothAsked(twice)


def _give(session: Session, giver: Expert, taker: Expert, assignments: list[int]) -> None:
    """Let these assignments of the one, and what came of them, be the other's."""
    for table, key in ((Answer, Answer.assignment_id), (Assignment, Assignment.id)):
        for start in range(0, len(assignments), 500):
            chosen = key.in_(assignments[start : start + 500])
            session.execute(
                update(table)
                .where(table.expert_id == giver.id, chosen)
                .values(expert_id=taker.id, version=table.version + 1)
            )


def _complete(session: Session, gone: Expert, kept: Expert) -> None:
    for name, field in PROFILE.items():
        if name != "name":
            setattr(kept, name, joined(field, getattr(kept, name), getattr(gone, name)))
    if kept.verified_at is None and gone.folded == kept.folded:  # a check holds for the name that was checked
        for column in CHECK:
            setattr(kept, column, getattr(gone, column))
    address = email_of(session, gone.person)
    if address and email_of(session, kept.person) is None:
        gone.person.email_sealed = gone.person.email_mac = gone.person.key_no = None
        session.flush()  # an address belongs to one person at any moment
        set_email(session, kept.person, address)


def split(session: Session, actor: Staff, gone: Expert) -> None:
    """Take a merge back: the assignments that came with it go back too. What was filled in on the profile stays there.

    An address that was taken over stays as well: it can't be known whose it was meant to be. Raises
    `InvalidTransition`.
    """
    must(actor, "whole directory")
    kept_id = lock_row(session, gone).merged_into_id
    if kept_id is None:
        raise InvalidTransition("expert", "take out", "itself")
    kept = lock_row(session, session.get_one(Expert, kept_id))
    merges = select(Event).filter_by(noun="expert", noun_id=gone.id, action="expert.merge").order_by(Event.id.desc())
    facts = session.scalars(merges.limit(1)).one().facts or {}
    gone.merged_into_id = None
    session.flush()
    earlier = update(Expert).where(Expert.id.in_(facts["earlier"]), Expert.merged_into_id == kept.id)
    session.execute(earlier.values(merged_into_id=gone.id))
    _give(session, kept, gone, facts["assignments"])
    audit.record(session, actor, "expert.split", gone, facts={"from": kept.id})


def merged_into(session: Session, expert: Expert) -> list[Expert]:
    """Return who was merged into this one."""
    return list(session.scalars(select(Expert).filter_by(merged_into_id=expert.id).order_by(Expert.id)))
