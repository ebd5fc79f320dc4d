"""Hands to the indexes the letters and questions that have changed since they were last put there.

A row is due while its version is not the one that was indexed. Every change of a letter or question moves its version
anyway, so the request that takes a question in writes nothing for the index, and no crash can lose a change: it stays
due until the transaction that indexed it has been committed. Rows are locked while they are read, so that a text which
is erased at that moment is either not seen any more, or taken out again by the erasing transaction, which waits.
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

BATCH = 50  # rows a transaction: readers who send wait for it on SQLite
AT_A_TIME = 20  # batches before the worker's other duties have their turn
DUE = text("indexed_version <> version")
# Characters beside the text itself. PostgreSQL takes a megabyte of a text's terms; a longer one would hold up all
# others.
MORE = 100_000
ROWS_MARKED = 5_000  # in one transaction of a rebuild
ROWS_REBUILT = (
    500  # in one transaction of a rebuild: many share a commit and their terms' counts, in a tenth of a second
)
BREATH = 0.01  # seconds between two of them: another process that writes on SQLite looks now and then whether it may


def index_due(database: Database) -> int:
    """Index what has changed, up to a thousand letters and as many questions. Gives how many rows."""
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
    """Put so many changed letters at most where the desk can find them; what was taken back is taken out. Gives their
    keys."""
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
    """Put so many changed questions at most where the desk can find them, and where the public can, if they are
    public. Gives their keys."""
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
    """Empty both indexes and fill them again; yields how many rows each transaction indexed.

    A process that is stopped in the middle loses nothing: the worker goes on with what is due.
    """
    for collection in COLLECTIONS:
        database.write(lambda session, collection=collection: clear_index(session, collection))  # type: ignore[misc]
    with database.read() as session:
        count = {model: session.scalar(select(func.count()).select_from(model)) or 1 for model in (Letter, Question)}
    for model in count:
        behind: int | None = None
        while (behind := database.write(partial(_mark_due, model=model, after=behind))) is not None:
            pass
    # In step, as they once came: a search that wants the newest of one kind needn't walk past all of the other.
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
    """Let a part of the rows be due, those behind a key; gives the last one's key, None where there is none."""
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
    """Put all that was indexed since a day began, or since keys are drawn, into the desk's index once more: in the
    order of letters as they stand in lists, which tells nothing more once their places in the day are forgotten.
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
