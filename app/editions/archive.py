"""What the public sees: editions that were sent and the Q&As that ran in them. Nothing else is reachable from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.orm import Session, contains_eager

from ..answers.models import Answer, AnswerText, Assignment
from ..newsletters.models import Newsletter, Topic
from ..questions.models import Question, QuestionTopic
from .models import Edition, EditionItem


@dataclass(frozen=True)
class Mark:
    """Where a page of the archive goes on: the time and key of the last Q&A of the page before."""

    published_at: datetime
    id: int


def touch(session: Session, newsletter_id: int) -> None:
    """Say that the public pages have changed: caches and conditional requests go by this number."""
    session.execute(
        update(Newsletter)
        .where(Newsletter.id == newsletter_id)
        .values(public_version=Newsletter.public_version + 1, version=Newsletter.version + 1)
    )


def page(
    session: Session,
    newsletter: Newsletter,
    *,
    before: Mark | None = None,
    topic: str | None = None,
    year: int | None = None,
    limit: int = 20,
    which: ColumnElement[bool] | None = None,
) -> list[EditionItem]:
    """Q&As that ran, newest first: a keyset walk of one index, as fast at the end of the archive as at its start."""
    query = (
        select(EditionItem)
        .join(Question, Question.id == EditionItem.question_id)
        .where(Question.newsletter_id == newsletter.id, Question.is_published if which is None else which)
        .where(
            Question.published_at.is_not(None)
        )  # PostgreSQL would walk through all that has not run to get to the newest
        .order_by(Question.published_at.desc(), Question.id.desc())
        .options(contains_eager(EditionItem.question))
        .limit(limit)
    )
    if before:
        query = query.where(tuple_(Question.published_at, Question.id) < tuple_(before.published_at, before.id))
    if topic:
        query = query.join(QuestionTopic, QuestionTopic.question_id == Question.id)
        query = query.join(Topic, Topic.id == QuestionTopic.topic_id).where(Topic.slug == topic)
    if year:
        first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        query = query.where(Question.published_at >= first, Question.published_at < last)
    return list(session.scalars(query))


def mark_of(session: Session, newsletter: Newsletter, public_id: str) -> Mark | None:
    """Where the archive goes on after this Q&A; None where there is no such one."""
    row = session.execute(
        select(Question.published_at, Question.id).where(
            Question.public_id == public_id,
            Question.newsletter_id == newsletter.id,
            Question.published_at.is_not(None),
        )
    ).first()
    return Mark(row[0], row[1]) if row and row[0] else None


def years(session: Session, newsletter: Newsletter) -> list[int]:
    """From the year of the newest edition that ran to that of the oldest: two looks into an index."""
    ran = select(Edition.runs_at).where(Edition.newsletter_id == newsletter.id, Edition.is_sent).limit(1)
    oldest = session.scalar(ran.order_by(Edition.runs_at, Edition.id))
    newest = session.scalar(ran.order_by(Edition.runs_at.desc(), Edition.id.desc()))
    return list(range(newest.year, oldest.year - 1, -1)) if newest and oldest else []


def story(session: Session, newsletter: Newsletter, public_id: str) -> tuple[EditionItem, Edition] | None:
    """A Q&A that ran, or one that was withdrawn since (its question's state says so)."""
    row = session.execute(
        select(EditionItem, Edition)
        .join(Question, Question.id == EditionItem.question_id)
        .join(Edition, Edition.id == EditionItem.edition_id)
        .where(
            Question.public_id == public_id,
            Question.newsletter_id == newsletter.id,
            Question.has_run,
        )
        .options(contains_eager(EditionItem.question))
    ).first()
    return (row[0], row[1]) if row else None


def ran(session: Session, newsletter: Newsletter, question_ids: Sequence[int]) -> dict[int, EditionItem]:
    """Those of several questions that ran and can still be read, by their keys and in that order, in one query."""
    query = (
        select(EditionItem)
        .join(Question, Question.id == EditionItem.question_id)
        .where(
            EditionItem.question_id.in_(question_ids),
            Question.newsletter_id == newsletter.id,
            Question.is_published,
        )
        .options(contains_eager(EditionItem.question))
    )
    found = {item.question_id: item for item in session.scalars(query)}
    return {key: found[key] for key in question_ids if key in found}


def ties(session: Session, item: EditionItem) -> list[tuple[str, str]]:
    """What the experts say of their own stake in the matter: the name as it ran, and their words."""
    rows = session.execute(
        select(Answer.credit, AnswerText.ties)
        .join(AnswerText, AnswerText.id == Answer.approved_text_id)
        .where(Answer.question_id == item.question_id, Answer.is_approved, AnswerText.ties != "")
        .order_by(Answer.run_position, Answer.id)
    )
    return [(credit["name"], said) for credit, said in rows]


def editions(session: Session, newsletter: Newsletter, before: Edition | None = None, limit: int = 30) -> list[Edition]:
    """Editions that were sent, newest first; those before `before`."""
    query = select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.is_sent)
    if before:
        query = query.where(tuple_(Edition.runs_at, Edition.id) < tuple_(before.runs_at, before.id))
    return list(session.scalars(query.order_by(Edition.runs_at.desc(), Edition.id.desc()).limit(limit)))


def editions_of(session: Session, items: Sequence[EditionItem]) -> dict[int, Edition]:
    """The editions in which these Q&As ran, in one query."""
    keys = {item.edition_id for item in items}
    return {edition.id: edition for edition in session.scalars(select(Edition).where(Edition.id.in_(keys)))}


def sent_edition(session: Session, newsletter: Newsletter, public_id: str) -> Edition | None:
    return session.scalar(
        select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.is_sent, Edition.public_id == public_id)
    )


def items(session: Session, editions: Sequence[Edition]) -> dict[int, list[EditionItem]]:
    """The Q&As of several editions in their order, in one query; those whose question fits `which`, or can be read."""
    found: dict[int, list[EditionItem]] = {edition.id: [] for edition in editions}
    rows = session.scalars(
        select(EditionItem)
        .join(Question, Question.id == EditionItem.question_id)
        .where(EditionItem.edition_id.in_(found), Question.is_published)
        .options(contains_eager(EditionItem.question))
        .order_by(EditionItem.edition_id, EditionItem.position)
    )
    for item in rows:
        found[item.edition_id].append(item)
    return found


def count(session: Session, newsletter: Newsletter, up_to: int = 1_000) -> int:
    """How many Q&As ran, counted up to `up_to` + 1."""
    walk = (
        select(Question.id)
        .where(Question.newsletter_id == newsletter.id, Question.published_at.is_not(None), Question.is_published)
        .limit(up_to + 1)
    )
    return session.scalar(select(func.count()).select_from(walk.subquery())) or 0


def published_by(
    session: Session, expert_id: int, newsletter_id: int | None = None, limit: int = 20
) -> list[EditionItem]:
    """What an expert's answers ran in, newest first; of one newsletter where it is given."""
    newest = (
        select(Question.id)
        .join(Answer, Answer.question_id == Question.id)
        .where(Answer.expert_id == expert_id, Answer.is_approved, Question.is_published)
        .order_by(Question.published_at.desc(), Question.id.desc())
        .limit(limit)  # chosen by themselves: what ran is long, and a busy expert has a thousand of them to sort
    )
    if newsletter_id is not None:
        newest = newest.where(Question.newsletter_id == newsletter_id)
    query = (
        select(EditionItem)
        .join(Question, Question.id == EditionItem.question_id)
        .where(Question.id.in_(newest.subquery().select()))
        .options(contains_eager(EditionItem.question))
        .order_by(Question.published_at.desc(), Question.id.desc())
    )
    return list(session.scalars(query))


def runs_of(session: Session, assignments: Sequence[Assignment]) -> dict[int, datetime]:
    """When each of several assignments runs or ran, as far as its question has a slot, in one query."""
    query = select(Assignment.id, Edition.runs_at).join(Question, Question.id == Assignment.question_id)
    query = query.join(Edition, Edition.id == Question.edition_id)
    return dict(session.execute(query.where(Assignment.id.in_([row.id for row in assignments]))).all())


def story_path(newsletter: Newsletter, question: Question) -> str:
    """The lasting address of a Q&A."""
    slug = question.text.slug if question.text else "q"
    return f"/{newsletter.slug}/q/{question.public_id}/{slug}"
