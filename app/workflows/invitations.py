"""Inviting experts, and later deadlines, with the dates that follow from the edition (see `editions/schedules.py`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..answers import assigning, editing, expert_mails
from ..answers.models import Answer, Assignment, Check
from ..answers.schedule import Schedule, get_time_to_check, plan_schedule
from ..core.actors import Actor, Clock, Staff
from ..core.domain_errors import InvalidField
from ..db.session import absolute_url, now
from ..editions.items import format_lead_in
from ..editions.models import Edition
from ..editions.queries import run_of
from ..editions.schedules import Plan, plan_assignment, plan_check, reschedule_until, takes_answers
from ..mail.mail_templates import render_mail
from ..mail.mail_values import AssignmentMail
from ..mail.message import Message
from ..mail.models import OutboxMail
from ..newsletters import mail_texts
from ..newsletters.desk_mails import sender
from ..newsletters.models import Newsletter
from ..people.directory import email_of


def invite(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    plan: Plan | None = None,
    *,
    others_to_invite: int = 0,
    once_key: str | None = None,
) -> None:
    """Invite an expert, by default for the edition that takes their answer now.

    `others_to_invite` is the number of other experts asked at the same time. Raises as `assigning.invite` does.
    """
    edition, schedule = plan or plan_assignment(session, assignment)
    if edition is not run_of(session, assignment):
        assignment.for_edition_id = edition.id if edition else None
        session.flush()
    terms = _build_terms(session, assignment, schedule)
    assigning.invite(session, actor, assignment, terms, others_to_invite, once_key)


def invite_all(session: Session, actor: Actor, assignments: Sequence[Assignment]) -> None:
    """Invite several experts to one question. Each mail says how many others are asked."""
    for number, assignment in enumerate(assignments, 1):
        # The experts invited before are counted by `assigning.invite`.
        invite(session, actor, assignment, others_to_invite=len(assignments) - number)


def invite_next(session: Session, assignment: Assignment, once_key: str) -> None:
    """Invite the next expert on the ladder, on behalf of the clock. `once_key` prevents a second mail."""
    invite(session, Clock(), assignment, once_key=once_key)


def preview(
    session: Session, assignment: Assignment, schedule: Schedule | None = None, *, others_to_invite: int = 0
) -> Message:
    """Render the invitation as it would be mailed now, with the beginning of its link only.

    `others_to_invite` is the number of other experts asked at the same time.
    """
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    terms = _build_terms(session, assignment, schedule or plan_assignment(session, assignment).schedule)
    values = assigning.invitation_values(session, assignment, terms, absolute_url(session, "/a/…"), others_to_invite)
    person = assignment.expert.person
    to = email_of(session, person) or ""
    custom_texts = mail_texts.get_custom_texts(session, newsletter, "expert.invitation")
    return render_mail("expert.invitation", sender(session, newsletter), to, person.name, values, custom_texts)


def _build_terms(session: Session, assignment: Assignment, schedule: Schedule) -> assigning.Terms:
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    language = assignment.question.text.language if assignment.question.text else newsletter.language
    return assigning.Terms(schedule, format_lead_in(session, newsletter, assignment, language))


def require_dates_ahead(session: Session, mail: OutboxMail) -> None:
    """Raise `InvalidField` if a mail that has waited in the outbox is too late for the dates that it names.

    An invitation is too late after the time for a yes or no, or if its text would miss the edition; a quote check, once
    it leaves less than half of the time that it was planned with and less than `get_time_to_check`.
    """
    if mail.assignment_id is None:
        return
    assignment = session.get_one(Assignment, mail.assignment_id)
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    if mail.kind == "expert.invitation" and assignment.due_at:
        edition = run_of(session, assignment)
        is_in_time = edition is None or takes_answers(newsletter, edition, now(session), assignment.due_at)
        schedule = plan_schedule(newsletter, None, now(session), assignment.due_at, assignment.reply_by)
        is_ahead = is_in_time and schedule.is_in_order
    elif mail.kind == "expert.check" and assignment.answer:
        check = editing.open_check(session, assignment.answer)
        is_ahead = check is None or now(session) + _get_least_time(newsletter, check) <= check.due_at
    else:
        return
    if not is_ahead:
        raise InvalidField("mail_dates_over", "due_at")


def _get_least_time(newsletter: Newsletter, check: Check) -> timedelta:
    return min(get_time_to_check(newsletter), (check.due_at - check.asked_at) / 2)


def extend(session: Session, actor: Staff, assignment: Assignment, due_at: datetime) -> Edition | None:
    """Change the deadline of the text. If it is too late for the edition, let the text be for the next one.

    Return that edition, of which the expert is told. Raises `DueTooLate`, and as `assigning.extend` does.
    """
    assigning.extend(session, actor, assignment, due_at)
    edition = reschedule_until(session, assignment, due_at)
    if edition:
        values = AssignmentMail(due_at=due_at, runs_on=edition.runs_at)
        expert_mails.send_to_expert(session, actor, assignment, "expert.moved", values)
    return edition


def send_back(session: Session, actor: Staff, answer: Answer, note: str, due_at: datetime) -> Edition | None:
    """Return an answer to its expert. If `due_at` is too late for the edition, let the text be for the next one.

    Return that edition. Raises `DueTooLate`, and as `editing.send_back` does.
    """
    edition = reschedule_until(session, answer.assignment, due_at)
    editing.send_back(session, actor, answer, note, due_at)
    return edition


def ask_check(session: Session, actor: Staff, answer: Answer, *, to_dead_address: bool = False) -> Edition | None:
    """Start a quote check that ends before the cut-off of the edition.

    If that leaves no time, let the answer be for the next edition, and return that. Raises as `editing.ask_check` does.
    """
    assignment = answer.assignment
    ends_at, edition = plan_check(session, assignment)
    is_later = edition is not None and edition is not run_of(session, assignment)
    if edition and is_later:
        assignment.for_edition_id = edition.id
        session.flush()
    runs_at = edition.runs_at if edition else None
    editing.ask_check(session, actor, answer, ends_at, runs_at, to_dead_address=to_dead_address)
    return edition if is_later else None
