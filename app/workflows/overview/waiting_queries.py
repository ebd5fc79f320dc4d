"""The queries for the waiting work at a newsletter's desk: keys of the first rows, and counts up to 1,001.

Each query reads a short range of an index, however many rows exist.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Exists,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from ...answers import objections
from ...answers.lifecycle import ANSWER_STATES
from ...answers.models import Answer, Assignment, Check
from ...core.listing import COUNT_LIMIT, Key, Listing, find_keys, union_keys
from ...db.session import now
from ...db.types import UTCDateTime
from ...editions.models import Edition
from ...editions.queries import select_edition_in_production, select_editions_to_run
from ...editions.ready_questions import OVERDUE_PERIOD, select_questions_with_deadline
from ...letters import queries as letters
from ...letters.blurred_time import truncate_to_day
from ...letters.lifecycle import STATES
from ...letters.models import Letter
from ...mail import inbound
from ...mail import queries as mail_queries
from ...mail.models import Inbound
from ...programs.registering import WARN_AFTER, select_failing
from ...questions.models import Question, Translation, Translator
from ..letters import receipt_notes
from ..retention import open_letters

MAX_TASKS = 12  # of each kind on the board
BACKLOG = timedelta(weeks=4)  # work that is overdue by more is counted, but only shown in the complete list
KeyQueries = dict[str, Select[int]]  # by group
# The states in which an expert owes something, each with the column of its deadline.
DEADLINE_COLUMNS = {"invited": Assignment.reply_by, "accepted": Assignment.due_at, "returned": Assignment.due_at}
DeadlineColumn = InstrumentedAttribute[Any]
REPLIES_ANNOUNCED_FOR = timedelta(days=2)  # before today's midnight (UTC): older replies to notes aren't announced
WAITING_ANSWER_STATES = (*ANSWER_STATES.which("is_on_the_desk"), *ANSWER_STATES.which("is_checking"))
LETTER_STATE_PROPERTIES = {"letters": "is_received", "held": "is_held"}  # by kind of task

# Home's two large statements are built once: building them takes a quarter of the page's CPU time.
_NEWSLETTER_ID = bindparam("newsletter_id", type_=Integer)
_NOW = bindparam("now", type_=UTCDateTime)
_BACKLOG_SINCE = bindparam("backlog_since", type_=UTCDateTime)
_FAILING_BEFORE = bindparam("failing_before", type_=UTCDateTime)
_REPLIES_SINCE = bindparam("replies_since", type_=UTCDateTime)
_LAST_ERASURE_DAY = bindparam("last_erasure_day", type_=Date)
_EARLIEST_DEADLINE = bindparam("earliest_deadline", type_=Date)


def _build_params(session: Session, newsletter_id: int) -> dict[str, Any]:
    """Return the values of the parameters above."""
    current_time = now(session)
    return {
        "newsletter_id": newsletter_id,
        "now": current_time,
        "backlog_since": current_time - BACKLOG,
        "failing_before": current_time - WARN_AFTER,
        "replies_since": truncate_to_day(current_time) - REPLIES_ANNOUNCED_FOR,
        "last_erasure_day": open_letters.get_last_day(session),
        "earliest_deadline": (current_time - OVERDUE_PERIOD).date(),
    }


def find_waiting(session: Session, newsletter_id: int) -> dict[str, list[int]]:
    """Return the keys of all rows that Home shows, by group."""
    return find_keys(session, _select_waiting(), _build_params(session, newsletter_id))


@cache
def _select_waiting() -> CompoundSelect[Any]:
    translated = {"translated": select_handed_in(_NEWSLETTER_ID, MAX_TASKS)}
    return union_keys(_select_editions() | _select_questions() | _select_assignments_and_answers() | translated)


def _select_editions() -> KeyQueries:
    """Select editions that are locked but not sent, those that were missed, and the next two."""
    editions = select(Edition.id).where(Edition.newsletter_id == _NEWSLETTER_ID)
    editions = editions.order_by(Edition.runs_at, Edition.id).limit(MAX_TASKS)
    has_picks = exists().where(Question.edition_id == Edition.id)
    return {
        "locked": editions.where(Edition.is_locked),
        "missed": editions.where(Edition.is_planned, Edition.runs_at <= _NOW, has_picks),
        "coming": select_editions_to_run(_NOW, _NEWSLETTER_ID, Edition.id).limit(2),
    }


def _select_questions() -> KeyQueries:
    """Select questions that nobody is asked, those with a deadline, and those picked for the edition in production."""
    in_production = select_edition_in_production(_NOW, _NEWSLETTER_ID, Edition.id).scalar_subquery()
    return {
        "ask": select_unasked(_NEWSLETTER_ID, MAX_TASKS, Question.id.desc()),
        "dated": select_questions_with_deadline(_EARLIEST_DEADLINE, _NEWSLETTER_ID, Question.id).limit(MAX_TASKS),
        "picked": select(Question.id).where(Question.edition_id == in_production),
    }


def select_unasked(newsletter_id: Key, limit: int, order: Any = Question.id) -> Select[int]:
    """Select the keys of open questions without a drafted invitation, oldest first or in another `order`."""
    query = select(Question.id).where(
        Question.newsletter_id == newsletter_id, Question.is_open, ~_has_draft_invitation()
    )
    return query.order_by(order).limit(limit)


def _has_draft_invitation() -> Exists:
    """Return the condition that the question of the outer query has a drafted invitation."""
    return exists().where(Assignment.question_id == Question.id, Assignment.is_drafted)


def _select_assignments_and_answers() -> KeyQueries:
    """Select assignments whose experts owe something, texts on the desk or in a quote check, and drafted invitations.

    Overdue assignments come latest deadline first and without the backlog, other owed ones earliest deadline first.
    Texts come oldest first without the backlog, which has groups of its own, latest first.
    """
    texts = {state: select_answers(_NEWSLETTER_ID, state) for state in WAITING_ANSWER_STATES}
    recent, latest_first = Answer.state_at >= _BACKLOG_SINCE, (Answer.state_at.desc(), Answer.id.desc())
    return {
        "late": _select_owed(due_since=_BACKLOG_SINCE, due_before=_NOW, latest_first=True),
        "due": _select_owed(due_since=_NOW),
        **{state: query.where(recent).limit(MAX_TASKS) for state, query in texts.items()},
        **{
            f"{state} backlog": query.where(~recent).order_by(None).order_by(*latest_first).limit(MAX_TASKS)
            for state, query in texts.items()
        },
        "contested": _select_contested().limit(MAX_TASKS),
        "drafted": select_draft_invitations(_NEWSLETTER_ID, MAX_TASKS),
    }


def _select_owed(*, due_since: Any, due_before: Any = None, latest_first: bool = False) -> Select[int]:
    """Select the first owed assignments by their deadline.

    For each state, an index has the assignments by deadline. So the first ones of each state are selected, and merged.
    """

    def limit_to_first(query: Select[Any], deadline: Any, key: Any) -> Select[Any]:
        return query.order_by(deadline.desc() if latest_first else deadline, key).limit(MAX_TASKS)

    first_of_each_state: list[Select[Any]] = []
    for _state, query, deadline in select_owed_by_state(_NEWSLETTER_ID):
        owed = query.add_columns(deadline.label("deadline")).where(deadline >= due_since)
        if due_before is not None:
            owed = owed.where(deadline < due_before)
        first_owed = limit_to_first(owed, deadline, Assignment.id).subquery()
        first_of_each_state.append(select(first_owed.c.id, first_owed.c.deadline))
    merged = union_all(*first_of_each_state).subquery()
    return limit_to_first(select(merged.c.id), merged.c.deadline, merged.c.id)


def select_owed_by_state(newsletter_id: Key) -> Iterator[tuple[str, Select[int], DeadlineColumn]]:
    """Yield each state in which an expert owes something, a query for the keys, and the column with the deadline."""
    for state, deadline in DEADLINE_COLUMNS.items():
        query = select(Assignment.id).where(Assignment.newsletter_id == newsletter_id, Assignment.state == state)
        yield state, query, deadline


def _select_contested() -> Select[int]:
    """Select the approved answers with an objection that isn't settled, also those that have run, oldest first.

    The database starts from the objections, which are few.
    """
    query = select(Answer.id).join(Check, and_(Check.answer_id == Answer.id, Check.text_id == Answer.text_id))
    query = query.where(Answer.newsletter_id == _NEWSLETTER_ID, Answer.is_approved, objections.IS_OPEN)
    return query.group_by(Answer.id).order_by(func.min(Check.id))


def select_draft_invitations(newsletter_id: Key, limit: int) -> Select[int]:
    query = select(Assignment.id).where(Assignment.newsletter_id == newsletter_id, Assignment.is_drafted)
    return query.order_by(Assignment.id).limit(limit)


def select_handed_in(newsletter_id: Key, limit: int) -> Select[int]:
    """Select the keys of the translators whose text waits for approval, those who handed it in first.

    A text doesn't wait while the translation that was made of it is removed.
    """
    query = select(Translator.id).join(Question, Question.id == Translator.question_id)
    # Only open translators have an address. They are few, and an index has them. The addition keeps SQLite from using
    # the index of all translators of a newsletter.
    query = query.where(Translator.newsletter_id + 0 == newsletter_id, Translator.email_sealed.is_not(None))
    query = query.where(Translator.is_handed_in, ~Question.has_ended)
    removed = select(Translation.id).where(
        Translation.question_id == Translator.question_id,
        Translation.language == Translator.language,
        Translation.answer_id.is_not_distinct_from(Translator.answer_id),
        Translation.is_dropped,
    )
    query = query.where(~removed.exists())
    return query.order_by(Translator.state_at, Translator.id).limit(limit)


def select_answers(newsletter_id: Key, state: str) -> Select[int]:
    """Select the keys of the answers in a state, longest waiting first."""
    query = select(Answer.id).where(Answer.newsletter_id == newsletter_id, Answer.state == state)
    return query.order_by(Answer.state_at, Answer.id)


def count_waiting(session: Session, newsletter_id: int) -> dict[str, Any]:
    """Count the waiting work, up to 1,001 of each kind.

    The keys are not those of `find_waiting`, but the groups of `waiting.get_group`, and others such as "late" and
    "ready". The value of a key that ends in "since" is when the oldest letter or mail came. For rare kinds, such as
    failed mails, the value only says whether there are any.
    """
    columns = _count_columns()
    row = session.execute(_select_counts(), _build_params(session, newsletter_id)).one()
    return dict(zip(columns, row, strict=True))


@cache
def _select_counts() -> Select[Any]:
    return select(*_count_columns().values())


@cache
def _count_columns() -> dict[str, ColumnElement[Any]]:
    newsletter_id = _NEWSLETTER_ID

    def count(model: type[Assignment | Answer | Question], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
        rows = select(model).where(model.newsletter_id == newsletter_id, *conditions)
        return Listing[Any](rows, (model.id,)).count_subquery

    def count_letters(state_property: str) -> ScalarSelect[int]:
        return letters.listing(newsletter_id, STATES.which(state_property)).count_subquery

    def oldest_letter_time(state_property: str) -> ScalarSelect[datetime]:
        times = select(Letter.received_at).where(
            Letter.newsletter_id == newsletter_id, Letter.state.in_(STATES.which(state_property))
        )
        return times.order_by(Letter.received_at, Letter.id).limit(1).scalar_subquery()

    newest_check = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    has_objection = exists().where(Check.id == newest_check, Check.text_id == Answer.text_id, Check.outcome == "wrong")
    contested = (
        select(func.count()).select_from(_select_contested().limit(COUNT_LIMIT + 1).subquery()).scalar_subquery()
    )
    questions_losing_words = open_letters.select_questions(newsletter_id, _LAST_ERASURE_DAY)
    losing_words = questions_losing_words.order_by("erase_on").limit(COUNT_LIMIT + 1).subquery()
    handed_in = select_handed_in(newsletter_id, COUNT_LIMIT + 1).subquery()
    edited_conditions = (Answer.is_on_the_desk, ~Answer.is_submitted)
    deadline = case((Assignment.is_invited, Assignment.reply_by), else_=Assignment.due_at)
    pen_times = select(Inbound.stored_at).where(Inbound.newsletter_id == newsletter_id, Inbound.is_pen)
    expert_letter_conditions = (Letter.newsletter_id == newsletter_id, Letter.waits, Letter.assignment_id.is_not(None))
    return {
        "experts": count(Assignment, Assignment.owes_text),
        "late": count(Assignment, Assignment.owes_text, deadline < _NOW),
        "backlog": count(Assignment, Assignment.owes_text, deadline < _BACKLOG_SINCE),
        "invite": count(Assignment, Assignment.is_drafted),
        "translation": select(func.count()).select_from(handed_in).scalar_subquery(),
        "checking": count(Answer, Answer.is_checking),
        "edit": count(Answer, Answer.is_submitted),
        "settle": count(Answer, *edited_conditions, ~has_objection),
        "objection": count(Answer, *edited_conditions, has_objection) + contested,
        "ask": count(Question, Question.is_open, ~_has_draft_invitation()),
        "ready": count(Question, Question.is_answered),
        "erasures waiting": select(func.count()).select_from(losing_words).scalar_subquery(),
        "erasures on": select(func.min(losing_words.c.erase_on)).scalar_subquery(),
        "pen": inbound.listing(newsletter_id, "pen").count_subquery,
        "pen since": pen_times.order_by(Inbound.id).limit(1).scalar_subquery(),
        "unreadable": inbound.listing(newsletter_id, "failed").count_subquery,
        "experts wrote": exists().where(*expert_letter_conditions),
        "readers wrote back": receipt_notes.select_answered_letters(newsletter_id, _REPLIES_SINCE).exists(),
        "failed mails": mail_queries.listing(newsletter_id, "failed").has_rows,
        "bounces": inbound.listing(newsletter_id, "bounce").has_rows,
        "programs in trouble": select_failing(_FAILING_BEFORE, newsletter_id).exists(),
        **{f"{kind} waiting": count_letters(name) for kind, name in LETTER_STATE_PROPERTIES.items()},
        **{f"{kind} since": oldest_letter_time(name) for kind, name in LETTER_STATE_PROPERTIES.items()},
    }
