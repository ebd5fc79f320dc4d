"""The digest: a morning mail to the desk at the hour set by the newsletter, on days when there is news.

A newsletter without an hour gets no digest. The digest counts the waiting work, and some of its sections name the first
few assignments. It contains no text by readers: questions are named by their cleared headline or wording. It counts no
letter of the same day: otherwise a letter could cause it within `GRACE`, and its time would be that of the letter.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...answers import expert_mails
from ...answers.mailed_answers import find_with_waiting_letter
from ...answers.models import Answer, Assignment
from ...answers.queries import newest_checks
from ...audit import chain
from ...audit.known_head import NO_HEAD, KnownHead, find_fault
from ...core.listing import COUNT_LIMIT
from ...db.engine import Database
from ...db.session import absolute_url, now
from ...editions.queries import find_edition_in_production
from ...editions.slots import open_slots, sections_of
from ...letters import queries as letters
from ...letters.lifecycle import STATES as LETTERS
from ...mail import inbound, outbox
from ...mail import queries as mail_queries
from ...mail.lifecycle import STATES as MAILS
from ...mail.mail_values import MorningMail, MorningSection
from ...newsletters.desk_mails import to_colleague
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.queries import all_newsletters
from ...people import directory
from ...people.models import Person
from ..letters import receipt_notes
from ..retention import erase_answers, erase_people, retention_preview
from .waiting_queries import DEADLINE_COLUMNS

GRACE = timedelta(hours=2)  # how late a worker that was down still sends the digest
DAY = timedelta(days=1)
SLOTS_PERIOD = timedelta(days=3)  # before the cut-off, in which open slots alone are worth a mail
LEAVING_PERIOD = timedelta(weeks=1)  # before an erasure, in which the digest mentions it
MAX_SECTION_LINES = 5


def send_digests(database: Database, current_time: datetime | None = None, known_head: KnownHead = NO_HEAD) -> int:
    """Queue the digests that are due, and return their number. They warn if the trail's chain lacks `known_head`."""
    with database.read(current_time) as session:
        due = [(newsletter.id, person.id) for newsletter, person in _list_due_recipients(session)]
    count = 0
    for newsletter_id, person_id in due:
        queue_digest = partial(_queue_digest, newsletter_id=newsletter_id, person_id=person_id, known_head=known_head)
        count += database.write(queue_digest, current_time)
    return count


def _list_due_recipients(session: Session) -> Iterator[tuple[Newsletter, Person]]:
    """Yield each newsletter whose hour it is, with each editor who has not got today's digest yet."""
    for newsletter in all_newsletters(session, Newsletter.is_going):
        if not newsletter.digest_at:
            continue
        digest_time = get_digest_time(newsletter, now(session))
        if not digest_time <= now(session) < digest_time + GRACE:
            continue
        for person in directory.list_notice_recipients(session, newsletter.id):
            if not outbox.is_enqueued(session, _once_key(session, newsletter, person)):
                yield newsletter, person


def get_digest_time(newsletter: Newsletter, current_time: datetime, default_hour: str = "") -> datetime:
    """Return the time of the digest on the local day of `current_time`.

    `default_hour`, such as "09:00", is used if the newsletter has no hour.
    """
    zone = ZoneInfo(newsletter.zone)
    hour = time.fromisoformat(newsletter.digest_at or default_hour)
    return datetime.combine(current_time.astimezone(zone).date(), hour, zone)


def _once_key(session: Session, newsletter: Newsletter, person: Person) -> str:
    return f"digest:{newsletter.id}:{person.id}:{now(session).astimezone(ZoneInfo(newsletter.zone)).date()}"


def _queue_digest(session: Session, newsletter_id: int, person_id: int, known_head: KnownHead) -> bool:
    """Queue the digest for a person if there is news, and return whether a mail was queued."""
    newsletter = session.get_one(Newsletter, newsletter_id)
    person = session.get_one(Person, person_id)
    sections = list_sections(session, newsletter)
    is_chain_broken = find_fault(session, known_head) is not None
    if is_chain_broken:
        trail_link = absolute_url(session, f"/desk/{newsletter.slug}/trail")
        sections = [MorningSection("trail", 1, (), trail_link), *sections]
    edition = find_edition_in_production(session, newsletter.id)
    cutoff_at = edition.cutoff_at if edition else None
    if not _is_worth_a_mail(sections, cutoff_at, now(session)):
        return False
    is_cutoff_ahead = edition is not None and edition.is_planned and edition.cutoff_at > now(session)
    values = MorningMail(
        on=now(session),
        sections=sections,
        cutoff_at=cutoff_at if is_cutoff_ahead else None,
        link=absolute_url(session, f"/desk/{newsletter.slug}/settings/{SETTINGS['digest_at'].part}#digest_at"),
        head="" if is_chain_broken else chain.get_position(session).short_head,
    )
    once_key = _once_key(session, newsletter, person)
    return to_colleague(session, newsletter, person, "desk.digest", values, once_key=once_key) is not None


def _is_worth_a_mail(sections: Sequence[MorningSection], cutoff_at: datetime | None, current_time: datetime) -> bool:
    """Return whether there is news. Coming erasures are no news, and open slots are news only near the cut-off."""
    kinds = {section.kind for section in sections}
    if kinds - {"slots", "leaving"}:
        return True
    is_cutoff_near = cutoff_at is not None and cutoff_at <= current_time + SLOTS_PERIOD
    return "slots" in kinds and is_cutoff_near


def list_sections(session: Session, newsletter: Newsletter) -> list[MorningSection]:
    """Return the non-empty sections of a newsletter's digest, problems first."""
    key = newsletter.id
    yesterday = now(session) - DAY
    desk = absolute_url(session, f"/desk/{newsletter.slug}")
    slot_count, slots_link = _open_slots(session, newsletter)
    received_count = letters.count_waiting_of_past_days(session, key, LETTERS.which("is_received"))
    held_count = letters.count_waiting_of_past_days(session, key, LETTERS.which("is_held"))
    replies = receipt_notes.list_answered_letters(session, key, 1, include_today=False)
    failed = mail_queries.counts(session, key, MAILS.which("is_failed"))["failed"]
    all_sections = [
        MorningSection("failed", failed, (), f"{desk}/outbox?state=failed"),
        _build_section(session, "late", _list_overdue(session, key), f"{desk}/waiting/experts"),
        _build_section(session, "answers", _list_submitted(session, key, yesterday), desk),
        _build_section(session, "checks", _list_checked(session, key, yesterday), desk),
        _build_section(session, "refusals", _list_declined(session, key, yesterday), desk),
        MorningSection("notes", len(replies), (), desk),
        MorningSection("letters", received_count, (), f"{desk}/letters"),
        MorningSection("held", held_count, (), f"{desk}/letters"),
        MorningSection("pen", inbound.count(session, key, "pen"), (), f"{desk}/pen"),
        MorningSection("slots", slot_count, (), slots_link),
        MorningSection("leaving", _count_leaving(session, newsletter), (), f"{desk}/leaving"),
    ]
    return [section for section in all_sections if section.number > 0]


def _count_leaving(session: Session, newsletter: Newsletter) -> int:
    """Count the letters, answers and people that will be erased within the week."""
    return (
        sum(retention_preview.count_due_by_rule(session, newsletter, LEAVING_PERIOD).values())
        + erase_answers.count_due_answers(session, newsletter, LEAVING_PERIOD)
        + erase_people.count_due_experts(session, newsletter, LEAVING_PERIOD)
        + len(erase_people.list_due_colleagues(session, newsletter, LEAVING_PERIOD))
    )


def _build_section(session: Session, kind: str, assignments: Sequence[Assignment], link: str) -> MorningSection:
    lines = [
        f"{assignment.expert.name}: {expert_mails.title_of(session, assignment)}"
        for assignment in assignments[:MAX_SECTION_LINES]
    ]
    return MorningSection(kind, len(assignments), tuple(lines), link)


def _list_overdue(session: Session, newsletter_id: int) -> list[Assignment]:
    """Return overdue assignments, except those with a mail that waits to be filed."""
    overdue: list[Assignment] = []
    for state, deadline in DEADLINE_COLUMNS.items():
        query = select(Assignment).where(Assignment.newsletter_id == newsletter_id, Assignment.state == state)
        overdue += session.scalars(
            query.where(deadline < now(session)).order_by(deadline, Assignment.id).limit(COUNT_LIMIT)
        )
    if not overdue:
        return []
    with_mail = find_with_waiting_letter(session, [assignment.id for assignment in overdue])
    return [assignment for assignment in overdue if assignment.id not in with_mail]


def _list_submitted(session: Session, newsletter_id: int, since: datetime) -> list[Assignment]:
    return [answer.assignment for answer in _list_answers(session, newsletter_id, "submitted", since)]


def _list_checked(session: Session, newsletter_id: int, since: datetime) -> list[Assignment]:
    """Return the assignments whose quote check got an outcome since then, and whose text wasn't edited afterwards."""
    answers = _list_answers(session, newsletter_id, "edited", since)
    checks = newest_checks(session, [answer.id for answer in answers])
    assignments = []
    for answer in answers:
        check = checks.get(answer.id)
        if check is None or check.text_id != answer.text_id:
            continue
        if check.outcome not in (None, "recalled"):
            assignments.append(answer.assignment)
    return assignments


def _list_declined(session: Session, newsletter_id: int, since: datetime) -> list[Assignment]:
    query = select(Assignment).where(
        Assignment.newsletter_id == newsletter_id, Assignment.is_declined, Assignment.state_at >= since
    )
    return list(session.scalars(query.order_by(Assignment.state_at, Assignment.id).limit(COUNT_LIMIT)))


def _list_answers(session: Session, newsletter_id: int, state: str, since: datetime) -> list[Answer]:
    query = select(Answer).where(Answer.newsletter_id == newsletter_id, Answer.state == state, Answer.state_at >= since)
    return list(session.scalars(query.order_by(Answer.state_at, Answer.id).limit(COUNT_LIMIT)))


def _open_slots(session: Session, newsletter: Newsletter) -> tuple[int, str]:
    """Return the number of open slots of the edition in production, and the link to it."""
    edition = find_edition_in_production(session, newsletter.id)
    if edition is None or not edition.is_planned:
        return 0, ""
    link = absolute_url(session, f"/desk/{newsletter.slug}/editions/{edition.public_id}")
    return len(open_slots(sections_of(session, edition))), link
