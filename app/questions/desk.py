"""What the desk does with questions: open one for letters, join letters to it, merge, split, shelve, note."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from .. import audit
from ..actors import Staff
from ..db import lock, now
from ..letters import filing
from ..letters.models import Letter
from ..lifecycle import Missing, Refused, must
from ..text import clean
from .lifecycle import QUESTION, cleared
from .models import Note, Question, QuestionTopic
from .wording import reword


class CannotMerge(Refused):
    """A question can't be merged into itself, into one of another newsletter, or into one that was merged itself."""


def open_question(
    session: Session,
    actor: Staff,
    letters: Sequence[Letter],
    *,
    headline: str = "",
    body: str = "",
    background: str = "",
    language: str | None = None,
) -> Question:
    """File letters to a new question. Without `body` the wording starts as the first letter's own words.

    Raises `Missing` when there is neither a letter nor a wording, and what `filing.file` raises.
    """
    first = letters[0] if letters else None
    words = clean(body) or ((first.body or "") if first else "")
    if not words:
        raise Missing("wording")
    question = Question(newsletter_id=actor.newsletter_id, opened_at=now(session))
    QUESTION.apply(session, actor, question, "open", why={"letters": [letter.id for letter in letters]})
    reword(
        session,
        actor,
        question,
        headline=headline,
        body=words,
        background=background,
        language=language or (first.language if first else None),
    )
    join(session, actor, question, letters)
    return question


def join(session: Session, actor: Staff, question: Question, letters: Sequence[Letter]) -> None:
    """File letters to a question that is there already; in one that was merged they count for the lead."""
    for letter in letters:
        filing.file(session, actor, letter, "question", question_id=question.id)


def merge(session: Session, actor: Staff, question: Question, into: Question) -> None:
    """Merge one question into another. No letter moves, so that a split gives back just what was there.

    Raises `CannotMerge`, `Illegal`.
    """
    if into.merged_into_id or into.id == question.id or into.newsletter_id != question.newsletter_id:
        raise CannotMerge(f"{question.id} into {into.id}")
    if into.state in ("closed", "retracted"):
        raise CannotMerge(f"{into.id} is {into.state}")
    lock(session, into)
    QUESTION.apply(session, actor, lock(session, question), "merge", why={"into": into.id}, merged_into_id=into.id)
    # What was merged into this one before follows it to the final target.
    for follower in session.query(Question).filter_by(merged_into_id=question.id):
        follower.merged_into_id = into.id
    session.flush()


def split(session: Session, actor: Staff, question: Question) -> None:
    """Take a merged question out again, with its own letters."""
    QUESTION.apply(session, actor, lock(session, question), "split", merged_into_id=None)


def shelve(session: Session, actor: Staff, question: Question) -> None:
    """Good, not now."""
    QUESTION.apply(session, actor, lock(session, question), "shelve")


def show(session: Session, actor: Staff, question: Question, shown: bool) -> None:
    """Make an open question public in the desk's wording, or take it off the page again. Raises `Missing` (cleared text)."""
    must(actor, "E")
    if shown and not cleared.holds(question):
        raise Missing(cleared.name)
    question.shown_at = now(session) if shown else None
    session.flush()
    audit.record(session, actor, "question.show" if shown else "question.hide", question)


def note(session: Session, actor: Staff, question: Question, body: str) -> Note:
    """Say something to the desk about a question. Raises `Missing`."""
    must(actor, "A")
    body = clean(body)
    if not body:
        raise Missing("note")
    noted = Note(question_id=question.id, person_id=actor.person_id, body=body, written_at=now(session))
    session.add(noted)
    session.flush()
    audit.record(session, actor, "question.note", question, facts={"note": noted.id})
    return noted


def set_topics(session: Session, actor: Staff, question: Question, topic_ids: Sequence[int]) -> None:
    must(actor, "A")
    session.execute(delete(QuestionTopic).where(QuestionTopic.question_id == question.id))
    session.add_all(QuestionTopic(question_id=question.id, topic_id=topic_id) for topic_id in topic_ids)
    session.flush()
    audit.record(session, actor, "question.topics", question, facts={"topics": list(topic_ids)})
