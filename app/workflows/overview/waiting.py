"""The board of waiting work at a newsletter's desk.

Each list reads a short range of an index, however many rows exist.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, load_only

from ...answers.models import Answer, Assignment, Check
from ...core.listing import MANY, find_keys, union_keys
from ...db.session import get_many, now
from ...editions import slots
from ...editions.models import Edition
from ...editions.slots import EditionSection
from ...newsletters.models import Newsletter
from ...people.models import Expert, Person
from ...questions import queries as questions
from ...questions.models import Question, QuestionText
from . import waiting_walks as walks
from .waiting_walks import CLOCKS, SHOWN

Texts = list[tuple[Answer, Question, Check | None]]


def answers_of(session: Session, keys: Sequence[int]) -> Texts:
    """Return answers with their questions and newest checks, those that have waited longest first."""
    newest = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    query = (
        select(Answer, Question, Check)
        .options(_load_expert_name(joinedload(Answer.expert)), *_load_question_title())
        .join(Question, Question.id == Answer.question_id)
        .outerjoin(Check, Check.id == newest)
        .where(Answer.id.in_(keys))
        .order_by(Answer.state_at, Answer.id)
    )
    rows = session.execute(query) if keys else ()
    return [(answer, question, check) for answer, question, check in rows]


def assignments_of(session: Session, keys: Sequence[int]) -> list[Assignment]:
    question = joinedload(Assignment.question)
    query = select(Assignment).options(
        _load_expert_name(joinedload(Assignment.expert)), question.options(*_load_question_title())
    )
    return list(session.scalars(query.where(Assignment.id.in_(keys)).order_by(Assignment.id))) if keys else []


def _load_expert_name(expert: Any) -> Any:
    """Return loader options for an expert's name only."""
    return expert.options(load_only(Expert.person_id), joinedload(Expert.person).load_only(Person.name))


def _load_question_title() -> tuple[Any, ...]:
    """Return loader options for a question's title only."""
    words = joinedload(Question.text).load_only(QuestionText.headline, QuestionText.body)
    return load_only(Question.public_id, Question.text_id), words


@dataclass(frozen=True)
class Task:
    """A task for the desk or an expert, open `since` a time and due by `due_at`.

    `number` counts letters or readers, or is the number of a slot.
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
    """The waiting work, and the next two editions with the sections of the first.

    `desk` are tasks of the desk, `experts` owed replies and texts, `checks` open quote checks, and `answers` questions
    that nobody is asked yet. `numbers` is the result of `waiting_walks.count_waiting`.
    """

    desk: list[Task]
    experts: list[Task]
    checks: list[Task]
    answers: list[Task]
    coming: list[Edition]
    sections: list[EditionSection]
    numbers: Mapping[str, Any]

    def count(self, tasks: Sequence[Task], *groups: str) -> int:
        """Return the total of all groups that `tasks` belong to, and of `groups`, which may have no tasks here."""
        shown = Counter(dict.fromkeys(groups, 0)) | Counter(map(group_of, tasks))
        return sum(self.numbers.get(group, shown[group]) for group in {*groups, *shown})


def group_of(task: Task) -> str:
    """Return the group of a task, which is a key of `WHOLE` if the group has a complete list."""
    return "experts" if task.kind in CLOCKS else {"check": "settle", "approve": "settle"}.get(task.kind, task.kind)


def board(session: Session, newsletter: Newsletter) -> Board:
    """Load the board, most urgent tasks first, with one statement for all keys and one for each kind of row."""
    keys = walks.find_waiting(session, newsletter.id)
    counted = walks.count_waiting(session, newsletter.id)
    questions = get_many(session, Question, {*keys["ask"], *keys["dated"], *keys["picked"]})
    theirs = [question.edition_id for question in questions.values() if question.edition_id]
    editions = get_many(session, Edition, {*keys["locked"], *keys["missed"], *keys["coming"], *theirs})
    coming = sorted((editions[key] for key in keys["coming"]), key=_runs)
    picked = sorted((questions[key] for key in keys["picked"]), key=lambda question: question.position or 0)
    sections = slots.build_sections(newsletter.sections, slots.shares(coming[0]), picked) if coming else []
    answers = answers_of(session, keys["edited"] + keys["submitted"] + keys["checking"])
    owing = keys["late"] if len(keys["late"]) == SHOWN else keys["late"] + keys["due"]  # overdue ones come first
    assignments = assignments_of(session, keys["drafted"] + owing)
    return Board(
        desk=[
            *_editions_to_finish([editions[key] for key in keys["missed"]], [editions[key] for key in keys["locked"]]),
            *_texts_to_settle(answers, newsletter),
            *_invitations_to_send(assignments),
            *_letters_to_read(counted),
            *_dates_to_keep([questions[key] for key in keys["dated"]], newsletter, coming, editions),
            *_slot_to_fill(coming, slots.open_slots(sections), now(session)),
        ],
        experts=_put_overdue_first(_tasks_of_experts(assignments), now(session)),
        checks=_in_check(answers),
        answers=_questions_to_ask(session, [questions[key] for key in keys["ask"]]),
        coming=coming,
        sections=sections,
        numbers=counted,
    )


def list_group(session: Session, newsletter: Newsletter, group: str) -> list[Task]:
    """Return up to 1,000 tasks of a group, latest due first. Raises KeyError for a group without a complete list."""
    tasks = [task for task in WHOLE[group](session, newsletter) if group_of(task) == group]
    return sorted(tasks, key=lambda task: task.due_at or task.since, reverse=True)


def _runs(edition: Edition) -> tuple[datetime, int]:
    return edition.runs_at, edition.id


def _editions_to_finish(missed_editions: Sequence[Edition], locked_editions: Sequence[Edition]) -> list[Task]:
    return [
        *(Task("missed", one.runs_at, one.runs_at, edition=one) for one in sorted(missed_editions, key=_runs)),
        *(
            Task("send", one.locked_at or one.runs_at, one.runs_at, edition=one)
            for one in sorted(locked_editions, key=_runs)
        ),
    ]


def _texts_to_settle(answers: Texts, newsletter: Newsletter) -> list[Task]:
    tasks = [
        Task(
            _next_step(answer, check, newsletter.check_policy),
            answer.state_at,
            question=question,
            expert=answer.expert.name,
        )
        for answer, question, check in answers
        if answer.is_on_the_desk
    ]
    order = ("objection", "approve", "edit", "check")
    return sorted(tasks, key=lambda task: (order.index(task.kind), task.since))


def _next_step(answer: Answer, check: Check | None, policy: str) -> str:
    """Return the desk's next task for a text; a quote check counts only for the version that was checked."""
    if answer.is_submitted:
        return "edit"
    outcome = check.outcome if check and check.text_id == answer.text_id else None
    if outcome == "wrong":
        return "objection"
    return "approve" if policy == "off" or outcome in ("fine", "approved", "silent") else "check"


def _invitations_to_send(assignments: Sequence[Assignment]) -> list[Task]:
    return [
        Task("invite", one.state_at, question=one.question, expert=one.expert.name)
        for one in assignments
        if one.is_drafted
    ]


def _tasks_of_experts(assignments: Sequence[Assignment]) -> list[Task]:
    """Return the tasks of experts who owe a reply or a text, due soonest first."""
    tasks = [
        Task(
            str(one.state),
            one.invited_at or one.state_at,
            getattr(one, CLOCKS[str(one.state)].key),
            one.question,
            one.expert.name,
            assignment=one,
        )
        for one in assignments
        if one.owes_text
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _put_overdue_first(tasks: Sequence[Task], current_time: datetime) -> list[Task]:
    """Move overdue tasks to the front, most recently due first, and limit the list."""
    late = [task for task in tasks if task.due_at and task.due_at < current_time]
    return [*reversed(late), *(task for task in tasks if task not in late)][:SHOWN]


def _in_check(answers: Texts) -> list[Task]:
    tasks = [
        Task("checking", check.asked_at, check.due_at, question, answer.expert.name)
        for answer, question, check in answers
        if answer.is_checking and check
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _questions_to_ask(session: Session, open_questions: Sequence[Question]) -> list[Task]:
    """Return the questions that nobody is asked, oldest first."""
    readers = questions.askers(session, open_questions) if open_questions else {}
    return [
        Task("ask", one.opened_at, question=one, number=readers[one.id])
        for one in sorted(open_questions, key=attrgetter("id"))
    ]


def _letters_to_read(counts: Mapping[str, Any]) -> list[Task]:
    return [
        Task(kind, since, number=counts[f"{kind} waiting"])
        for kind in walks.LETTERS
        if (since := counts[f"{kind} since"])
    ]


def _slot_to_fill(coming_editions: list[Edition], numbers: list[int], current_time: datetime) -> list[Task]:
    """Return the first open slot of the edition in production, due at its cut-off, or after that when it runs."""
    edition = coming_editions[0] if coming_editions else None
    if edition is None or not edition.is_planned or not numbers:
        return []
    due_at = edition.cutoff_at if edition.cutoff_at > current_time else edition.runs_at
    return [Task("slot", edition.state_at, due_at, edition=edition, number=numbers[0])]


def _dates_to_keep(
    dated_questions: Sequence[Question],
    newsletter: Newsletter,
    coming_editions: list[Edition],
    editions: Mapping[int, Edition],
) -> list[Task]:
    """Return questions with a deadline no later than the second next edition that aren't in an edition in time."""
    tasks = []
    for question in sorted(dated_questions, key=lambda one: (one.must_run_by or date.max, one.id)):
        by = question.must_run_by
        edition = editions.get(question.edition_id or 0)
        if (
            by is None
            or (edition is not None and edition.rule_date <= by)
            or (coming_editions and by > coming_editions[-1].rule_date)
        ):
            continue
        ends = datetime.combine(by, time.max, ZoneInfo(newsletter.zone))
        tasks.append(Task("date", question.state_at, ends, question))
    return tasks


def _all_texts(*states: str) -> Callable[[Session, Newsletter], list[Task]]:
    def tasks(session: Session, newsletter: Newsletter) -> list[Task]:
        keys = find_keys(session, union_keys({state: walks.texts(newsletter.id, state, MANY) for state in states}))
        found = answers_of(session, [key for some in keys.values() for key in some])
        return [*_texts_to_settle(found, newsletter), *_in_check(found)]

    return tasks


def _all_with_experts(session: Session, newsletter: Newsletter) -> list[Task]:
    newest = {
        state: mine.order_by(clock.desc(), Assignment.id).limit(MANY)
        for state, mine, clock in walks.clocks(newsletter.id)
    }
    keys = find_keys(session, union_keys(newest))
    return _tasks_of_experts(assignments_of(session, [key for some in keys.values() for key in some]))[-MANY:]


def _all_unasked(session: Session, newsletter: Newsletter) -> list[Task]:
    found = session.scalars(select(Question).where(Question.id.in_(walks.select_unasked(newsletter.id, MANY))))
    return _questions_to_ask(session, list(found))


def _all_invitations(session: Session, newsletter: Newsletter) -> list[Task]:
    return _invitations_to_send(
        assignments_of(session, list(session.scalars(walks.select_draft_invitations(newsletter.id, MANY))))
    )


# The complete lists, by their names in URLs.
WHOLE: dict[str, Callable[[Session, Newsletter], list[Task]]] = {
    "experts": _all_with_experts,
    "checking": _all_texts("checking"),
    "ask": _all_unasked,
    "edit": _all_texts("submitted"),
    "settle": _all_texts("edited"),
    "invite": _all_invitations,
}
