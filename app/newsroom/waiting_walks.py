"""Walks to all that waits at a newsletter's desk: the keys of rows, each a short walk of an index, however much there
is; and how much there is of each, counted up to 1,001.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Exists, ScalarSelect, Select, case, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..answers.lifecycle import ANSWER_STATES
from ..answers.models import Answer, Assignment, Check
from ..db import now
from ..editions.models import Edition
from ..editions.queries import coming
from ..editions.ready_to_run import dated
from ..letters import queries as letters
from ..letters.lifecycle import STATES
from ..letters.models import Letter
from ..listing import Listing
from ..mail import inbound
from ..mail import queries as mail_queries
from ..mail.models import Inbound
from ..newsletters.models import Newsletter
from ..programs.registering import troubled
from ..questions.models import Question
from . import receipt_notes

SHOWN = 12  # tasks of one kind; whoever has more to do begins with these
BACKLOG = timedelta(weeks=4)  # what is late by more is counted, and stands in the whole list
Walks = dict[str, Select[int]]  # keys of rows, by what they wait for
CLOCKS = {"invited": Assignment.reply_by, "accepted": Assignment.due_at, "returned": Assignment.due_at}
OWING = tuple(f"{state} {when}" for state in CLOCKS for when in ("late", "due"))
TEXTS = (*ANSWER_STATES.which("is_on_the_desk"), *ANSWER_STATES.which("is_checking"))
LETTERS = {"letters": "is_received", "held": "is_held"}


def to_all(session: Session, newsletter: Newsletter) -> Walks:
    """Return the walks to all that the first page of the desk shows."""
    return editions(session, newsletter) | open_questions(session, newsletter) | parts(session, newsletter)


def editions(session: Session, newsletter: Newsletter) -> Walks:
    """Walk to what is locked and not marked as sent, to what was to run and was never locked, and to what comes."""
    mine = select(Edition.id).where(Edition.newsletter_id == newsletter.id)
    has_picks = exists().where(Question.edition_id == Edition.id)
    missed = mine.where(Edition.is_planned, Edition.runs_at <= now(session), has_picks)
    first = {"locked": mine.where(Edition.is_locked), "missed": missed}
    return {
        **{name: query.order_by(Edition.runs_at, Edition.id).limit(SHOWN) for name, query in first.items()},
        "coming": coming(session, newsletter.id, Edition.id).limit(2),
    }


def open_questions(session: Session, newsletter: Newsletter) -> Walks:
    """Walk to what nobody is asked, to what has its day, and to what stands in the slots of the edition that comes."""
    first = coming(session, newsletter.id, Edition.id).limit(1).scalar_subquery()
    return {
        "ask": unasked(newsletter, SHOWN),
        "dated": dated(session, newsletter.id, Question.id).limit(SHOWN),
        "picked": select(Question.id).where(Question.edition_id == first),
    }


def unasked(newsletter: Newsletter, limit: int) -> Select[int]:
    """The keys of open questions for which no invitation lies ready either, the oldest first."""
    query = select(Question.id).where(Question.newsletter_id == newsletter.id, Question.is_open, ~_is_drafted())
    return query.order_by(Question.id).limit(limit)


def _is_drafted() -> Exists:
    """Of questions in a query: those for which an invitation lies ready."""
    return exists().where(Assignment.question_id == Question.id, Assignment.is_drafted)


def parts(session: Session, newsletter: Newsletter) -> Walks:
    """Walk to what experts owe, first what is late, the newest first and without the backlog, then what is due soonest;
    to texts that are here, and to invitations.
    """
    here = now(session)
    walks: Walks = {}
    for state, mine, clock in clocks(newsletter):
        late = mine.where(clock < here, clock >= here - BACKLOG).order_by(clock.desc(), Assignment.id)
        walks[f"{state} late"] = late.limit(SHOWN)
        walks[f"{state} due"] = mine.where(clock >= here).order_by(clock, Assignment.id).limit(SHOWN)
    walks |= {state: texts(newsletter, state, SHOWN) for state in TEXTS}
    return {**walks, "drafted": drafted(newsletter, SHOWN)}


def clocks(newsletter: Newsletter) -> Iterator[tuple[str, Select[int], InstrumentedAttribute[Any]]]:
    """Yield each state of those who owe something, their keys, and the clock that they have it by."""
    for state, clock in CLOCKS.items():
        mine = select(Assignment.id).where(Assignment.newsletter_id == newsletter.id, Assignment.state == state)
        yield state, mine, clock


def drafted(newsletter: Newsletter, limit: int) -> Select[int]:
    query = select(Assignment.id).where(Assignment.newsletter_id == newsletter.id, Assignment.is_drafted)
    return query.order_by(Assignment.id).limit(limit)


def texts(newsletter: Newsletter, state: str, limit: int) -> Select[int]:
    query = select(Answer.id).where(Answer.newsletter_id == newsletter.id, Answer.state == state)
    return query.order_by(Answer.state_at, Answer.id).limit(limit)


def counted(session: Session, newsletter_id: int) -> dict[str, Any]:
    """Count each group, what is ready to run and the mails set aside, find since when letters and mails wait, and
    whether there is anything of what is rare and told of one by one: in one statement.
    """

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
    lists: dict[str, ColumnElement[Any]] = {
        "experts": of(Assignment, Assignment.owes_text),
        "late": of(Assignment, Assignment.owes_text, until < now(session)),
        "backlog": of(Assignment, Assignment.owes_text, until < now(session) - BACKLOG),
        "invite": of(Assignment, Assignment.is_drafted),
        "checking": of(Answer, Answer.is_checking),
        "edit": of(Answer, Answer.is_submitted),
        "settle": of(Answer, *edited, ~objected),
        "objection": of(Answer, *edited, objected),
        "ask": of(Question, Question.is_open, ~_is_drafted()),
        "ready": of(Question, Question.is_answered),
        "pen": inbound.listing(newsletter_id, "pen").counted,
        "pen since": pen.order_by(Inbound.id).limit(1).scalar_subquery(),
        "unreadable": inbound.listing(newsletter_id, "failed").counted,
        "experts wrote": exists().where(*of_experts),
        "readers wrote back": receipt_notes.answers(session, newsletter_id, 2, today=True).exists(),
        "failed mails": mail_queries.listing(newsletter_id, "failed").is_there,
        "bounces": inbound.listing(newsletter_id, "bounce").is_there,
        "programs in trouble": troubled(session, newsletter_id).exists(),
        **{f"{kind} waiting": waits(which) for kind, which in LETTERS.items()},
        **{f"{kind} since": since(which) for kind, which in LETTERS.items()},
    }
    return dict(zip(lists, session.execute(select(*lists.values())).one(), strict=True))
