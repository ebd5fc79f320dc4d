"""Undo of a mistaken import of back issues, as a whole, as long as nothing in it was changed.

An import is everything from one upload of files, or from one run of the command. Its events "newsletter.import" have
the same `from` in their facts, and list in `did` the other events of the import.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from ...answers.lifecycle import ANSWER
from ...answers.models import Answer, AnswerText, Assignment
from ...audit import Event, collect_events, erasures, record
from ...audit.queries import get_events, has_later_event
from ...core.actors import Actor, Staff
from ...core.domain_errors import MissingPrecondition, VersionConflict
from ...core.state_machine import must
from ...db.session import lock_row
from ...editions.models import Edition, EditionItem
from ...letters.models import Letter
from ...newsletters.models import Newsletter
from ...people.models import Upload
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...questions.wording import erase_words
from ...search.index import remove_documents
from ...search.models import PUBLIC

TIME_LIMIT = "with its whole import, until anything of it is changed"  # as in docs/undo.md
IMPORT, UNDONE = "newsletter.import", "newsletter.unimport"


@dataclass
class Import:
    """An import.

    `key` identifies the upload or the run of the command, `event_ids` has the keys of all events that it recorded, and
    `count` is the number of Q&As.
    """

    key: str
    actor: str
    at: datetime
    event_ids: list[int]
    count: int = 0


@contextmanager
def record_import(session: Session, actor: Actor, newsletter_id: int, key: str) -> Iterator[None]:
    """Record the events inside the block as part of the import `key`."""
    with collect_events(session) as events:
        yield
    if events:
        count = len(_select_imported_questions(events))
        facts = {"from": key, "did": [event.id for event in events], "count": count}
        record(session, actor, "newsletter.import", session.get_one(Newsletter, newsletter_id), facts=facts)


def list_imports(session: Session, newsletter_id: int) -> list[Import]:
    """Return the imports of a newsletter that have not been undone, newest first."""
    query = select(Event).where(Event.noun == "newsletter", Event.noun_id == newsletter_id)
    imports: dict[str, Import] = {}
    for event in session.scalars(query.where(Event.action.in_((IMPORT, UNDONE))).order_by(Event.id)):
        facts = event.facts or {}
        if event.action == UNDONE:
            imports.pop(facts["from"], None)
            continue
        import_ = imports.setdefault(facts["from"], Import(facts["from"], event.actor, event.at, []))
        import_.event_ids += facts["did"]
        import_.count += facts["count"]
    return list(reversed(imports.values()))


def undo_import(session: Session, actor: Staff, key: str) -> int:
    """Undo an import and return the number of Q&As that were removed from the archive.

    Raises `MissingPrecondition` if it doesn't exist any more, `VersionConflict` if anything in it has been changed, and
    `PermissionDenied`.
    """
    must(actor, "edition")
    newsletter = lock_row(session, session.get_one(Newsletter, actor.newsletter_id))
    import_ = next((import_ for import_ in list_imports(session, newsletter.id) if import_.key == key), None)
    if import_ is None:
        raise MissingPrecondition("import_undone")
    events = get_events(session, import_.event_ids)
    edition_ids = set()
    for event in _select_imported_questions(events):
        question = lock_row(session, session.get_one(Question, event.noun_id))
        edition_ids.add(question.edition_id)
        take_out_of_archive(session, actor, question, event, import_.event_ids)
    for edition in session.scalars(select(Edition).where(Edition.id.in_(edition_ids))):
        _delete_if_empty(session, edition)
    session.execute(delete(Upload).where(Upload.public_id == key))
    record(session, actor, "newsletter.unimport", newsletter, facts={"from": key, "count": import_.count})
    return import_.count


def take_out_of_archive(session: Session, actor: Staff, question: Question, event: Event, press: Sequence[int]) -> None:
    """Undo the import of a Q&A: delete its page, item and answers, close its question and erase its text.

    `press` are the keys of all events of the import. Raises `VersionConflict` if anything has happened to the question
    since, or a letter refers to it.
    """
    is_referenced = select(exists().where(or_(Letter.answered_by_id == question.id, Letter.question_id == question.id)))
    if has_later_event(session, question.id, event.id, press) or session.scalar(is_referenced):
        raise VersionConflict(question.public_id)
    session.execute(delete(EditionItem).where(EditionItem.question_id == question.id))
    _delete_answers(session, actor, question)
    facts: dict[str, Any] = {"edition_id": None, "position": None, "published_at": None, "closed_reason": "undone"}
    QUESTION.apply(session, actor, question, "undo", to="closed", why={"undoes": event.id}, **facts)
    erase_words(session, question)
    remove_documents(session, PUBLIC, [("question", question.id)])
    erasures.note(session, "page", [question.public_id])


def _select_imported_questions(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.action == "question.import"]


def _delete_answers(session: Session, actor: Staff, question: Question) -> None:
    for answer in session.scalars(select(Answer).filter_by(question_id=question.id)).all():
        ANSWER.apply(session, actor, answer, "withdraw", text_id=None, approved_text_id=None)
        session.flush()
        session.execute(delete(AnswerText).where(AnswerText.answer_id == answer.id))
        session.delete(answer)
        session.flush()
    session.execute(delete(Assignment).where(Assignment.question_id == question.id))


def _delete_if_empty(session: Session, edition: Edition) -> None:
    """Delete an edition that has no items left. Raises `VersionConflict` if a letter is about it."""
    if session.scalar(select(exists().where(EditionItem.edition_id == edition.id))):
        return
    if session.scalar(select(exists().where(Letter.about_edition_id == edition.id))):
        raise VersionConflict(str(edition.rule_date))
    session.delete(edition)
    session.flush()
