"""Queries for waiting work at a newsletter's desk: keys of the first rows, and counts up to 1,001.

Each query reads a short range of an index, however many rows exist.
"""

from collections.abc import Callable, Iterator
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
    bindparam,
    case,
    exists,
    func,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from ...answers.lifecycle import ANSWER_STATES
from ...answers.models import Answer, Assignment, Check
from ...core.listing import Key, Listing, find_keys, union_keys
from ...db.session import now
from ...db.types import UTCDateTime
from ...editions.models import Edition
from ...editions.queries import select_edition_in_production, select_editions_to_run
from ...editions.ready_questions import DATES, select_questions_with_deadline
from ...letters import queries as letters
from ...letters.blurred_time import truncate_to_day
from ...letters.lifecycle import STATES
from ...letters.models import Letter
from ...mail import inbound
from ...mail import queries as mail_queries
from ...mail.models import Inbound
from ...programs.registering import RED, select_failing
from ...questions.models import Question
from ..letters import receipt_notes

SHOWN = 12  # tasks of each kind on the board
BACKLOG = timedelta(weeks=4)  # work that is overdue by more is counted, but only shown in the complete list
Walks = dict[str, Select[int]]  # queries for keys, by group
CLOCKS = {"invited": Assignment.reply_by, "accepted": Assignment.due_at, "returned": Assignment.due_at}
Clock = InstrumentedAttribute[Any]
NOTED = timedelta(days=2)  # before today's midnight: how long readers' replies to notes are announced
TEXTS = (*ANSWER_STATES.which("is_on_the_desk"), *ANSWER_STATES.which("is_checking"))
LETTERS = {"letters": "is_received", "held": "is_held"}


# Home's two large statements are built once: building them takes a quarter of the page's CPU time.
_NEWSLETTER_ID = bindparam("newsletter_id", type_=Integer)
_NOW, _BACKLOG_SINCE, _RED_SINCE, _NOTED_SINCE = (
    bindparam(name, type_=UTCDateTime) for name in ("now", "backlog_since", "red_since", "noted_since")
)
_FIRST_DAY = bindparam("first_day", type_=Date)


def _params(session: Session, newsletter_id: int) -> dict[str, Any]:
    moment = now(session)
    return {
        "newsletter_id": newsletter_id,
        "now": moment,
        "backlog_since": moment - BACKLOG,
        "red_since": moment - RED,
        "noted_since": truncate_to_day(moment) - NOTED,
        "first_day": (moment - DATES).date(),
    }


def find_waiting(session: Session, newsletter_id: int) -> dict[str, list[int]]:
    """Return the keys of all rows that Home shows, by group."""
    return find_keys(session, _select_waiting(), _params(session, newsletter_id))


@cache
def _select_waiting() -> CompoundSelect[Any]:
    return union_keys(_editions() | _open_questions() | _parts())


def _editions() -> Walks:
    """Select editions that are locked but not sent, those that were missed, and the next two."""
    mine = select(Edition.id).where(Edition.newsletter_id == _NEWSLETTER_ID)
    has_picks = exists().where(Question.edition_id == Edition.id)
    missed = mine.where(Edition.is_planned, Edition.runs_at <= _NOW, has_picks)
    first = {"locked": mine.where(Edition.is_locked), "missed": missed}
    return {
        **{name: query.order_by(Edition.runs_at, Edition.id).limit(SHOWN) for name, query in first.items()},
        "coming": select_editions_to_run(_NOW, _NEWSLETTER_ID, Edition.id).limit(2),
    }


def _open_questions() -> Walks:
    """Select questions that nobody is asked, those with a deadline, and those picked for the edition in production."""
    first = select_edition_in_production(_NOW, _NEWSLETTER_ID, Edition.id).scalar_subquery()
    return {
        "ask": select_unasked(_NEWSLETTER_ID, SHOWN),
        "dated": select_questions_with_deadline(_FIRST_DAY, _NEWSLETTER_ID, Question.id).limit(SHOWN),
        "picked": select(Question.id).where(Question.edition_id == first),
    }


def select_unasked(newsletter_id: Key, limit: int) -> Select[int]:
    """Select the keys of open questions without a drafted invitation, oldest first."""
    query = select(Question.id).where(
        Question.newsletter_id == newsletter_id, Question.is_open, ~_has_draft_invitation()
    )
    return query.order_by(Question.id).limit(limit)


def _has_draft_invitation() -> Exists:
    """Return the condition that the question of the outer query has a drafted invitation."""
    return exists().where(Assignment.question_id == Question.id, Assignment.is_drafted)


def _parts() -> Walks:
    """Select what experts owe, submitted texts, and drafted invitations.

    Of what is owed, overdue work comes first, the latest first and without the backlog, then what is due soonest.
    """
    return {
        "late": _select_owed(lambda clock: (clock < _NOW, clock >= _BACKLOG_SINCE), falling=True),
        "due": _select_owed(lambda clock: (clock >= _NOW,)),
        **{state: texts(_NEWSLETTER_ID, state, SHOWN) for state in TEXTS},
        "drafted": select_draft_invitations(_NEWSLETTER_ID, SHOWN),
    }


def _select_owed(rules: Callable[[Clock], tuple[ColumnElement[bool], ...]], falling: bool = False) -> Select[int]:
    """Select the first owed assignments, merging the first ones of each clock in `CLOCKS`, which has its own index."""

    def first(query: Select[Any], clock: Any, one: Any) -> Select[Any]:
        return query.order_by(clock.desc() if falling else clock, one).limit(SHOWN)

    walks: list[Select[Any]] = []
    for _state, mine, clock in clocks(_NEWSLETTER_ID):
        walk = first(mine.add_columns(clock.label("at")).where(*rules(clock)), clock, Assignment.id).subquery()
        walks.append(select(walk.c.id, walk.c.at))
    found = union_all(*walks).subquery()
    return first(select(found.c.id), found.c.at, found.c.id)


def clocks(newsletter_id: Key) -> Iterator[tuple[str, Select[int], Clock]]:
    """Yield each state in which an expert owes something, a query for the keys, and the column with the deadline."""
    for state, clock in CLOCKS.items():
        mine = select(Assignment.id).where(Assignment.newsletter_id == newsletter_id, Assignment.state == state)
        yield state, mine, clock


def select_draft_invitations(newsletter_id: Key, limit: int) -> Select[int]:
    query = select(Assignment.id).where(Assignment.newsletter_id == newsletter_id, Assignment.is_drafted)
    return query.order_by(Assignment.id).limit(limit)


def texts(newsletter_id: Key, state: str, limit: int) -> Select[int]:
    query = select(Answer.id).where(Answer.newsletter_id == newsletter_id, Answer.state == state)
    return query.order_by(Answer.state_at, Answer.id).limit(limit)


def count_waiting(session: Session, newsletter_id: int) -> dict[str, Any]:
    """Count each group, ready questions and mails set aside, up to 1,001 each.

    Keys that end in "since" hold the time since when letters or mails have waited. For rare groups, such as failed
    mails, the value only tells whether there are any.
    """
    columns = _waiting_columns()
    row = session.execute(_select_counts(), _params(session, newsletter_id)).one()
    return dict(zip(columns, row, strict=True))


@cache
def _select_counts() -> Select[Any]:
    return select(*_waiting_columns().values())


@cache
def _waiting_columns() -> dict[str, ColumnElement[Any]]:
    newsletter_id = _NEWSLETTER_ID

    def of(noun: type[Assignment | Answer | Question], *where: ColumnElement[bool]) -> ScalarSelect[int]:
        mine = select(noun).where(noun.newsletter_id == newsletter_id, *where)
        return Listing[Any](mine, (noun.id,)).counted

    def waits(which: str) -> ScalarSelect[int]:
        return letters.listing(newsletter_id, STATES.which(which)).counted

    def since(which: str) -> ScalarSelect[datetime]:
        mine = (Letter.newsletter_id == newsletter_id, Letter.state.in_(STATES.which(which)))
        oldest = select(Letter.received_at).where(*mine).order_by(Letter.received_at, Letter.id)
        return oldest.limit(1).scalar_subquery()

    newest = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    objected = exists().where(Check.id == newest, Check.text_id == Answer.text_id, Check.outcome == "wrong")
    edited = (Answer.is_on_the_desk, ~Answer.is_submitted)
    until = case((Assignment.is_invited, Assignment.reply_by), else_=Assignment.due_at)
    pen = select(Inbound.stored_at).where(Inbound.newsletter_id == newsletter_id, Inbound.is_pen)
    of_experts = (Letter.newsletter_id == newsletter_id, Letter.waits, Letter.assignment_id.is_not(None))
    return {
        "experts": of(Assignment, Assignment.owes_text),
        "late": of(Assignment, Assignment.owes_text, until < _NOW),
        "backlog": of(Assignment, Assignment.owes_text, until < _BACKLOG_SINCE),
        "invite": of(Assignment, Assignment.is_drafted),
        "checking": of(Answer, Answer.is_checking),
        "edit": of(Answer, Answer.is_submitted),
        "settle": of(Answer, *edited, ~objected),
        "objection": of(Answer, *edited, objected),
        "ask": of(Question, Question.is_open, ~_has_draft_invitation()),
        "ready": of(Question, Question.is_answered),
        "pen": inbound.listing(newsletter_id, "pen").counted,
        "pen since": pen.order_by(Inbound.id).limit(1).scalar_subquery(),
        "unreadable": inbound.listing(newsletter_id, "failed").counted,
        "experts wrote": exists().where(*of_experts),
        "readers wrote back": receipt_notes.select_answered_letters(newsletter_id, _NOTED_SINCE).exists(),
        "failed mails": mail_queries.listing(newsletter_id, "failed").is_there,
        "bounces": inbound.listing(newsletter_id, "bounce").is_there,
        "programs in trouble": select_failing(_RED_SINCE, newsletter_id).exists(),
        **{f"{kind} waiting": waits(which) for kind, which in LETTERS.items()},
        **{f"{kind} since": since(which) for kind, which in LETTERS.items()},
    }
