"""Erasure of former experts and colleagues, by the retention rules or at their request.

The desk can have an expert deleted in a week; experts who remove themselves on their own page are erased at once.

Printed answers keep their credits. Rows of the trail don't change: they refer to the person by key, and the person's
name becomes "Former expert" or "Former colleague" with an identifier.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from ... import audit
from ...answers.models import Answer, Assignment, Draft
from ...audit import erasures, trail
from ...audit.models import Event
from ...core.actors import Actor, Clock, ExpertActor, Staff
from ...core.domain_errors import DomainError
from ...core.fields import FIELD_TYPES, fields_of
from ...core.listing import COUNT_LIMIT
from ...core.state_machine import must
from ...db.session import absolute_url, lock_row, now
from ...forms import form_drafts
from ...forms.models import FormDraft, PressKey
from ...letters.models import Letter
from ...mail import outbox
from ...mail.mail_values import EndedWork, RemovalMail
from ...newsletters.desk_mails import to_colleague
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...people import directory, expert_pages, expert_photos, expert_search, staff
from ...people.models import (
    ApiToken,
    BrowserSession,
    Expert,
    Factor,
    Link,
    Membership,
    Namesakes,
    Person,
    SignIn,
    Upload,
)
from ...people.sessions import require_fresh_proof
from ...programs.program_events import queue_deliveries
from ...questions.models import Note, Question
from . import erase_answers, erase_letters
from .end_expert_work import IS_LOCKED_IN, IS_OPEN_WORK, Work, end_work

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
        expert_photos.hide_photo(session, actor, expert)
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
    """Erase a batch of due experts and colleagues, and what erased experts have left. Return the number of people."""
    experts = session.scalars(_select_due_experts(session, now(session)).limit(BATCH)).all()
    for expert in experts:
        forget_expert(session, expert)
    colleagues = _list_due_colleagues_of_all_desks(session, now(session))[:BATCH]
    for person in colleagues:
        forget_colleague(session, person)
    return len(experts) + len(colleagues) + _erase_leftovers(session)


def _erase_leftovers(session: Session) -> int:
    """End and erase the work that erased experts have left, and return the number of these experts.

    That is an answer in an edition that was locked, once the edition was unlocked or has run, or work that somebody
    gave an expert at the very moment of the erasure.
    """
    is_locked_in = Assignment.is_done & IS_LOCKED_IN
    open_work = (
        select(Assignment.expert_id)
        .join(Question, Question.id == Assignment.question_id)
        .where(Assignment.expert_id.in_(select(Expert.id).where(Expert.erased_at.is_not(None))))
        .where(IS_OPEN_WORK, ~is_locked_in)
    )
    expert_ids = {*session.scalars(open_work.limit(BATCH)), *_list_experts_with_unprinted_texts(session)}
    for expert_id in sorted(expert_ids)[:BATCH]:
        expert = lock_row(session, session.get_one(Expert, expert_id))
        _forget_work(session, expert, end_work(session, Clock(), expert))
    return min(len(expert_ids), BATCH)


def _list_experts_with_unprinted_texts(session: Session) -> Collection[int]:
    """Return some erased experts with former versions of an answer that was in a locked edition, and has run."""
    of_erased = Answer.expert_id.in_(select(Expert.id).where(Expert.erased_at.is_not(None)))
    has_run = exists().where(Question.id == Answer.question_id, Question.published_at.is_not(None))
    texts = erase_answers.select_unprinted_texts(of_erased, has_run)
    return session.scalars(texts.with_only_columns(Answer.expert_id).order_by(None).distinct().limit(BATCH)).all()


def remove_at_own_request(session: Session, actor: ExpertActor, expert: Expert) -> None:
    """Erase an expert at once, as they ask on their own page, and tell the desks that asked them.

    Nothing happens if they are erased already. Raises `PermissionDenied`.
    """
    must(actor, "own profile")
    if lock_row(session, expert).erased_at is not None:
        return
    name = expert.name
    asked_at = select(Assignment.newsletter_id).where(Assignment.expert_id == expert.id).distinct()
    newsletters = session.scalars(select(Newsletter).where(Newsletter.id.in_(asked_at)).order_by(Newsletter.id)).all()
    audit.record(session, actor, "expert.remove", expert)
    works = forget_expert(session, expert, actor)
    for newsletter in newsletters:
        _tell_desk(
            session, newsletter, name, [work for work in works if work.assignment.newsletter_id == newsletter.id]
        )


def _tell_desk(session: Session, newsletter: Newsletter, name: str, works: Sequence[Work]) -> None:
    """Mail the editors that an expert removed themself, and which of their questions that concerns."""
    ended = tuple(EndedWork(work.assignment.question.title, work.outcome) for work in works)
    link = absolute_url(session, f"/desk/{newsletter.slug}/")
    values = RemovalMail(who=name, link=link, works=ended)
    for person in directory.list_notice_recipients(session, newsletter.id):
        to_colleague(session, newsletter, person, "desk.removed", values)
    if works:
        queue_deliveries(session, newsletter.id, "desk.removed")


def forget_expert(session: Session, expert: Expert, actor: Actor | None = None) -> Sequence[Work]:
    """Erase the profile of an expert, and of those merged into them, with all their work that was not printed.

    Return the work that `actor`, by default the clock, ended by it. An answer in a locked edition stays until the
    edition has run or is unlocked.
    """
    if lock_row(session, expert).erased_at is not None:
        return []
    works = end_work(session, actor or Clock(), expert)
    session.execute(delete(Namesakes).where(or_(Namesakes.one_id == expert.id, Namesakes.other_id == expert.id)))
    _forget_work(session, expert, works)
    merged_experts = session.scalars(select(Expert).filter_by(merged_into_id=expert.id)).all()
    for profile in (expert, *merged_experts):
        _forget_profile(session, profile)
    audit.record(session, Clock(), "expert.forget", expert)
    return works


def keeps_account(session: Session, person_id: int) -> bool:
    """Return whether an expert has an account at a desk too, which stays with name and address when they are erased."""
    return session.scalar(select(Membership.id).filter_by(person_id=person_id).limit(1)) is not None


def _forget_profile(session: Session, expert: Expert) -> None:
    """Erase an expert's profile, and also the person's name and address unless they have a role at a desk."""
    for name, field in fields_of(Expert).items():
        is_nullable = field.kind in ("number", "date")
        setattr(expert, name, None if is_nullable else FIELD_TYPES[field.kind].empty())
    expert.verified_at = expert.verified_by_id = expert.verified_how = expert.leaves_at = None
    expert.erased_at = now(session)
    if keeps_account(session, expert.person_id):
        for model in (BrowserSession, SignIn):
            session.execute(delete(model).where(model.person_id == expert.person_id, model.door == "expert"))
    else:
        _forget_person(session, expert.person, "expert")
    session.flush()
    expert_search.update_search_columns(session, expert)
    form_drafts.erase_about(session, [expert.public_id])
    expert_pages.withdraw_consent(session, Clock(), expert)
    expert_photos.forget_photo(session, expert)
    erasures.note(session, "expert", [expert.public_id])


def _forget_work(session: Session, expert: Expert, works: Sequence[Work]) -> None:
    """Erase mails to an expert, their unprinted texts and letters, and the credits of unpublished answers.

    Answers in a locked edition, as far as they are among `works`, keep texts and credit.
    """
    assignments = select(Assignment.id).where(Assignment.expert_id == expert.id)
    locked_ids = [work.assignment.id for work in works if work.outcome == "runs"]
    can_be_erased = Answer.assignment_id.not_in(locked_ids)
    for model in (Draft, Link):
        session.execute(delete(model).where(model.assignment_id.in_(assignments)))
    letters = select(Letter).where(Letter.assignment_id.in_(assignments), Letter.erased_at.is_(None))
    for letter in session.scalars(letters):
        erase_letters.forget(session, letter)
    erase_answers.erase(session, Answer.expert_id == expert.id, can_be_erased)
    unprinted = select(Question.id).where(Question.published_at.is_(None))
    session.execute(
        update(Answer)
        .where(Answer.expert_id == expert.id, Answer.question_id.in_(unprinted), can_be_erased)
        .values(credit={})
    )
    empty = {"brief": "", "credit_line": "", "relation": "", "suggestion_sealed": None, "key_no": None}
    session.execute(update(Assignment).where(Assignment.expert_id == expert.id).values(**empty))
    session.execute(delete(Note).where(Note.person_id == expert.person_id))
    outbox.forget_assignments(session, Clock(), assignments)
    outbox.forget_person(session, Clock(), expert.person_id, "expert.")


def forget_colleague(session: Session, person: Person) -> None:
    """Erase the name, address and unsent drafts of a former colleague."""
    if lock_row(session, person).erased_at is None:
        _forget_person(session, person, "colleague")
        erasures.note(session, "colleague", [person.public_id])
        audit.record(session, Clock(), "person.forget", person)


def _forget_person(session: Session, person: Person, role: str) -> None:
    for model in (ApiToken, Factor, BrowserSession, SignIn, FormDraft, PressKey, Upload):
        session.execute(delete(model).where(model.person_id == person.id))
    outbox.forget_person(session, Clock(), person.id)
    person.name = f"Former {role} {person.public_id[:4].upper()}"
    staff.forget(session, person)
