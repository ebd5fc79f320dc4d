"""Lists of who waits for whom at a newsletter's desk. Each is a short walk of an index, however much there is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Exists, ScalarSelect, Select, case, exists, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

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
from ..listing import MANY, Listing
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..questions.models import Question

SHOWN = 12  # tasks of one kind; whoever has more to do begins with these
BACKLOG = timedelta(weeks=4)  # what is late by more is counted, and stands in the whole list
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
    assignment: Assignment | None = None


@dataclass(frozen=True)
class Board:
    """The board of waiting work: for the desk, for experts, for their check of a quote, and for somebody to be asked;
    the next two editions, and the sections of the first. `numbers` are how many there are of each group, counted up to
    1,001, and of the "late" and the "backlog" among the experts'.
    """

    desk: list[Task]
    experts: list[Task]
    checks: list[Task]
    answers: list[Task]
    coming: list[Edition]
    sections: list[EditionSection]
    numbers: Mapping[str, int]

    def count(self, tasks: Sequence[Task], *groups: str) -> int:
        """Return how many there are of what `tasks` are the first of, and in `groups`, of which none may be shown."""
        shown = Counter(dict.fromkeys(groups, 0)) | Counter(map(group_of, tasks))
        return sum(self.numbers.get(group, shown[group]) for group in {*groups, *shown})


def group_of(task: Task) -> str:
    """Return the whole list that a task stands in: what waits for the same hands by the same clock."""
    return "experts" if task.kind in CLOCKS else {"check": "settle", "approve": "settle"}.get(task.kind, task.kind)


def board(session: Session, newsletter: Newsletter) -> Board:
    """Everything that waits, most pressing first."""
    coming = coming_editions(session, newsletter.id, 2)
    sections = sections_of(session, coming[0]) if coming else []
    return Board(
        desk=[
            *_editions_to_finish(session, newsletter.id),
            *_texts_to_settle(session, newsletter),
            *_invitations_to_send(session, newsletter),
            *_letters_to_read(session, newsletter.id),
            *_dates_to_keep(session, newsletter, coming),
            *_slot_to_fill(coming, open_slots(sections)),
        ],
        experts=_with_experts(session, newsletter),
        checks=_in_check(session, newsletter),
        answers=_nobody_asked(session, newsletter),
        coming=coming,
        sections=sections,
        numbers=_numbers(session, newsletter.id),
    )


def whole(session: Session, newsletter: Newsletter, group: str) -> list[Task]:
    """Return all of a group, the newest first: up to 1,000. KeyError for a group that has no whole list."""
    tasks = [task for task in WHOLE[group](session, newsletter, MANY) if group_of(task) == group]
    return sorted(tasks, key=lambda task: task.due_at or task.since, reverse=True)


def _numbers(session: Session, newsletter_id: int) -> dict[str, int]:
    """Count each group in one statement."""

    def of(noun: type[Assignment | Answer | Question], *where: ColumnElement[bool]) -> ScalarSelect[int]:
        mine = select(noun).where(noun.newsletter_id == newsletter_id, *where)
        return Listing[Any](mine, (noun.id,)).counted

    newest = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    objected = exists().where(Check.id == newest, Check.text_id == Answer.text_id, Check.outcome == "wrong")
    edited = (Answer.is_on_the_desk, ~Answer.is_submitted)
    until = case((Assignment.is_invited, Assignment.reply_by), else_=Assignment.due_at)
    lists = {
        "experts": of(Assignment, Assignment.owes_text),
        "late": of(Assignment, Assignment.owes_text, until < now(session)),
        "backlog": of(Assignment, Assignment.owes_text, until < now(session) - BACKLOG),
        "invite": of(Assignment, Assignment.is_drafted),
        "checking": of(Answer, Answer.is_checking),
        "edit": of(Answer, Answer.is_submitted),
        "settle": of(Answer, *edited, ~objected),
        "objection": of(Answer, *edited, objected),
        "ask": of(Question, Question.is_open, ~_is_drafted()),
    }
    return dict(zip(lists, session.execute(select(*lists.values())).one(), strict=True))


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


def _answers(session: Session, newsletter_id: int, state: str, limit: int) -> list[tuple[Answer, Question]]:
    query = (
        select(Answer, Question)
        .join(Question, Question.id == Answer.question_id)
        .where(Answer.newsletter_id == newsletter_id, Answer.state == state)
        .order_by(Answer.state_at, Answer.id)
        .limit(limit)
    )
    return [(answer, question) for answer, question in session.execute(query)]


def _texts_to_settle(session: Session, newsletter: Newsletter, limit: int = SHOWN) -> list[Task]:
    found = _answers(session, newsletter.id, "edited", limit) + _answers(session, newsletter.id, "submitted", limit)
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


def _invitations_to_send(session: Session, newsletter: Newsletter, limit: int = SHOWN) -> list[Task]:
    drafted = select(Assignment).where(Assignment.newsletter_id == newsletter.id, Assignment.is_drafted)
    drafted = drafted.options(joinedload(Assignment.question)).order_by(Assignment.id)
    return [
        Task("invite", assignment.state_at, question=assignment.question, expert=assignment.expert.name)
        for assignment in session.scalars(drafted.limit(limit))
    ]


def _with_experts(session: Session, newsletter: Newsletter) -> list[Task]:
    """Return first what is late, the newest first and without the backlog, then what is due soonest."""
    here = now(session)
    walks = []
    for mine, clock in _clocks(newsletter):
        walks += [
            mine.where(clock < here, clock >= here - BACKLOG).order_by(clock.desc(), Assignment.id).limit(SHOWN),
            mine.where(clock >= here).order_by(clock, Assignment.id).limit(SHOWN),
        ]
    tasks = _owing(session, walks)
    late = [task for task in tasks if task.due_at and task.due_at < here]
    return [*reversed(late), *(task for task in tasks if task not in late)][:SHOWN]


def _all_with_experts(session: Session, newsletter: Newsletter, limit: int) -> list[Task]:
    newest = [mine.order_by(clock.desc(), Assignment.id).limit(limit) for mine, clock in _clocks(newsletter)]
    return _owing(session, newest)[-limit:]


def _clocks(newsletter: Newsletter) -> Iterator[tuple[Select[int], InstrumentedAttribute[Any]]]:
    """Yield the keys of those who owe something in each state, and the clock that they have it by."""
    for state, clock in CLOCKS.items():
        yield select(Assignment.id).where(Assignment.newsletter_id == newsletter.id, Assignment.state == state), clock


def _owing(session: Session, walks: Sequence[Select[int]]) -> list[Task]:
    """Return who owes a yes or a text, of the keys that these queries find, due soonest first."""
    keys = union_all(*(select(walk.subquery().c.id) for walk in walks)).subquery()
    query = select(Assignment).options(joinedload(Assignment.question)).where(Assignment.id.in_(select(keys.c.id)))
    tasks = [
        Task(
            str(one.state),
            one.invited_at or one.state_at,
            getattr(one, CLOCKS[str(one.state)].key),
            one.question,
            one.expert.name,
            assignment=one,
        )
        for one in session.scalars(query.order_by(Assignment.id))
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _in_check(session: Session, newsletter: Newsletter, limit: int = SHOWN) -> list[Task]:
    found = _answers(session, newsletter.id, "checking", limit)
    checks = newest_checks(session, [answer.id for answer, _ in found])
    tasks = [
        Task("checking", checks[answer.id].asked_at, checks[answer.id].due_at, question, answer.expert.name)
        for answer, question in found
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _is_drafted() -> Exists:
    """Of questions in a query: those for which an invitation lies ready."""
    return exists().where(Assignment.question_id == Question.id, Assignment.is_drafted)


def _nobody_asked(session: Session, newsletter: Newsletter, limit: int = SHOWN) -> list[Task]:
    """Open questions for which no invitation lies ready either, the oldest first."""
    query = select(Question).where(Question.newsletter_id == newsletter.id, Question.is_open, ~_is_drafted())
    found = list(session.scalars(query.order_by(Question.id).limit(limit)))
    readers = questions.askers(session, found)
    return [Task("ask", question.opened_at, question=question, number=readers[question.id]) for question in found]


def _letters_to_read(session: Session, newsletter_id: int) -> list[Task]:
    tasks = []
    for kind, states in (("letters", STATES.which("is_received")), ("held", STATES.which("is_held"))):
        oldest = select(Letter.received_at).where(Letter.newsletter_id == newsletter_id, Letter.state.in_(states))
        oldest = oldest.order_by(Letter.received_at, Letter.id)
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


# The lists that can be looked at whole, by their names in an address.
WHOLE: dict[str, Callable[[Session, Newsletter, int], list[Task]]] = {
    "experts": _all_with_experts,
    "checking": _in_check,
    "ask": _nobody_asked,
    "edit": _texts_to_settle,
    "settle": _texts_to_settle,
    "invite": _invitations_to_send,
}
