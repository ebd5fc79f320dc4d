"""The board of waiting work at a newsletter's desk.

Each list reads a short range of an index, however many rows exist.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import chain
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, load_only

from ...answers.models import Answer, Assignment, Check
from ...core.listing import COUNT_LIMIT, find_keys, union_keys
from ...db.session import get_many, now
from ...editions import slots
from ...editions.models import Edition
from ...editions.slots import EditionSection
from ...newsletters.models import Newsletter
from ...people.contact_status import find_bounced_ids
from ...people.models import Expert, Person
from ...questions.models import Question, QuestionText, Translator
from ...questions.queries import count_askers
from . import waiting_queries as queries
from .waiting_queries import BACKLOG, DEADLINE_COLUMNS, MAX_TASKS, WAITING_ANSWER_STATES

CheckedAnswers = list[tuple[Answer, Question, Check | None]]  # answers with their questions and newest checks


@dataclass(frozen=True)
class WaitingTask:
    """A task of the desk or an expert, open `since` a time and due by `due_at`.

    `expert` is the name of an expert or translator; with `is_unreached`, mail to them comes back. `number` counts
    letters, readers or questions, or is the number of a slot. `language` is that of a translation.
    """

    kind: str
    since: datetime
    due_at: datetime | None = None
    question: Question | None = None
    expert: str = ""
    edition: Edition | None = None
    number: int = 0
    assignment: Assignment | None = None
    is_unreached: bool = False
    language: str = ""


@dataclass(frozen=True)
class Board:
    """The waiting work.

    - `desk`: tasks of the desk;
    - `experts`: replies and texts that experts owe;
    - `checks`: open quote checks;
    - `unasked`: questions that nobody is asked yet;
    - `coming`: the next two editions;
    - `sections`: the sections of the first of them;
    - `numbers`: the result of `waiting_queries.count_waiting`.
    """

    desk: list[WaitingTask]
    experts: list[WaitingTask]
    checks: list[WaitingTask]
    unasked: list[WaitingTask]
    coming: list[Edition]
    sections: list[EditionSection]
    numbers: Mapping[str, Any]

    def count(self, tasks: Sequence[WaitingTask], *groups: str) -> int:
        """Return the total of `groups` and of all groups of `tasks`, including tasks that the board doesn't show.

        Groups that `numbers` doesn't count are shown completely.
        """
        shown_counts = Counter(map(get_group, tasks))
        return sum(self.numbers.get(group, shown_counts[group]) for group in {*groups, *shown_counts})


def get_group(task: WaitingTask) -> str:
    """Return the group of a task, which is a key of `COMPLETE_LISTS` if the group has a complete list."""
    if task.kind in DEADLINE_COLUMNS:
        return "experts"
    if task.kind in ("check", "approve"):
        return "settle"
    return task.kind


def load_board(session: Session, newsletter: Newsletter) -> Board:
    """Load the board, most urgent tasks first, with a fixed number of statements."""
    keys = queries.find_waiting(session, newsletter.id)
    numbers = queries.count_waiting(session, newsletter.id)
    questions = get_many(session, Question, {*keys["ask"], *keys["dated"], *keys["picked"]})
    edition_ids = {question.edition_id for question in questions.values() if question.edition_id}
    editions = get_many(session, Edition, {*keys["locked"], *keys["missed"], *keys["coming"], *edition_ids})
    coming = sorted((editions[key] for key in keys["coming"]), key=_run_order)
    picked = sorted((questions[key] for key in keys["picked"]), key=lambda question: question.position or 0)
    sections = slots.build_sections(newsletter.sections, slots.shares(coming[0]), picked) if coming else []
    text_keys = [key for state in WAITING_ANSWER_STATES for key in _list_text_keys(keys, state)]
    answers = _load_answers(session, text_keys + keys["contested"])
    owed_keys = keys["late"]
    if len(owed_keys) < MAX_TASKS:  # overdue assignments take precedence
        owed_keys = owed_keys + keys["due"]
    assignments = _load_assignments(session, keys["drafted"] + owed_keys)
    return Board(
        desk=[
            *_editions_to_finish([editions[key] for key in keys["missed"]], [editions[key] for key in keys["locked"]]),
            *_put_backlog_last(_texts_to_settle(answers, newsletter), now(session)),
            *_translations_to_approve(session, keys["translated"]),
            *_invitations_to_send(assignments),
            *_letters_to_read(numbers),
            *_deadlines_to_meet([questions[key] for key in keys["dated"]], newsletter, coming, editions),
            *_erasures_to_decide(numbers, now(session)),
            *_slot_to_fill(coming, slots.open_slots(sections), now(session)),
        ],
        experts=_put_overdue_first(_tasks_of_experts(session, assignments), now(session)),
        checks=_open_checks(session, answers),
        unasked=_put_backlog_last(_questions_to_ask(session, [questions[key] for key in keys["ask"]]), now(session)),
        coming=coming,
        sections=sections,
        numbers=numbers,
    )


def _list_text_keys(keys: Mapping[str, list[int]], state: str) -> list[int]:
    """Return the keys of the answers in a state that Home shows. Those of the backlog fill up a list that is short."""
    return (keys[state] + keys[f"{state} backlog"])[:MAX_TASKS]


def list_group(session: Session, newsletter: Newsletter, group: str) -> list[WaitingTask]:
    """Return up to `COUNT_LIMIT` tasks of a group, latest first, by `due_at` or without one by `since`.

    Raises KeyError for a group without a complete list.
    """
    tasks = [task for task in COMPLETE_LISTS[group](session, newsletter) if get_group(task) == group]
    return sorted(tasks, key=lambda task: task.due_at or task.since, reverse=True)


def _load_answers(session: Session, keys: Sequence[int]) -> CheckedAnswers:
    """Return answers by keys, those that have waited longest first."""
    if not keys:
        return []
    newest_check_id = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    query = (
        select(Answer, Question, Check)
        .options(_load_expert_name(joinedload(Answer.expert)), *_load_question_title())
        .join(Question, Question.id == Answer.question_id)
        .outerjoin(Check, Check.id == newest_check_id)
        .where(Answer.id.in_(keys))
        .order_by(Answer.state_at, Answer.id)
    )
    return [(answer, question, check) for answer, question, check in session.execute(query)]


def _load_assignments(session: Session, keys: Sequence[int]) -> list[Assignment]:
    if not keys:
        return []
    load_expert = _load_expert_name(joinedload(Assignment.expert))
    load_question = joinedload(Assignment.question).options(*_load_question_title())
    query = select(Assignment).options(load_expert, load_question)
    return list(session.scalars(query.where(Assignment.id.in_(keys)).order_by(Assignment.id)))


def _load_expert_name(expert: Any) -> Any:
    """Return loader options for an expert's name only."""
    return expert.options(load_only(Expert.person_id), joinedload(Expert.person).load_only(Person.name))


def _load_question_title() -> tuple[Any, ...]:
    """Return loader options for a question's title only."""
    load_text = joinedload(Question.text).load_only(QuestionText.headline, QuestionText.body)
    return load_only(Question.public_id, Question.text_id), load_text


def _run_order(edition: Edition) -> tuple[datetime, int]:
    return edition.runs_at, edition.id


def _editions_to_finish(missed_editions: Sequence[Edition], locked_editions: Sequence[Edition]) -> list[WaitingTask]:
    """Return tasks for missed editions, then for locked editions that have to be sent."""
    tasks = []
    for edition in sorted(missed_editions, key=_run_order):
        tasks.append(WaitingTask("missed", since=edition.runs_at, due_at=edition.runs_at, edition=edition))
    for edition in sorted(locked_editions, key=_run_order):
        since = edition.locked_at or edition.runs_at
        tasks.append(WaitingTask("send", since=since, due_at=edition.runs_at, edition=edition))
    return tasks


def _texts_to_settle(answers: CheckedAnswers, newsletter: Newsletter) -> list[WaitingTask]:
    """Return tasks for the texts on the desk, by urgency of their kind and then longest waiting first."""
    tasks = []
    for answer, question, check in answers:
        if answer.is_on_the_desk:
            kind = _next_step(answer, check, newsletter.check_policy)
            tasks.append(WaitingTask(kind, since=answer.state_at, question=question, expert=answer.expert.name))
        elif answer.is_approved and check and check.is_open_objection:
            tasks.append(WaitingTask("objection", since=check.asked_at, question=question, expert=answer.expert.name))
    kinds_by_urgency = ("objection", "approve", "edit", "check")
    return sorted(tasks, key=lambda task: (kinds_by_urgency.index(task.kind), task.since))


def _next_step(answer: Answer, check: Check | None, policy: str) -> str:
    """Return the kind of the desk's next task for a text. A quote check counts only for the version that it checked."""
    if answer.is_submitted:
        return "edit"
    outcome = check.outcome if check and check.text_id == answer.text_id else None
    if outcome == "wrong":
        return "objection"
    if policy == "off" or outcome in ("fine", "approved", "silent"):
        return "approve"
    return "check"


def _invitations_to_send(assignments: Sequence[Assignment]) -> list[WaitingTask]:
    return [
        WaitingTask("invite", since=assignment.state_at, question=assignment.question, expert=assignment.expert.name)
        for assignment in assignments
        if assignment.is_drafted
    ]


def _translations_to_approve(session: Session, keys: Sequence[int]) -> list[WaitingTask]:
    """Return the tasks for texts that translators have handed in, those that have waited longest first."""
    if not keys:
        return []
    query = select(Translator, Question).join(Question, Question.id == Translator.question_id)
    query = query.options(*_load_question_title()).where(Translator.id.in_(keys))
    return [
        WaitingTask(
            "translation",
            since=translator.state_at,
            question=question,
            expert=translator.name,
            language=translator.language,
        )
        for translator, question in session.execute(query.order_by(Translator.state_at, Translator.id))
    ]


def _tasks_of_experts(session: Session, assignments: Sequence[Assignment]) -> list[WaitingTask]:
    """Return the tasks of experts who owe a reply or a text, due soonest first."""
    owed = [assignment for assignment in assignments if assignment.owes_text]
    bounced_ids = find_bounced_ids(session, {assignment.expert_id for assignment in owed})
    tasks = []
    for assignment in owed:
        state = str(assignment.state)
        task = WaitingTask(
            kind=state,
            since=assignment.invited_at or assignment.state_at,
            due_at=getattr(assignment, DEADLINE_COLUMNS[state].key),
            question=assignment.question,
            expert=assignment.expert.name,
            assignment=assignment,
            is_unreached=assignment.expert_id in bounced_ids,
        )
        tasks.append(task)
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _put_overdue_first(tasks: Sequence[WaitingTask], current_time: datetime) -> list[WaitingTask]:
    """Return up to MAX_TASKS tasks: overdue ones, latest deadline first, then the others, earliest deadline first.

    `tasks` are sorted by deadline.
    """
    overdue = [task for task in tasks if task.due_at and task.due_at < current_time]
    others = [task for task in tasks if task not in overdue]
    return [*reversed(overdue), *others][:MAX_TASKS]


def _put_backlog_last(tasks: Sequence[WaitingTask], current_time: datetime) -> list[WaitingTask]:
    """Return the tasks in their order, and then those that have waited for longer than BACKLOG, latest first."""
    backlog = [task for task in tasks if task.since < current_time - BACKLOG]
    recent = [task for task in tasks if task not in backlog]
    return [*recent, *sorted(backlog, key=lambda task: task.since, reverse=True)]


def _open_checks(session: Session, answers: CheckedAnswers) -> list[WaitingTask]:
    checking = [(answer, question, check) for answer, question, check in answers if answer.is_checking and check]
    bounced_ids = find_bounced_ids(session, {answer.expert_id for answer, _question, _check in checking})
    tasks = [
        WaitingTask(
            "checking",
            since=check.asked_at,
            due_at=check.due_at,
            question=question,
            expert=answer.expert.name,
            is_unreached=answer.expert_id in bounced_ids,
        )
        for answer, question, check in checking
    ]
    return sorted(tasks, key=lambda task: task.due_at or task.since)


def _questions_to_ask(session: Session, open_questions: Sequence[Question]) -> list[WaitingTask]:
    """Return the questions that nobody is asked, oldest first."""
    if not open_questions:
        return []
    reader_counts = count_askers(session, open_questions)
    return [
        WaitingTask("ask", since=question.opened_at, question=question, number=reader_counts[question.id])
        for question in sorted(open_questions, key=attrgetter("id"))
    ]


def _letters_to_read(counts: Mapping[str, Any]) -> list[WaitingTask]:
    tasks = []
    for kind in queries.LETTER_STATE_PROPERTIES:
        since = counts[f"{kind} since"]
        if since:
            tasks.append(WaitingTask(kind, since, number=counts[f"{kind} waiting"]))
    return tasks


def _erasures_to_decide(counts: Mapping[str, Any], current_time: datetime) -> list[WaitingTask]:
    """Return a task if words behind open questions are erased soon. `number` counts the questions."""
    if not counts["erasures waiting"]:
        return []
    due_at = datetime.combine(counts["erasures on"], time.min, UTC)
    return [WaitingTask("erasures", since=current_time, due_at=due_at, number=counts["erasures waiting"])]


def _slot_to_fill(coming_editions: list[Edition], open_slots: list[int], current_time: datetime) -> list[WaitingTask]:
    """Return a task for the first open slot of the next edition. `open_slots` are the numbers of all its open slots.

    The task is due at the cut-off, or if that is over, when the edition runs.
    """
    if not coming_editions or not open_slots:
        return []
    edition = coming_editions[0]
    if not edition.is_planned:
        return []
    due_at = edition.cutoff_at if edition.cutoff_at > current_time else edition.runs_at
    return [WaitingTask("slot", since=edition.state_at, due_at=due_at, edition=edition, number=open_slots[0])]


def _deadlines_to_meet(
    dated_questions: Sequence[Question],
    newsletter: Newsletter,
    coming_editions: list[Edition],
    editions: Mapping[int, Edition],
) -> list[WaitingTask]:
    """Return tasks for questions that aren't in an edition on or before the day of their deadline.

    Questions with a deadline after the last of the coming editions are left out.
    """
    tasks = []
    for question in sorted(dated_questions, key=lambda question: (question.must_run_by or date.max, question.id)):
        deadline = question.must_run_by
        if deadline is None:
            continue
        edition = editions.get(question.edition_id or 0)
        is_in_time = edition is not None and edition.rule_date <= deadline
        is_far_off = bool(coming_editions) and deadline > coming_editions[-1].rule_date
        if is_in_time or is_far_off:
            continue
        due_at = datetime.combine(deadline, time.max, ZoneInfo(newsletter.zone))
        tasks.append(WaitingTask("date", since=question.state_at, due_at=due_at, question=question))
    return tasks


def _answer_lister(state: str) -> Callable[[Session, Newsletter], list[WaitingTask]]:
    """Return a function that lists the tasks for answers in a state."""

    def list_tasks(session: Session, newsletter: Newsletter) -> list[WaitingTask]:
        keys = list(session.scalars(queries.select_answers(newsletter.id, state).limit(COUNT_LIMIT)))
        answers = _load_answers(session, keys)
        return [*_texts_to_settle(answers, newsletter), *_open_checks(session, answers)]

    return list_tasks


def _list_owed(session: Session, newsletter: Newsletter) -> list[WaitingTask]:
    """Return what experts owe, up to `COUNT_LIMIT` tasks: those due last."""
    latest_by_state = {
        state: query.order_by(deadline.desc(), Assignment.id).limit(COUNT_LIMIT)
        for state, query, deadline in queries.select_owed_by_state(newsletter.id)
    }
    keys = chain.from_iterable(find_keys(session, union_keys(latest_by_state)).values())
    return _tasks_of_experts(session, _load_assignments(session, list(keys)))[-COUNT_LIMIT:]


def _list_unasked(session: Session, newsletter: Newsletter) -> list[WaitingTask]:
    unasked_ids = queries.select_unasked(newsletter.id, COUNT_LIMIT)
    unasked = session.scalars(select(Question).where(Question.id.in_(unasked_ids)))
    return _questions_to_ask(session, list(unasked))


def _list_draft_invitations(session: Session, newsletter: Newsletter) -> list[WaitingTask]:
    keys = list(session.scalars(queries.select_draft_invitations(newsletter.id, COUNT_LIMIT)))
    return _invitations_to_send(_load_assignments(session, keys))


def _list_translations(session: Session, newsletter: Newsletter) -> list[WaitingTask]:
    keys = list(session.scalars(queries.select_handed_in(newsletter.id, COUNT_LIMIT)))
    return _translations_to_approve(session, keys)


# The functions that list all tasks of a group, by the group's name in URLs.
COMPLETE_LISTS: dict[str, Callable[[Session, Newsletter], list[WaitingTask]]] = {
    "experts": _list_owed,
    "checking": _answer_lister("checking"),
    "ask": _list_unasked,
    "edit": _answer_lister("submitted"),
    "settle": _answer_lister("edited"),
    "translation": _list_translations,
    "invite": _list_draft_invitations,
}
