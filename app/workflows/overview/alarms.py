"""Alarm mails to the desk: about unfiled or failed mails before a cut-off, unconfirmed editions and paused programs.

Each editor gets one mail for each cause. The other immediate mails follow from an action of an expert
(`expert_mails.notify_desk`) or a reader (`notices.notify_letter_withdrawn`). Everything else is in the morning mail
(`digest`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ...answers import expert_mails
from ...answers.models import Assignment
from ...db.engine import Database
from ...db.session import absolute_url, now
from ...editions.models import Edition
from ...letters.models import Letter
from ...mail import outbox
from ...mail.mail_values import DeskMail, EditionMail
from ...mail.models import Inbound, OutboxMail
from ...newsletters.desk_mails import to_colleague
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...people import directory
from ...people.models import Person
from ...programs.registering import list_failing
from ...questions.models import Question

UNFILED_PERIOD = timedelta(hours=48)  # before the cut-off, for alarms about mails that wait to be filed
FAILED_PERIOD = timedelta(hours=72)  # before the cut-off, for alarms about mails that failed
UNCONFIRMED_AFTER = timedelta(hours=2)  # after the time of an edition that isn't marked as sent
NO_ALARM_AFTER = timedelta(days=3)  # after the time of an edition
FAILURE_AGE = timedelta(days=14)  # older failures have nothing to do with the edition
MAX_ALARMS = 100  # about unfiled letters for one edition, and as many about failed mails


@dataclass(frozen=True)
class Alarm:
    """An alarm.

    - `cause`: identifies the alarm, so that it is sent once;
    - `kind`, `values`: the kind and the contents of the mail;
    - `subject`: the keys of the rows that the mail is about, as for `outbox.put`.
    """

    cause: str
    kind: str
    values: DeskMail | EditionMail
    subject: dict[str, Any] = field(default_factory=dict)


def raise_alarms(database: Database, current_time: datetime | None = None) -> int:
    """Queue the alarm mails that have not been queued yet, and return their number.

    The alarms are first looked for without the write lock. Only newsletters with alarms are then looked at with it.
    """
    with database.read(current_time) as session:
        newsletters = all_newsletters(session, Newsletter.is_going)
        newsletter_ids = [newsletter.id for newsletter in newsletters if any(_unsent_alarms(session, newsletter))]
    return sum(
        database.write(partial(_queue_alarms, newsletter_id=newsletter_id), current_time)
        for newsletter_id in newsletter_ids
    )


def _queue_alarms(session: Session, newsletter_id: int) -> int:
    newsletter = session.get_one(Newsletter, newsletter_id)
    count = 0
    for alarm, person in list(_unsent_alarms(session, newsletter)):
        once_key = _once_key(alarm, person)
        mail = to_colleague(session, newsletter, person, alarm.kind, alarm.values, once_key=once_key, **alarm.subject)
        count += mail is not None
    return count


def _unsent_alarms(session: Session, newsletter: Newsletter) -> Iterator[tuple[Alarm, Person]]:
    """Yield each alarm with each editor who has an address and has not been mailed about it."""
    for alarm in _find_alarms(session, newsletter):
        for person in directory.list_notice_recipients(session, newsletter.id):
            if outbox.is_enqueued(session, _once_key(alarm, person)):
                continue
            if directory.email_of(session, person) is not None:
                yield alarm, person


def _once_key(alarm: Alarm, person: Person) -> str:
    return f"alarm:{alarm.cause}:{person.id}"


def _find_alarms(session: Session, newsletter: Newsletter) -> Iterator[Alarm]:
    yield from _find_unconfirmed_editions(session, newsletter)
    yield from _find_paused_programs(session, newsletter)
    for edition in _list_editions_near_cutoff(session, newsletter):
        assignments = _get_assignments(session, edition)
        if edition.cutoff_at <= now(session) + UNFILED_PERIOD:
            yield from _find_unfiled_mails(session, newsletter, edition, assignments)
        yield from _find_failed_mails(session, newsletter, edition, assignments)


def _find_unconfirmed_editions(session: Session, newsletter: Newsletter) -> Iterator[Alarm]:
    """Yield alarms for locked editions past their time that aren't marked as sent and whose own mail hasn't arrived."""
    current_time = now(session)
    query = select(Edition).where(
        Edition.newsletter_id == newsletter.id,
        Edition.is_locked,
        Edition.runs_at.between(current_time - NO_ALARM_AFTER, current_time - UNCONFIRMED_AFTER),
        Edition.arrived_at.is_(None),
    )
    for edition in session.scalars(query):
        link = absolute_url(session, f"/desk/{newsletter.slug}/editions/{edition.public_id}")
        values = EditionMail(runs_at=edition.runs_at, link=link)
        yield Alarm(f"edition:{edition.id}", "desk.edition_missing", values)


def _find_paused_programs(session: Session, newsletter: Newsletter) -> Iterator[Alarm]:
    """Yield alarms for programs that were paused automatically after failing for days."""
    for program in list_failing(session, newsletter.id):
        if program.paused_at is not None:
            values = DeskMail(link=absolute_url(session, f"/desk/{newsletter.slug}/"), said=program.name)
            yield Alarm(f"program:{program.id}:{program.paused_at:%Y%m%d%H}", "desk.program_paused", values)


def _list_editions_near_cutoff(session: Session, newsletter: Newsletter) -> list[Edition]:
    """Return the planned editions whose cut-off comes within FAILED_PERIOD, the longer of the two periods."""
    current_time = now(session)
    query = select(Edition).where(
        Edition.newsletter_id == newsletter.id,
        Edition.is_planned,
        Edition.runs_at > current_time,
        Edition.cutoff_at.between(current_time, current_time + FAILED_PERIOD),
    )
    return list(session.scalars(query.order_by(Edition.runs_at)))


def _get_assignments(session: Session, edition: Edition) -> dict[int, Assignment]:
    """Return the assignments of the edition's picked questions and those asked for the edition, by key."""
    picked_ids = select(Question.id).where(Question.edition_id == edition.id)
    assigned_to_picked = select(Assignment).where(Assignment.question_id.in_(picked_ids))
    asked_for_edition = select(Assignment).where(
        Assignment.newsletter_id == edition.newsletter_id, Assignment.for_edition_id == edition.id, Assignment.is_asked
    )
    assignments = [*session.scalars(assigned_to_picked), *session.scalars(asked_for_edition)]
    return {assignment.id: assignment for assignment in assignments}


def _find_unfiled_mails(
    session: Session, newsletter: Newsletter, edition: Edition, assignments: dict[int, Assignment]
) -> Iterator[Alarm]:
    """Yield alarms about mails on these assignments that wait to be filed, or wait in the holding pen."""
    letters = select(Letter).where(
        Letter.newsletter_id == newsletter.id, Letter.waits, Letter.assignment_id.in_(assignments)
    )
    for letter in session.scalars(letters.order_by(Letter.id).limit(MAX_ALARMS)):
        assignment = assignments[letter.assignment_id or 0]
        values = _build_desk_mail(session, newsletter, edition, f"letters/{letter.public_id}")
        values = replace(values, who=assignment.expert.name)
        yield _build_alarm(session, f"letter:{letter.id}", "desk.mail_waits", values, assignment)
    # Anybody can send many mails in an expert's name, so the mails of an assignment in the holding pen cause only one
    # alarm a day.
    today = now(session).date()
    assignments_with_held_mail = select(Inbound.assignment_id).where(
        Inbound.newsletter_id == newsletter.id, Inbound.is_pen, Inbound.assignment_id.in_(assignments)
    )
    values = _build_desk_mail(session, newsletter, edition, "pen")
    for assignment_id in session.scalars(assignments_with_held_mail.distinct()):
        cause = f"pen:{assignment_id}:{today}"
        yield _build_alarm(session, cause, "desk.mail_waits", values, assignments[assignment_id or 0])


def _find_failed_mails(
    session: Session, newsletter: Newsletter, edition: Edition, assignments: dict[int, Assignment]
) -> Iterator[Alarm]:
    """Yield alarms about mails to the experts of these assignments that failed or bounced."""
    failed = select(OutboxMail).where(
        OutboxMail.assignment_id.in_(assignments),
        OutboxMail.kind.startswith("expert."),
        or_(OutboxMail.is_failed, OutboxMail.bounced_at.is_not(None)),
        OutboxMail.created_at > now(session) - FAILURE_AGE,
    )
    for mail in session.scalars(failed.order_by(OutboxMail.id).limit(MAX_ALARMS)):
        assignment = assignments[mail.assignment_id or 0]
        values = _build_desk_mail(session, newsletter, edition, f"outbox/{mail.public_id}")
        values = replace(values, said=mail.said or "", who=assignment.expert.name)
        yield _build_alarm(session, f"failed:{mail.id}", "desk.mail_failed", values, assignment)


def _build_desk_mail(session: Session, newsletter: Newsletter, edition: Edition, path: str) -> DeskMail:
    return DeskMail(link=absolute_url(session, f"/desk/{newsletter.slug}/{path}"), cutoff_at=edition.cutoff_at)


def _build_alarm(session: Session, cause: str, kind: str, values: DeskMail, assignment: Assignment) -> Alarm:
    """Return an alarm about an assignment, with the title of its question."""
    values = replace(values, headline=expert_mails.title_of(session, assignment))
    return Alarm(cause, kind, values, {"question_id": assignment.question_id, "assignment_id": assignment.id})
