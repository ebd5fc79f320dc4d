"""Hands to the indexes the letters and questions that have changed since they were last put there.

A row is due while its version is not the one that was indexed. Every change of a letter or question moves its version
anyway, so the request that takes a question in writes nothing for the index, and no crash can lose a change: it stays
due until the transaction that indexed it has been committed. Rows are locked while they are read, so that a text which
is erased at that moment is either not seen any more, or taken out again by the erasing transaction, which waits.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from .db import Database, quietly
from .editions.items import piece_from
from .editions.models import EditionItem
from .letters.models import Addition, Letter
from .matching.embedding import embed_due
from .matching.index import Doc, empty, put, take_out
from .matching.models import COLLECTIONS, DESK, PUBLIC
from .questions import queries as questions
from .questions.models import Question
from .running import db

BATCH = 50  # rows a transaction: readers who send wait for it on SQLite
AT_A_TIME = 20  # batches before the worker's other duties have their turn
DUE = text("indexed_version <> version")
# Characters beside the text itself. PostgreSQL takes a megabyte of a text's terms; a longer one would hold up all
# others.
MORE = 100_000
ROWS_MARKED = 5_000  # in one transaction of a rebuild


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


def _due(session: Session, model: Any) -> Any:
    query = select(model).where(DUE).order_by(model.id).limit(BATCH)
    return session.scalars(query.with_for_update(skip_locked=True, of=model)).unique().all()


def _done(session: Session, model: Any, rows: Sequence[Any]) -> list[int]:
    ids = [row.id for row in rows]
    if ids:
        quietly(session, update(model).where(model.id.in_(ids)).values(indexed_version=model.version))
    return ids


def index_letters(session: Session) -> list[int]:
    """Put a batch of changed letters where the desk can find them; what was taken back is taken out. Gives their
    keys."""
    letters = _due(session, Letter)
    gone = [("letter", letter.id) for letter in letters if letter.body is None]
    take_out(session, DESK, gone)
    there = [letter for letter in letters if letter.body is not None]
    added: dict[int, str] = {}
    additions = select(Addition).where(Addition.letter_id.in_([letter.id for letter in there]))
    for addition in session.scalars(additions.order_by(Addition.id)):
        added[addition.letter_id] = f"{added.get(addition.letter_id, '')}\n{addition.body}"
    put(session, DESK, [_letter(letter, added.get(letter.id, "")) for letter in there])
    return _done(session, Letter, letters)


def _letter(letter: Letter, added: str) -> Doc:
    asks = letter.is_filed and letter.filed_as == "question"
    return Doc(
        letter.newsletter_id,
        "letter",
        letter.id,
        letter.body or "",
        f"{letter.background or ''}{added}".strip()[:MORE],
        offered=letter.author == "reader" and (asks or letter.waits),
        question_id=letter.question_id if asks else None,
        edition_id=letter.about_edition_id,
    )


def index_questions(session: Session) -> list[int]:
    """Put a batch of changed questions where the desk can find them, and where the public can, if they are public.
    Gives their keys."""
    rows = _due(session, Question)
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
            desk[question.id] = _question(question, names, answers, about.get(question.id))
            here = (question.newsletter_id, "question", question.id)
            if published:
                asked = _asked(ran[question.id])
                public[question.id] = Doc(*here, asked, answers[:MORE], answered=True, topics=names)
            elif question.is_going and question.shown_at and question.is_cleared:
                public[question.id] = Doc(*here, _words(question), topics=names)
    for collection, docs in ((DESK, desk), (PUBLIC, public)):
        take_out(session, collection, [("question", key) for key in ids if key not in docs])
        put(session, collection, list(docs.values()))
    return _done(session, Question, rows)


def _question(question: Question, topics: tuple[str, ...], answers: str, about: int | None) -> Doc:
    background = question.text.background if question.text else ""
    return Doc(
        question.newsletter_id,
        "question",
        question.id,
        _words(question),
        f"{background}\n{answers}".strip()[:MORE],
        answered=bool(answers),
        question_id=question.merged_into_id,
        edition_id=about,
        topics=topics,
    )


def _words(question: Question) -> str:
    return question.wording if question.headline in question.wording else f"{question.headline}\n{question.wording}"


def _asked(item: EditionItem) -> str:
    piece = piece_from(item)
    return piece.question if piece.headline in piece.question else f"{piece.headline}\n{piece.question}"


def _answers(item: EditionItem) -> str:
    return "\n".join(voice.answer for voice in piece_from(item).voices)


def index_anew(database: Database) -> Iterator[int]:
    """Empty both indexes and fill them again; yields how many rows each transaction indexed.

    A process that is stopped in the middle loses nothing: the worker goes on with what is due.
    """
    for collection in COLLECTIONS:
        database.write(lambda session, collection=collection: empty(session, collection))  # type: ignore[misc]
    with database.read() as session:
        last = {model: session.scalar(select(func.max(model.id))) or 0 for model in (Letter, Question)}
    for model in last:
        for start in range(0, last[model] + 1, ROWS_MARKED):
            marked = update(model).where(model.id > start, model.id <= start + ROWS_MARKED).values(indexed_version=0)
            database.write(lambda session, marked=marked: quietly(session, marked))  # type: ignore[misc]
    # In step, as they once came: a search that wants the newest of one kind needn't walk past all of the other.
    at = {index_letters: 0, index_questions: 0}
    total = {index_letters: last[Letter], index_questions: last[Question]}
    while at:
        each = min(at, key=lambda one: at[one] / (total[one] or 1))
        if done := database.write(each):
            at[each] = max(done)
            yield len(done)
        else:
            del at[each]
    while embed_due(database):
        yield 0


@click.command("index")
@with_appcontext
def run_index() -> None:
    """Fill the search index and the look-alikes' anew. It is needed only where they were lost: the worker keeps them
    up."""
    with db.read() as session:
        total = sum(session.scalar(select(func.count()).select_from(model)) or 0 for model in (Letter, Question))
    with click.progressbar(length=total, label="Indexing") as bar:
        for done in index_anew(db):
            bar.update(done)
    click.echo(f"{total} letters and questions indexed")
