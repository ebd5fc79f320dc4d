"""Merge two experts who are one person, and split them again.

Assignments and answers move to the expert who is kept, credits stay as printed, and links still open their assignments.
If both have an e-mail address, both keep theirs: either address can sign in and identifies the person, and mail goes to
the address of the expert who is kept. If only the merged expert has one, it moves to the expert who is kept.
"""

from operator import attrgetter

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from .. import audit
from ..audit import Event
from ..core.actors import Staff
from ..core.domain_errors import DomainError, InvalidTransition
from ..core.state_machine import must
from ..db.session import lock_row
from ..people import expert_pages, expert_photos, expert_search
from ..people.directory import email_of, set_email
from ..people.models import PROFILE, Expert
from ..people.profile_fields import merge_values
from .lifecycle import ASSIGNMENT_STATES
from .models import Answer, Assignment

VERIFICATION_COLUMNS = ("verified_at", "verified_by_id", "verified_how")
BATCH_SIZE = 500  # IDs per query


class BothAsked(DomainError):
    """Raised when both experts have the same question, which one person can't have twice."""

    code = "conflict.question_asked_twice"

    def __init__(self, question_id: int) -> None:
        super().__init__(f"question {question_id} would be asked twice")
        self.question_id = question_id


def merge(session: Session, actor: Staff, source: Expert, target: Expert) -> None:
    """Merge `source` into `target`, and fill in what the profile of `target` lacks.

    Raises `PermissionDenied`, `BothAsked`, and `InvalidTransition` if they are the same expert, or if one of them was
    merged into another expert.
    """
    must(actor, "whole directory")
    for expert in sorted((source, target), key=attrgetter("id")):
        lock_row(session, expert)
    if source.id == target.id:
        raise InvalidTransition("expert", "merge", "the same")
    if source.merged_into_id or target.merged_into_id:
        raise InvalidTransition("expert", "merge", "merged")
    _check_no_shared_question(session, source, target)
    assignment_ids = list(session.scalars(select(Assignment.id).filter_by(expert_id=source.id)))
    _move_assignments(session, source, target, assignment_ids)
    # Experts who were merged into `source` before are merged into `target` now.
    earlier_ids = list(session.scalars(select(Expert.id).filter_by(merged_into_id=source.id)))
    session.execute(update(Expert).where(Expert.id.in_(earlier_ids)).values(merged_into_id=target.id))
    _fill_in_profile(session, source, target)
    source.merged_into_id = target.id
    session.flush()
    expert_search.update_search_columns(session, target)
    expert_pages.withdraw_consent(session, actor, source)
    if assignment_ids:  # the expert agreed to a page without these answers
        expert_pages.withdraw_consent(session, actor, target)
    expert_pages.withdraw_outdated_consents(session, actor, target)
    expert_photos.move_photo(session, source, target)
    facts = {"into": target.id, "assignments": assignment_ids, "earlier": earlier_ids}
    audit.record(session, actor, "expert.merge", source, facts=facts)


def _check_no_shared_question(session: Session, source: Expert, target: Expert) -> None:
    other = aliased(Assignment)
    query = select(Assignment.question_id).join(other, other.question_id == Assignment.question_id)
    query = query.where(
        Assignment.expert_id == source.id,
        other.expert_id == target.id,
        Assignment.is_live,
        other.state.in_(ASSIGNMENT_STATES.which("is_live")),
    )
    question_id = session.scalar(query.limit(1))
    if question_id is not None:
        raise BothAsked(question_id)


def _move_assignments(session: Session, source: Expert, target: Expert, assignment_ids: list[int]) -> None:
    """Move these assignments and their answers from one expert to the other, in batches."""
    for model, id_column in ((Answer, Answer.assignment_id), (Assignment, Assignment.id)):
        for start in range(0, len(assignment_ids), BATCH_SIZE):
            is_in_batch = id_column.in_(assignment_ids[start : start + BATCH_SIZE])
            session.execute(
                update(model)
                .where(model.expert_id == source.id, is_in_batch)
                .values(expert_id=target.id, version=model.version + 1)
            )


def _fill_in_profile(session: Session, source: Expert, target: Expert) -> None:
    """Copy to the profile of `target` what it lacks. The address is moved if `target` has none."""
    for name, field in PROFILE.items():
        if name != "name":
            setattr(target, name, merge_values(field, getattr(target, name), getattr(source, name)))
    if target.verified_at is None and source.folded == target.folded:  # verification is of a name
        for column in VERIFICATION_COLUMNS:
            setattr(target, column, getattr(source, column))
    address = email_of(session, source.person)
    if address and email_of(session, target.person) is None:
        source.person.email_sealed = source.person.email_mac = source.person.key_no = None
        session.flush()  # before the address is set again, as addresses are unique
        set_email(session, target.person, address)


def split(session: Session, actor: Staff, source: Expert) -> None:
    """Undo a merge: the assignments that `source` had, and the experts merged into it, go back to `source`.

    The other profile keeps what the merge filled in, even an address, as nobody can tell whose it is. Raises
    `PermissionDenied`, and `InvalidTransition` if `source` isn't merged.
    """
    must(actor, "whole directory")
    target_id = lock_row(session, source).merged_into_id
    if target_id is None:
        raise InvalidTransition("expert", "take out", "itself")
    target = lock_row(session, session.get_one(Expert, target_id))
    merges = select(Event).filter_by(noun="expert", noun_id=source.id, action="expert.merge").order_by(Event.id.desc())
    facts = session.scalars(merges.limit(1)).one().facts or {}
    source.merged_into_id = None
    session.flush()
    were_merged_into_source = Expert.id.in_(facts["earlier"]) & (Expert.merged_into_id == target.id)
    session.execute(update(Expert).where(were_merged_into_source).values(merged_into_id=source.id))
    _move_assignments(session, target, source, facts["assignments"])
    audit.record(session, actor, "expert.split", source, facts={"from": target.id})


def list_merged_experts(session: Session, expert: Expert) -> list[Expert]:
    """Return the experts who were merged into this one, oldest first."""
    return list(session.scalars(select(Expert).filter_by(merged_into_id=expert.id).order_by(Expert.id)))
