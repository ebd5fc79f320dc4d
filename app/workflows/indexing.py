"""Indexing of letters and questions that have changed.

A row is due while its version differs from its indexed version. Since every change increments the version, requests
needn't do anything for the index, and no crash can lose a change: the row stays due until the indexing transaction has
committed. Rows are locked while they are read, so a concurrent erasure is either visible already, or waits and removes
the document afterwards.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump, now
from ..editions.archive import items_of_questions
from ..editions.item_translations import get_visible_translations
from ..editions.items import list_printed_texts, piece_from
from ..editions.models import EditionItem, ItemTranslation
from ..letters.models import Addition, Letter
from ..questions import queries as questions
from ..questions.models import Question
from ..questions.wording import index_again
from ..search.index import NewDoc, clear_index, index_documents, remove_documents
from ..search.models import COLLECTIONS, DESK, PUBLIC, Key
from ..search.semantic import embed_due
from ..watching.models import Sighting

BATCH = 50  # rows per transaction; on SQLite, other writers wait for its end
BATCHES_PER_RUN = 20
IS_DUE = text("indexed_version <> version")
# Characters of a document's `more`. PostgreSQL allows a megabyte of terms in a document; a longer one would block
# indexing.
LONGEST_MORE = 100_000
MARKED_BATCH = 5_000  # rows that one transaction of a rebuild marks as due
REBUILT_BATCH = 500  # rows that one transaction of a rebuild indexes; larger than BATCH, since that is faster
# The name of the sighting whose `number` is the id of the desk's last document in an order that reveals nothing.
LAST_DOC = "documents in order"
PAUSE = 0.01  # seconds between transactions of a rebuild, in which another writer on SQLite can get the lock


def index_due(database: Database) -> int:
    """Index changed rows, up to a thousand letters and a thousand questions, and return their number."""
    total_count = 0
    for _ in range(BATCHES_PER_RUN):
        count = len(database.write(index_letters)) + len(database.write(index_questions))
        if count == 0:
            break
        total_count += count
    embed_due(database)
    return total_count


def _lock_due_rows(session: Session, model: Any, limit: int) -> Any:
    """Lock and return the oldest due rows of a model, without rows that another transaction has locked."""
    order = (Letter.received_at, Letter.id) if model is Letter else (model.id,)
    query = select(model).where(IS_DUE).order_by(*order).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True, of=model)).unique().all()


def _mark_indexed(session: Session, model: Any, rows: Sequence[Any]) -> list[int]:
    """Record that rows are indexed, and return their keys."""
    ids = [row.id for row in rows]
    if ids:
        execute_without_version_bump(
            session, update(model).where(model.id.in_(ids)).values(indexed_version=model.version)
        )
    return ids


def index_letters(session: Session, limit: int = BATCH) -> list[int]:
    """Index up to `limit` changed letters for the desk, removing erased ones, and return the keys of all of them."""
    due_letters = _lock_due_rows(session, Letter, limit)
    erased_keys = [("letter", letter.id) for letter in due_letters if not letter.body]
    remove_documents(session, DESK, erased_keys)
    letters = [letter for letter in due_letters if letter.body]
    additions_by_letter: dict[int, str] = {}
    additions = select(Addition).where(Addition.letter_id.in_([letter.id for letter in letters]))
    for addition in session.scalars(additions.order_by(Addition.id)):
        former_additions = additions_by_letter.get(addition.letter_id, "")
        additions_by_letter[addition.letter_id] = f"{former_additions}\n{addition.body}"
    docs = [_build_letter_doc(letter, additions_by_letter.get(letter.id, "")) for letter in letters]
    index_documents(session, DESK, docs)
    return _mark_indexed(session, Letter, due_letters)


def _build_letter_doc(letter: Letter, additions: str) -> NewDoc:
    is_question = letter.is_filed and letter.filed_as == "question"
    return NewDoc(
        letter.newsletter_id,
        "letter",
        letter.id,
        letter.body or "",
        f"{letter.background or ''}{additions}".strip()[:LONGEST_MORE],
        offered=letter.author == "reader" and (is_question or letter.waits),
        question_id=letter.question_id if is_question else None,
        edition_id=letter.about_edition_id,
    )


def index_questions(session: Session, limit: int = BATCH) -> list[int]:
    """Index up to `limit` changed questions for the desk and, if they are public, for readers; return their keys."""
    return _index_questions(session, _lock_due_rows(session, Question, limit))


def index_at_once(session: Session, question: Question) -> None:
    """Index a question in the transaction that takes words from what readers see of it."""
    index_again(session, question.id)  # waits for a worker that has just read the words
    _index_questions(session, [question])


def _index_questions(session: Session, due_questions: Sequence[Question]) -> list[int]:
    ids = [question.id for question in due_questions]
    topics = questions.topics_of(session, ids)
    items = items_of_questions(session, ids)
    translations = get_visible_translations(session, list(items.values()))
    newest_editions = select(Letter.question_id, func.max(Letter.about_edition_id)).where(Letter.question_id.in_(ids))
    edition_ids = dict(session.execute(newest_editions.group_by(Letter.question_id)).all())
    # Documents by question. Questions without one are removed from the index.
    desk_docs: dict[int, NewDoc] = {}
    public_docs: dict[int, NewDoc] = {}
    for question in due_questions:
        if not question.wording:
            continue
        item = items.get(question.id) if question.is_published else None
        topic_names = tuple(topic.name for topic in topics[question.id])
        answers = _get_answers_text(item) if item else ""
        desk_docs[question.id] = _build_desk_doc(question, topic_names, answers, edition_ids.get(question.id))
        if item:
            public_docs[question.id] = _build_published_doc(question, item, translations[item.id], topic_names)
        elif question.is_going and question.shown_at and question.is_cleared:
            wording = _get_question_text(question)
            public_docs[question.id] = NewDoc(
                question.newsletter_id, "question", question.id, wording, topics=topic_names
            )
    for collection, docs in ((DESK, desk_docs), (PUBLIC, public_docs)):
        remove_documents(session, collection, [("question", key) for key in ids if key not in docs])
        index_documents(session, collection, list(docs.values()))
    return _mark_indexed(session, Question, due_questions)


def _build_published_doc(
    question: Question, item: EditionItem, translations: Sequence[ItemTranslation], topics: tuple[str, ...]
) -> NewDoc:
    """Return what readers can find of a published Q&A: its texts as printed, in all its languages."""
    headline, asked, more = list_printed_texts(item)
    translated_texts = [part for translation in translations for part in list_printed_texts(translation)]
    return NewDoc(
        question.newsletter_id,
        "question",
        question.id,
        _with_headline(headline, asked),
        "\n".join((more, *translated_texts))[:LONGEST_MORE],
        answered=True,
        topics=topics,
    )


def _build_desk_doc(question: Question, topics: tuple[str, ...], answers: str, edition_id: int | None) -> NewDoc:
    """Return what the desk can find of a question; `edition_id` is the newest edition that its letters are about."""
    background = question.text.background if question.text else ""
    return NewDoc(
        question.newsletter_id,
        "question",
        question.id,
        _get_question_text(question),
        f"{background}\n{answers}".strip()[:LONGEST_MORE],
        answered=bool(answers),
        question_id=question.merged_into_id,
        edition_id=edition_id,
        topics=topics,
    )


def _get_question_text(question: Question) -> str:
    return _with_headline(question.headline, question.wording)


def _with_headline(headline: str, text: str) -> str:
    """Return the text below its headline, or only the text if it contains the headline."""
    return text if headline in text else f"{headline}\n{text}"


def _get_answers_text(item: EditionItem) -> str:
    return "\n".join(voice.answer for voice in piece_from(item).voices)


def rebuild_indexes(database: Database) -> Iterator[int]:
    """Clear both indexes and fill them again, yielding the number of rows of each transaction.

    If it is interrupted, the worker continues with the rows that are still due.
    """
    for collection in COLLECTIONS:
        database.write(lambda session, collection=collection: clear_index(session, collection))  # type: ignore[misc]
    with database.read() as session:
        counts = {model: session.scalar(select(func.count()).select_from(model)) or 1 for model in (Letter, Question)}
    for model in counts:
        last_id = database.write(partial(_mark_due, model=model, after=None))
        while last_id is not None:
            last_id = database.write(partial(_mark_due, model=model, after=last_id))
    # Alternate between letters and questions, similarly to the order in which they came: then a search for the newest
    # documents of one kind needn't skip all documents of the other. The next kind is always the one that lags behind.
    done_counts = {index_letters: 0, index_questions: 0}
    total_counts = {index_letters: counts[Letter], index_questions: counts[Question]}
    while done_counts:
        index_rows = min(done_counts, key=lambda function: done_counts[function] / total_counts[function])
        ids = database.write(partial(index_rows, limit=REBUILT_BATCH))
        if not ids:
            del done_counts[index_rows]
            continue
        done_counts[index_rows] += len(ids)
        yield len(ids)
        time.sleep(PAUSE)
    database.write(_record_last_doc)
    while embed_due(database):
        yield 0


def _mark_due(session: Session, model: Any, after: int | None) -> int | None:
    """Mark the next rows after the id `after` as due. Return the last of their ids, or None if there are no more."""
    query = select(model.id).order_by(model.id).limit(MARKED_BATCH)
    if after is not None:
        query = query.where(model.id > after)
    ids = session.scalars(query).all()
    if not ids:
        return None
    indexed_rows = update(model).where(model.id.between(ids[0], ids[-1]), model.indexed_version != 0)
    execute_without_version_bump(session, indexed_rows.values(indexed_version=0))
    return int(ids[-1])


def reindex_since(database: Database, since: datetime | None) -> None:
    """Index again all documents of the desk that are newer than the last call, or than the first letter since `since`.

    If `since` is None, the first letter is the first that keeps only its day: these have negative keys (see
    `db.drawn_keys`). The new documents are in the order of the letters in lists, which reveals nothing once the order
    within the day has been forgotten (see `retention.forget_order`). All documents since the last call are included:
    if those of the questions before the first letter stayed, they would tell between which questions it came.
    """
    with database.read() as session:
        letter_ids = select(Letter.id).where(Letter.received_at >= since if since else Letter.id < 0)
        docs = DESK.docs
        first_of_letter = session.scalar(
            select(func.min(docs.id)).where(docs.noun == "letter", docs.noun_id.in_(letter_ids))
        )
        last_doc = session.get(Sighting, LAST_DOC)
        first_ids = [first_of_letter, last_doc.number + 1 if last_doc else None]
        first_id = min((doc_id for doc_id in first_ids if doc_id is not None), default=None)
        keys: list[Key] = []
        if first_id is not None:
            rows = session.execute(select(docs.noun, docs.noun_id).where(docs.id >= first_id))
            keys = [(noun, noun_id) for noun, noun_id in rows]
    for start in range(0, len(keys), BATCH):
        database.write(partial(_requeue, keys=keys[start : start + BATCH]))
    while index_due(database):
        pass  # the next batches
    database.write(_record_last_doc)


def _record_last_doc(session: Session) -> None:
    last_id = session.scalar(select(func.max(DESK.docs.id))) or 0
    session.merge(Sighting(name=LAST_DOC, seen_at=now(session), number=last_id))


def _requeue(session: Session, keys: Sequence[Key]) -> None:
    """Remove documents, and mark their rows as due."""
    remove_documents(session, DESK, keys)
    for model in (Letter, Question):
        ids = [noun_id for noun, noun_id in keys if noun == model.__name__.lower()]
        execute_without_version_bump(session, update(model).where(model.id.in_(ids)).values(indexed_version=0))
