"""Lists of who waits for whom at a newsletter's desk. Each is a short walk of an index, however much there is."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, joinedload

from ..answers.models import Answer, Assignment, Check
from ..answers.queries import newest_checks
from ..db import by_keys, now
from ..editions.models import Edition
from ..editions.queries import coming_editions
from ..editions.ready_to_run import must_run
from ..editions.slots import EditionSection, open_slots, sections_of
from ..letters import queries as letters
from ..letters.lifecycle import STATES
from ..letters.models import Letter
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..questions.models import Question

SHOWN = 12  # tasks of one kind; whoever has more to do begins with these
CLOCKS = {"invited": Assignment.reply_by, "accepted": Assignment.due_at, "returned": Assignment.due_at}


@dataclass(frozen=True)
class Task:
    """Something that somebody is to do: `kind` says what. `since` is when the waiting began, `due_at` when it should
    end.

    `number` counts letters or readers, or names a slot.
    """

    kind: str
    since: datetime
    due_at: datetime | None = None
    question: Question | None = None
    expert: str = ""
    edition: Edition | None = None
    number: int = 0


@dataclass(frozen=True)
class Board:
    """The board of waiting work: for the desk, for experts, for their check of a quote, and for somebody to be asked;
    the next two editions, and the sections of the first.
    """

    desk: list[Task]
    experts: list[Task]
    checks: list[Task]
    answers: list[Task]
    coming: list[Edition]
    sections: list[EditionSection]


def board(session: Session, newsletter: Newsletter) -> Board:
    """Everything that waits, most pressing first."""
    coming = coming_editions(session, newsletter.id, 2)
    sections = sections_of(session, coming[0]) if coming else []
    return Board(
        desk=[
            *_editions_to_finish(session, newsletter.id),
            *_texts_to_settle(session, newsletter),
            *_invitations_to_send(session, newsletter.id),
            *_letters_to_read(session, newsletter.id),
            *_dates_to_keep(session, newsletter, coming),
            *_slot_to_fill(coming, open_slots(sections)),
        ],
        experts=_with_experts(session, newsletter.id),
        checks=_in_check(session, newsletter.id),
        answers=_nobody_asked(session, newsletter.id),
        coming=coming,
        sections=sections,
    )


def _editions_to_finish(session: Session, newsletter_id: int) -> list[Task]:
    """Return what is locked and not marked as sent, and what was to run and was never locked."""
    mine = (
        select(Edition).where(Edition.newsletter_id == newsletter_id).order_by(Edition.runs_at, Edition.id).limit(SHOWN)
    )
    locked = session.scalars(mine.where(Edition.is_locked))
    missed = session.scalars(
        mine.where(
            Edition.is_planned, Edition.runs_at <= now(session), exists().where(Question.edition_id == Edition.id)
        )
    )
    return [
        *(Task("missed", edition.runs_at, edition.runs_at, edition=edition) for edition in missed),
        *(Task("send", edition.locked_at or edition.runs_at, edition.runs_at, edition=edition) for edition in locked),
    ]


def _answers(session: Session, newsletter_id: int, state: str) -> list[tuple[Answer, Question]]:
    query = (
        select(Answer, Question)
        .join(Question, Question.id == Answer.question_id)
        .where(Answer.newsletter_id == newsletter_id, Answer.state == state)
        .order_by(Answer.state_at, Answer.id)
        .limit(SHOWN)
    )
    return [(answer, question) for answer, question in session.execute(query)]


def _texts_to_settle(session: Session, newsletter: Newsletter) -> list[Task]:
    found = _answers(session, newsletter.id, "edited") + _answers(session, newsletter.id, "submitted")
    checks = newest_checks(session, [answer.id for answer, _ in found])
    tasks = [
        Task(
            _next_step(answer, checks.get(answer.id), newsletter.check_policy),
            answer.state_at,
            question=question,
            expert=answer.expert.name,
        )
        for answer, question in found
    ]
    order = ("objection", "approve", "edit", "check")
    return sorted(tasks, key=lambda task: (order.index(task.kind), task.since))


def _next_step(answer: Answer, check: Check | None, policy: str) -> str:
    """Return what the desk does next with a text: a check counts only for the very text that was checked."""
    if answer.is_submitted:
        return "edit"
    outcome = check.outcome if check and check.text_id == answer.text_id else None
    if outcome == "wrong":
        return "objection"
    return "approve" if policy == "off" or outcome in ("fine", "approved", "silent") else "check"


def _assignments(session: Session, newsletter_id: int, state: str) -> list[Assignment]:
    query = (
        select(Assignment).options(joinedload(Assignment.question)).filter_by(newsletter_id=newsletter_id, state=state)
    )
    return list(session.scalars(query.order_by(CLOCKS.get(state, Assignment.id), Assignment.id).limit(SHOWN)))


def _invitations_to_send(session: Session, newsletter_id: int) -> list[Task]:
    return [
        Task("invite", assignment.state_at, question=assignment.question, expert=assignment.expert.name)
        for assignment in _assignments(session, newsletter_id, "drafted")
    ]


def _with_experts(session: Session, newsletter_id: int) -> list[Task]:
    tasks = [
        Task(
            state,
            assignment.invited_at or assignment.state_at,
            getattr(assignment, clock.key),
            assignment.question,
            assignment.expert.name,
        )
        for state, clock in CLOCKS.items()
        for assignment in _assignments(session, newsletter_id, state)
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)[:SHOWN]


def _in_check(session: Session, newsletter_id: int) -> list[Task]:
    found = _answers(session, newsletter_id, "checking")
    checks = newest_checks(session, [answer.id for answer, _ in found])
    tasks = [
        Task("checking", checks[answer.id].asked_at, checks[answer.id].due_at, question, answer.expert.name)
        for answer, question in found
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _nobody_asked(session: Session, newsletter_id: int) -> list[Task]:
    """Open questions for which no invitation lies ready either, the oldest first."""
    drafted = exists().where(Assignment.question_id == Question.id, Assignment.is_drafted)
    query = select(Question).where(Question.newsletter_id == newsletter_id, Question.is_open, ~drafted)
    found = list(session.scalars(query.order_by(Question.id).limit(SHOWN)))
    readers = questions.askers(session, found)
    return [Task("ask", question.opened_at, question=question, number=readers[question.id]) for question in found]


def _letters_to_read(session: Session, newsletter_id: int) -> list[Task]:
    tasks = []
    for kind, states in (("letters", STATES.which("is_received")), ("held", STATES.which("is_held"))):
        oldest = select(Letter.received_at).where(Letter.newsletter_id == newsletter_id, Letter.state.in_(states))
        oldest = oldest.order_by(Letter.id)
        since = session.scalar(oldest.limit(1))
        if since:
            tasks.append(Task(kind, since, number=letters.waiting(session, newsletter_id, states)))
    return tasks


def _slot_to_fill(coming: list[Edition], numbers: list[int]) -> list[Task]:
    edition = coming[0] if coming else None
    if edition is None or not edition.is_planned or not numbers:
        return []
    return [Task("slot", edition.state_at, edition.cutoff_at, edition=edition, number=numbers[0])]


def _dates_to_keep(session: Session, newsletter: Newsletter, coming: list[Edition]) -> list[Task]:
    """Return what must run by a day that the next two editions reach, and stands in no edition before that day."""
    found = must_run(session, newsletter.id, SHOWN)
    editions = by_keys(session, Edition, {question.edition_id for question in found if question.edition_id})
    tasks = []
    for question in found:
        by = question.must_run_by
        edition = editions.get(question.edition_id or 0)
        if by is None or (edition is not None and edition.rule_date <= by) or (coming and by > coming[-1].rule_date):
            continue
        ends = datetime.combine(by, time.max, ZoneInfo(newsletter.zone))
        tasks.append(Task("date", question.state_at, ends, question))
    return tasks
