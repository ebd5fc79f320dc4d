"""Indexing of letters and questions that have changed.

A row is due while its version differs from the indexed one. Every change bumps the version anyway, so a request that
stores a question does nothing for the index, and no crash can lose a change: the row stays due until the indexing
transaction has committed. Rows are locked while they are read: a concurrent erasure is either visible already, or waits
and removes the document afterwards.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import execute_without_version_bump
from ..editions.items import piece_from
from ..editions.models import EditionItem
from ..letters.models import Addition, Letter
from ..questions import queries as questions
from ..questions.models import Question
from ..search.index import Doc, clear_index, index_documents, remove_documents
from ..search.models import COLLECTIONS, DESK, PUBLIC, Key
from ..search.semantic import embed_due

BATCH = 50  # rows per transaction, for which other writers wait on SQLite
AT_A_TIME = 20  # batches before the worker turns to its other duties
DUE = text("indexed_version <> version")
# Characters of additional text. PostgreSQL allows a megabyte of terms in a document; a longer one would block indexing.
MORE = 100_000
ROWS_MARKED = 5_000  # in one transaction of a rebuild
ROWS_REBUILT = (
    500  # in one transaction of a rebuild, which takes a tenth of a second: they share a commit and term counts
)
BREATH = 0.01  # seconds between these transactions, in which another writer on SQLite can get the lock


def index_due(database: Database) -> int:
    """Index changed rows, up to a thousand letters and a thousand questions, and return their number."""
    done = 0
    for _ in range(AT_A_TIME):
        now = len(database.write(index_letters)) + len(database.write(index_questions))
        done += now
        if not now:
            break
    embed_due(database)
    return done


def _lock_due_rows(session: Session, model: Any, limit: int) -> Any:
    order = (Letter.received_at, Letter.id) if model is Letter else (model.id,)
    query = select(model).where(DUE).order_by(*order).limit(limit)
    return session.scalars(query.with_for_update(skip_locked=True, of=model)).unique().all()


def _mark_indexed(session: Session, model: Any, rows: Sequence[Any]) -> list[int]:
    ids = [row.id for row in rows]
    if ids:
        execute_without_version_bump(
            session, update(model).where(model.id.in_(ids)).values(indexed_version=model.version)
        )
    return ids


def index_letters(session: Session, limit: int = BATCH) -> list[int]:
    """Index up to `limit` changed letters for the desk, remove erased ones, and return the keys of all."""
    letters = _lock_due_rows(session, Letter, limit)
    gone = [("letter", letter.id) for letter in letters if letter.body is None]
    remove_documents(session, DESK, gone)
    there = [letter for letter in letters if letter.body is not None]
    added: dict[int, str] = {}
    additions = select(Addition).where(Addition.letter_id.in_([letter.id for letter in there]))
    for addition in session.scalars(additions.order_by(Addition.id)):
        added[addition.letter_id] = f"{added.get(addition.letter_id, '')}\n{addition.body}"
    index_documents(session, DESK, [_letter_doc(letter, added.get(letter.id, "")) for letter in there])
    return _mark_indexed(session, Letter, letters)


def _letter_doc(letter: Letter, additions: str) -> Doc:
    asks = letter.is_filed and letter.filed_as == "question"
    return Doc(
        letter.newsletter_id,
        "letter",
        letter.id,
        letter.body or "",
        f"{letter.background or ''}{additions}".strip()[:MORE],
        offered=letter.author == "reader" and (asks or letter.waits),
        question_id=letter.question_id if asks else None,
        edition_id=letter.about_edition_id,
    )


def index_questions(session: Session, limit: int = BATCH) -> list[int]:
    """Index up to `limit` changed questions for the desk and, if they are public, for readers; return their keys."""
    rows = _lock_due_rows(session, Question, limit)
    ids = [question.id for question in rows]
    topics = questions.topics_of(session, ids)
    items = select(EditionItem).where(EditionItem.question_id.in_(ids))
    ran = {item.question_id: item for item in session.scalars(items)}
    newest = select(Letter.question_id, func.max(Letter.about_edition_id)).where(Letter.question_id.in_(ids))
    about = dict(session.execute(newest.group_by(Letter.question_id)).all())
    desk, public = {}, {}
    for question in rows:
        published = question.is_published and question.id in ran
        if question.wording:
            names = tuple(topic.name for topic in topics[question.id])
            answers = _answers(ran[question.id]) if published else ""
            desk[question.id] = _question_doc(question, names, answers, about.get(question.id))
            here = (question.newsletter_id, "question", question.id)
            if published:
                asked = _printed_question_text(ran[question.id])
                public[question.id] = Doc(*here, asked, answers[:MORE], answered=True, topics=names)
            elif question.is_going and question.shown_at and question.is_cleared:
                public[question.id] = Doc(*here, _question_text(question), topics=names)
    for collection, docs in ((DESK, desk), (PUBLIC, public)):
        remove_documents(session, collection, [("question", key) for key in ids if key not in docs])
        index_documents(session, collection, list(docs.values()))
    return _mark_indexed(session, Question, rows)


def _question_doc(question: Question, topics: tuple[str, ...], answers: str, edition_id: int | None) -> Doc:
    background = question.text.background if question.text else ""
    return Doc(
        question.newsletter_id,
        "question",
        question.id,
        _question_text(question),
        f"{background}\n{answers}".strip()[:MORE],
        answered=bool(answers),
        question_id=question.merged_into_id,
        edition_id=edition_id,
        topics=topics,
    )


def _question_text(question: Question) -> str:
    return question.wording if question.headline in question.wording else f"{question.headline}\n{question.wording}"


def _printed_question_text(item: EditionItem) -> str:
    piece = piece_from(item)
    return piece.question if piece.headline in piece.question else f"{piece.headline}\n{piece.question}"


def _answers(item: EditionItem) -> str:
    return "\n".join(voice.answer for voice in piece_from(item).voices)


def rebuild_indexes(database: Database) -> Iterator[int]:
    """Clear both indexes and fill them again, yielding the number of rows of each transaction.

    If it is interrupted, the worker continues with the rows that are still due.
    """
    for collection in COLLECTIONS:
        database.write(lambda session, collection=collection: clear_index(session, collection))  # type: ignore[misc]
    with database.read() as session:
        count = {model: session.scalar(select(func.count()).select_from(model)) or 1 for model in (Letter, Question)}
    for model in count:
        behind: int | None = None
        while (behind := database.write(partial(_mark_due, model=model, after=behind))) is not None:
            pass
    # Alternate, close to the original order, so that a search for the newest rows of one kind needn't skip all others.
    at = {index_letters: 0, index_questions: 0}
    total = {index_letters: count[Letter], index_questions: count[Question]}
    while at:
        each = min(at, key=lambda one: at[one] / total[one])
        if done := database.write(lambda session, each=each: each(session, ROWS_REBUILT)):  # type: ignore[misc]
            at[each] += len(done)
            yield len(done)
            time.sleep(BREATH)
        else:
            del at[each]
    while embed_due(database):
        yield 0


def _mark_due(session: Session, model: Any, after: int | None) -> int | None:
    """Mark the next rows after a key as due, and return the last key, or None if there are no more."""
    rows = select(model.id).order_by(model.id).limit(ROWS_MARKED)
    part = session.scalars(rows if after is None else rows.where(model.id > after)).all()
    if not part:
        return None
    these = model.id.between(part[0], part[-1])
    execute_without_version_bump(
        session, update(model).where(these, model.indexed_version != 0).values(indexed_version=0)
    )
    return int(part[-1])


def reindex_since(database: Database, since: datetime | None) -> None:
    """Index again whatever was indexed for the desk since the first letter of a day, or from the very beginning.

    The new documents are in the order of the letters in lists, which reveals nothing once the order within the day has
    been forgotten (see `retention.forget_order`).
    """
    with database.read() as session:
        came = select(Letter.id).where(Letter.received_at >= since if since else Letter.id < 0)
        docs = DESK.docs
        first = select(func.min(docs.id)).where(docs.noun == "letter", docs.noun_id.in_(came)).scalar_subquery()
        keys = [(noun, key) for noun, key in session.execute(select(docs.noun, docs.noun_id).where(docs.id >= first))]
    for start in range(0, len(keys), BATCH):
        database.write(lambda session, some=keys[start : start + BATCH]: _requeue(session, some))  # type: ignore[misc]
    while index_due(database):
        pass


def _requeue(session: Session, keys: Sequence[Key]) -> None:
    remove_documents(session, DESK, keys)
    for model in (Letter, Question):
        mine = [key for noun, key in keys if noun == model.__name__.lower()]
        execute_without_version_bump(session, update(model).where(model.id.in_(mine)).values(indexed_version=0))
