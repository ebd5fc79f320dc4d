"""Letters of questions that are still open: their words are erased after `open_days`, and the desk is asked before.

`Letter.erase_on` is the day on which they are erased. The worker sets it `ASK_PERIOD` before, or later for letters that
are older when it first looks, as after an upgrade: nothing is erased before the desk has been asked for that long. From
then on Home and the question's page ask whether to keep the words for another `open_days`, or to erase them at once. If
nobody decides, they are erased on that day. The question goes on with its wording.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from ... import audit
from ...audit.queries import find_latest_event
from ...core.actors import Staff
from ...core.domain_errors import MissingPrecondition
from ...core.listing import COUNT_LIMIT, Key
from ...core.state_machine import must, require_text
from ...db.engine import Database
from ...db.session import execute_without_version_bump, lock_row, now
from ...letters.models import Letter
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...questions import notes
from ...questions.models import Question
from ...questions.queries import cleared_text, list_family_ids
from . import erase_letters
from .limits import LIMITS_BY_QUESTION_STATE, list_limited
from .retention_preview import LETTERS_PER_TRANSACTION, is_from_reader, is_question

ASK_PERIOD = timedelta(days=30)  # the help of the setting says so too
BATCH = 500  # letters in one transaction
UNANNOUNCED = "letters.erase_on IS NULL AND letters.filed_as = 'question'"  # word for word as in the index

_lead_id = func.coalesce(Question.merged_into_id, Question.id)
_open_states = list_limited(LIMITS_BY_QUESTION_STATE, "open")
_lead = aliased(Question)  # the question that a letter's own question was merged into, or else that one
_is_open = _lead.state.in_(_open_states)


def get_period(newsletter: Newsletter) -> timedelta:
    """Return how long the words of a letter are kept while its question is open."""
    return timedelta(days=newsletter.open_days)


def announce_erasures(database: Database, rounds: int) -> None:
    """Set the day of erasure of the letters that the desk is asked about from now on, in up to `rounds` batches."""
    for _ in range(rounds):
        with database.read() as session:
            has_letters = any(
                session.scalar(query.limit(1)) is not None
                for newsletter in all_newsletters(session)
                for query in (_select_unannounced(session, newsletter), _select_outdated(session, newsletter))
            )
        if not has_letters or not database.write(announce_due):
            break


def announce_due(session: Session) -> int:
    """Announce the erasure of a batch of letters of each newsletter, and cancel what no longer holds.

    Return the number of letters that changed.
    """
    count = 0
    for newsletter in all_newsletters(session):
        outdated_ids = session.scalars(_select_outdated(session, newsletter).limit(BATCH)).all()
        _set_day(session, outdated_ids, None)
        ids_by_day: dict[date, list[int]] = {}
        oldest_first = _select_unannounced(session, newsletter).order_by(Letter.received_at, Letter.id)
        for letter_id, received_at in session.execute(oldest_first.limit(BATCH)):
            erase_on = max(received_at.date() + get_period(newsletter), get_last_day(session))
            ids_by_day.setdefault(erase_on, []).append(letter_id)
        for erase_on, letter_ids in ids_by_day.items():
            _set_day(session, letter_ids, erase_on)
            count += len(letter_ids)
        count += len(outdated_ids)
    return count


def get_latest_day(session: Session, newsletter: Newsletter, letter: Letter) -> date:
    """Return the day on which the words of a letter are erased if its question is open, even before it is announced."""
    if letter.erase_on is not None:
        return letter.erase_on
    return max(letter.received_at.date() + get_period(newsletter), get_last_day(session))


def _set_day(session: Session, letter_ids: Any, erase_on: date | None) -> None:
    if letter_ids:
        change = update(Letter).where(Letter.id.in_(letter_ids)).values(erase_on=erase_on)
        execute_without_version_bump(session, change)


def _get_window_end(session: Session, newsletter: Newsletter) -> datetime:
    """Return the midnight (UTC) before which a letter must have come for the desk to be asked about it today."""
    last_day = (now(session) + ASK_PERIOD - get_period(newsletter)).date()
    return datetime.combine(last_day + timedelta(days=1), time.min, UTC)


def _select_unannounced(session: Session, newsletter: Newsletter) -> Select[int, datetime]:
    query = select(Letter.id, Letter.received_at).join(Question, Question.id == Letter.question_id)
    query = query.join(_lead, _lead.id == _lead_id)
    return query.where(
        Letter.newsletter_id == newsletter.id,
        Letter.received_at < _get_window_end(session, newsletter),
        Letter.erased_at.is_(None),
        text(UNANNOUNCED),
        is_question,
        _is_open,
    )


def _select_outdated(session: Session, newsletter: Newsletter) -> Select[int]:
    """Select announced letters whose question has run or ended, or that the settings allow to keep for longer now."""
    query = select(Letter.id).outerjoin(Question, Question.id == Letter.question_id)
    query = query.outerjoin(_lead, _lead.id == _lead_id)
    return query.where(
        Letter.newsletter_id == newsletter.id,
        Letter.erased_at.is_(None),
        Letter.erase_on.is_not(None),
        or_(Letter.received_at >= _get_window_end(session, newsletter), ~is_question, Question.id.is_(None), ~_is_open),
    )


def is_announced(newsletter_id: Key, last_day: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the letters of open questions that are erased by `last_day`."""
    return (
        Letter.newsletter_id == newsletter_id,
        Letter.erased_at.is_(None),
        Letter.erase_on <= last_day,
        is_from_reader,
    )


class AnnouncedQuestion(NamedTuple):
    """A question with the first day on which words behind it are erased, and the number of letters concerned."""

    question_id: int
    erase_on: date
    letter_count: int


def get_last_day(session: Session) -> date:
    """Return the last day of erasure about which the desk is asked today."""
    return (now(session) + ASK_PERIOD).date()


def select_questions(newsletter_id: Key, last_day: Any) -> Select[int, date | None, int]:
    """Select the leading questions behind which words are erased by `last_day`: id, first day, number of letters."""
    query = select(_lead_id.label("id"), func.min(Letter.erase_on).label("erase_on"), func.count().label("letters"))
    query = query.select_from(Letter).join(Question, Question.id == Letter.question_id)
    query = query.join(_lead, _lead.id == _lead_id)
    return query.where(*is_announced(newsletter_id, last_day), is_question, _is_open).group_by(_lead_id)


def list_questions(session: Session, newsletter: Newsletter, limit: int = COUNT_LIMIT) -> list[AnnouncedQuestion]:
    """Return the questions about whose letters the desk is asked, those that are due first."""
    query = select_questions(newsletter.id, get_last_day(session))
    rows = session.execute(query.order_by(func.min(Letter.erase_on), _lead_id).limit(limit))
    return [AnnouncedQuestion(question_id, erase_on, letters) for question_id, erase_on, letters in rows if erase_on]


@dataclass(frozen=True)
class ErasureNotice:
    """The notice on the page of a question about the words of its letters.

    - `erase_on`: the first day on which words are erased, if the desk is asked about them;
    - `letter_count`: the number of these letters;
    - `keep_until`: the day until which they can be kept;
    - `ends`: the question ends with them, since it has no wording that was cleared;
    - `erased_count`: the number of letters whose words were erased while the question was open, last on `erased_on`;
    - `was_early`: the desk erased the last of them before their time.
    """

    erase_on: date | None
    letter_count: int
    keep_until: date
    ends: bool
    erased_count: int
    erased_on: date | None
    was_early: bool


def get_notice(
    session: Session, newsletter: Newsletter, question: Question, family_ids: Sequence[int]
) -> ErasureNotice:
    """Return what the page of a question says about the words of its letters. `family_ids` are those of its family."""
    is_soon = and_(*is_announced(newsletter.id, get_last_day(session)), is_question)
    query = select(
        func.min(Letter.erase_on).filter(is_soon),
        func.count().filter(is_soon),
        func.count().filter(Letter.erased_at.is_not(None)),
        func.max(Letter.erased_at),
    )
    query = query.where(Letter.question_id.in_(family_ids), Letter.erase_on.is_not(None))
    erase_on, letter_count, erased_count, erased_at = session.execute(query).one()
    if not question.can_run:
        erase_on = None
    event = find_latest_event(session, "question", question.id, "question.erase") if erased_count else None
    return ErasureNotice(
        erase_on=erase_on,
        letter_count=letter_count,
        keep_until=now(session).date() + get_period(newsletter),
        ends=erase_on is not None and cleared_text(session, question.id) is None,
        erased_count=erased_count,
        erased_on=erased_at.date() if erased_at else None,
        was_early=bool(event and erased_at and event.at.date() == erased_at.date()),
    )


def _list_announced_ids(session: Session, question: Question) -> list[int]:
    """Return the letters about which the desk is asked. Raises `MissingPrecondition` if there are none any more."""
    lock_row(session, question)
    query = select(Letter.id).where(
        *is_announced(question.newsletter_id, get_last_day(session)),
        is_question,
        Letter.question_id.in_(list_family_ids(session, question)),
    )
    letter_ids = list(session.scalars(query.order_by(Letter.erase_on, Letter.id))) if question.can_run else []
    if not letter_ids:
        raise MissingPrecondition("no_announced_letters")
    return letter_ids


def keep(session: Session, actor: Staff, question: Question, reason: str) -> date:
    """Keep the words behind a question for another `open_days` from today, and return the new day of erasure.

    The reason becomes a note of the question. Raises `MissingField` and `TooLong` (reason), `MissingPrecondition` and
    `PermissionDenied`.
    """
    must(actor, "close")
    reason = require_text("reason", reason.strip())
    letter_ids = _list_announced_ids(session, question)
    erase_on = now(session).date() + get_period(session.get_one(Newsletter, question.newsletter_id))
    _set_day(session, letter_ids, erase_on)
    note = notes.note(session, actor, question, reason)
    facts = {"until": erase_on.isoformat(), "note": note.id, "letters": len(letter_ids)}
    audit.record(session, actor, "question.keep", question, facts=facts)
    return erase_on


def erase_now(session: Session, actor: Staff, question: Question) -> int:
    """Erase the words behind a question about which the desk is asked, and return how many letters remain for now.

    Only a few letters are erased at once, because other writers wait for the transaction. The worker erases the others.
    Raises `MissingPrecondition` and `PermissionDenied`.
    """
    must(actor, "close")
    letter_ids = _list_announced_ids(session, question)
    audit.record(session, actor, "question.erase", question, facts={"letters": len(letter_ids)})
    today = now(session).date()
    _set_day(session, letter_ids, today)
    for letter_id in letter_ids[:LETTERS_PER_TRANSACTION]:
        erase_letters.forget(session, session.get_one(Letter, letter_id), today)
    return len(letter_ids[LETTERS_PER_TRANSACTION:])
