"""Erasure of former experts and colleagues, by the retention rules or at their request.

Printed answers keep their credits. Rows of the trail don't change: they refer to the person by key, and the person's
name becomes "Former expert" or "Former colleague" with an identifier.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from ... import audit
from ...answers.models import Answer, Assignment, Draft
from ...audit import erasures, trail
from ...audit.models import Event
from ...core.actors import Clock, Staff
from ...core.domain_errors import DomainError
from ...core.fields import FIELD_TYPES, fields_of
from ...core.listing import COUNT_LIMIT
from ...core.state_machine import must
from ...db.session import lock_row, now
from ...forms import form_drafts
from ...forms.models import FormDraft, PressKey
from ...letters.models import Letter
from ...mail.models import OutboxContent, OutboxMail
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...people import expert_pages, expert_search, staff
from ...people.models import BrowserSession, Expert, Factor, Link, Membership, Namesakes, Person, SignIn, Upload
from ...people.sessions import require_fresh_proof
from ...questions.models import Note, Question
from . import erase_answers, erase_letters

CANCEL_PERIOD = timedelta(days=7)  # in which a requested deletion can be cancelled
BATCH = 20  # experts, or colleagues, in one transaction

_is_open_work = or_(and_(Assignment.is_live, ~Assignment.is_over), and_(Assignment.is_done, Question.can_run))


class StillNeeded(DomainError):
    """The expert still has an open assignment, or an answer that may run."""

    code = "conflict.expert_has_open_work"


def has_open_work(session: Session, expert: Expert) -> bool:
    """Return whether an expert has an open assignment at any desk, or an answer that may run."""
    open_work = _select_experts_of_assignments().where(Assignment.expert_id == expert.id, _is_open_work)
    return session.scalar(open_work.limit(1)) is not None


def leave(session: Session, actor: Staff, expert: Expert) -> None:
    """Schedule the deletion of an expert in a week. Raises `PermissionDenied`, `NotFresh` and `StillNeeded`."""
    require_fresh_proof(session, actor, "whole directory")
    if has_open_work(session, lock_row(session, expert)):
        raise StillNeeded(expert.public_id)
    if expert.leaves_at is None and expert.erased_at is None:
        expert.leaves_at = now(session) + CANCEL_PERIOD
        expert_pages.withdraw_consent(session, actor, expert)
        audit.record(session, actor, "expert.leave", expert)


def stay(session: Session, actor: Staff, expert: Expert) -> None:
    """Cancel the scheduled deletion of an expert. Raises `PermissionDenied`."""
    must(actor, "whole directory")
    if lock_row(session, expert).leaves_at is not None and expert.erased_at is None:
        expert.leaves_at = None
        audit.record(session, actor, "expert.stay", expert)


def _select_experts_of_assignments() -> Select[int]:
    return select(Assignment.expert_id).join(Question, Question.id == Assignment.question_id)


def _select_due_experts(session: Session, as_of: datetime) -> Select[Expert]:
    """Select the experts to be deleted by `as_of`: as requested, or because all retention periods have ended.

    Experts with open work stay. So do members of a desk, unless their deletion was requested.
    """
    recently_asked = [
        select(Assignment.expert_id).where(
            Assignment.newsletter_id == newsletter.id,
            Assignment.state_at >= as_of - timedelta(days=newsletter.expert_days),
        )
        for newsletter in all_newsletters(session)
    ]
    at_work = select(Membership.person_id).where(Membership.at_work())
    is_past_retention = and_(
        Expert.id.in_(select(Assignment.expert_id)),
        *(Expert.id.not_in(expert_ids) for expert_ids in recently_asked),
        Expert.person_id.not_in(at_work),
    )
    with_open_work = _select_experts_of_assignments().where(_is_open_work)
    return (
        select(Expert)
        .where(Expert.is_listed(), or_(Expert.leaves_at <= as_of, is_past_retention))
        .where(Expert.id.not_in(with_open_work))
        .order_by(Expert.id)
    )


def list_due_experts(session: Session, newsletter: Newsletter, horizon: timedelta, limit: int) -> list[Expert]:
    """Return up to `limit` experts to be deleted within `horizon` who have assignments at the newsletter.

    Experts whose deletion was requested are included at every newsletter.
    """
    return list(session.scalars(_select_due_experts_of_newsletter(session, newsletter, horizon).limit(limit)))


def count_due_experts(session: Session, newsletter: Newsletter, horizon: timedelta) -> int:
    """Count the experts of `list_due_experts`, up to 1,001."""
    keys = (
        _select_due_experts_of_newsletter(session, newsletter, horizon)
        .with_only_columns(Expert.id)
        .order_by(None)
        .limit(COUNT_LIMIT + 1)
    )
    return session.scalar(select(func.count()).select_from(keys.subquery())) or 0


def _select_due_experts_of_newsletter(session: Session, newsletter: Newsletter, horizon: timedelta) -> Select[Expert]:
    asked_here = select(Assignment.expert_id).where(Assignment.newsletter_id == newsletter.id)
    is_of_newsletter = or_(Expert.id.in_(asked_here), Expert.leaves_at.is_not(None))
    return _select_due_experts(session, now(session) + horizon).where(is_of_newsletter)


def _list_due_colleagues_of_all_desks(session: Session, as_of: datetime) -> list[Person]:
    """Return the people to be erased by `as_of`, who have been inactive for the retention periods.

    They aren't experts, and they neither work at a desk nor are invited to one, unless they are disabled.
    """
    current_or_invited = (
        select(Membership.person_id)
        .where(or_(Membership.at_work(), Membership.joined_at.is_(None)))
        .join(Person, Person.id == Membership.person_id)
        .where(Person.disabled_at.is_(None))
    )
    query = select(Person).where(
        Person.erased_at.is_(None), Person.id.not_in(current_or_invited), Person.id.not_in(select(Expert.person_id))
    )
    newsletters = all_newsletters(session)
    return [
        person
        for person in session.scalars(query.order_by(Person.id))
        if not _is_recently_active(session, person, newsletters, as_of)
    ]


def _is_recently_active(session: Session, person: Person, newsletters: Sequence[Newsletter], as_of: datetime) -> bool:
    """Return whether the trail has an event by or about a person within the retention period.

    For events about the person, the longest period of all newsletters counts.
    """
    is_actor = Event.actor.in_((f"staff:{person.id}", f"person:{person.id}"))
    cutoffs = {newsletter.id: as_of - timedelta(days=newsletter.staff_days) for newsletter in newsletters}
    action_conditions = [
        and_(is_actor, Event.newsletter_id == newsletter_id, Event.at >= cutoff)
        for newsletter_id, cutoff in cutoffs.items()
    ]
    earliest_cutoff = min(cutoffs.values(), default=as_of)
    was_changed = and_(Event.noun == "person", Event.noun_id == person.id, Event.at >= earliest_cutoff)
    recent_events = select(Event.id).where(or_(was_changed, *action_conditions))
    return session.scalar(recent_events.limit(1)) is not None


def list_due_colleagues(session: Session, newsletter: Newsletter, horizon: timedelta) -> list[Person]:
    """Return the former members of a newsletter's desk whose data will be erased within `horizon`."""
    colleagues = _list_due_colleagues_of_all_desks(session, now(session) + horizon)
    ids_at_desk = trail.people_in(session, newsletter.id)
    return [person for person in colleagues if person.id in ids_at_desk]


def erase_due(session: Session) -> int:
    """Erase a batch of due experts and colleagues, and return their number."""
    experts = session.scalars(_select_due_experts(session, now(session)).limit(BATCH)).all()
    for expert in experts:
        forget_expert(session, expert)
    colleagues = _list_due_colleagues_of_all_desks(session, now(session))[:BATCH]
    for person in colleagues:
        forget_colleague(session, person)
    return len(experts) + len(colleagues)


def forget_expert(session: Session, expert: Expert) -> None:
    """Erase the profile of an expert, and of those merged into them, with all their work that was not printed."""
    if lock_row(session, expert).erased_at is not None:
        return
    session.execute(delete(Namesakes).where(or_(Namesakes.one_id == expert.id, Namesakes.other_id == expert.id)))
    _forget_work(session, expert)
    merged_experts = session.scalars(select(Expert).filter_by(merged_into_id=expert.id)).all()
    for profile in (expert, *merged_experts):
        _forget_profile(session, profile)
    audit.record(session, Clock(), "expert.forget", expert)


def _forget_profile(session: Session, expert: Expert) -> None:
    """Erase an expert's profile, and also the person's name and address unless they have a role at a desk."""
    for name, field in fields_of(Expert).items():
        is_nullable = field.kind in ("number", "date")
        setattr(expert, name, None if is_nullable else FIELD_TYPES[field.kind].empty())
    expert.verified_at = expert.verified_by_id = expert.verified_how = expert.leaves_at = None
    expert.erased_at = now(session)
    if session.scalar(select(Membership.id).filter_by(person_id=expert.person_id).limit(1)) is None:
        _forget_person(session, expert.person, "expert")
    session.flush()
    expert_search.update_search_columns(session, expert)
    form_drafts.erase_about(session, [expert.public_id])
    expert_pages.withdraw_consent(session, Clock(), expert)
    erasures.note(session, "expert", [expert.public_id])


def _forget_work(session: Session, expert: Expert) -> None:
    """Erase mails to an expert, their unprinted texts and letters, and the credits of unpublished answers."""
    assignments = select(Assignment.id).where(Assignment.expert_id == expert.id)
    for model in (Draft, Link):
        session.execute(delete(model).where(model.assignment_id.in_(assignments)))
    letters = select(Letter).where(Letter.assignment_id.in_(assignments), Letter.erased_at.is_(None))
    for letter in session.scalars(letters):
        erase_letters.forget(session, letter)
    erase_answers.erase(session, Answer.expert_id == expert.id)
    unprinted = select(Question.id).where(Question.published_at.is_(None))
    session.execute(
        update(Answer).where(Answer.expert_id == expert.id, Answer.question_id.in_(unprinted)).values(credit={})
    )
    empty = {"brief": "", "credit_line": "", "relation": "", "suggestion_sealed": None, "key_no": None}
    session.execute(update(Assignment).where(Assignment.expert_id == expert.id).values(**empty))
    session.execute(delete(Note).where(Note.person_id == expert.person_id))
    mails = select(OutboxMail.id).where(OutboxMail.assignment_id.in_(assignments))
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id.in_(mails)))


def forget_colleague(session: Session, person: Person) -> None:
    """Erase the name, address and unsent drafts of a former colleague."""
    if lock_row(session, person).erased_at is None:
        _forget_person(session, person, "colleague")
        erasures.note(session, "colleague", [person.public_id])
        audit.record(session, Clock(), "person.forget", person)


def _forget_person(session: Session, person: Person, role: str) -> None:
    for model in (Factor, BrowserSession, SignIn, FormDraft, PressKey, Upload):
        session.execute(delete(model).where(model.person_id == person.id))
    mails = select(OutboxMail.id).where(OutboxMail.person_id == person.id)
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id.in_(mails)))
    person.name = f"Former {role} {person.public_id[:4].upper()}"
    staff.forget(session, person)
