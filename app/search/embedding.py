"""The worker's part of the semantic matcher: texts are read, embedded outside of any transaction, and kept if still
there."""

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from . import semantic
from .models import COLLECTIONS, UNSEEN, Collection, Vector

BATCH = 20  # texts; half a second of one core


def embed_due(database: Database) -> int:
    """Embed a batch of what has not been yet, where the settings name the semantic matcher. Gives how many."""
    wanted = database.matcher == semantic.NAME and semantic.is_installed()
    return sum(_embed(database, collection) for collection in COLLECTIONS) if wanted else 0


def _embed(database: Database, collection: Collection) -> int:
    docs = collection.docs
    with database.read() as session:
        rows = session.execute(select(docs.id, docs.text).where(text(UNSEEN)).order_by(docs.id).limit(BATCH)).all()
    if not rows:
        return 0
    numbers = semantic.embed([row.text for row in rows])
    made = {row.id: (row.text, n) for row, n in zip(rows, numbers, strict=True)}
    database.write(lambda session: _save_vectors(session, collection, made))
    return len(rows)


def _save_vectors(session: Session, collection: Collection, vectors_by_id: dict[int, tuple[str, bytes]]) -> None:
    """A text that was erased or changed meanwhile keeps no numbers of what it was."""
    docs = collection.docs
    there = session.scalars(select(docs).where(docs.id.in_(vectors_by_id), text(UNSEEN)).with_for_update()).all()
    kept = [doc for doc in there if doc.text == vectors_by_id[doc.id][0]]
    by = {"kept_in": collection.name, "matcher": semantic.NAME}
    session.add_all(
        Vector(
            newsletter_id=doc.newsletter_id, noun=doc.noun, noun_id=doc.noun_id, numbers=vectors_by_id[doc.id][1], **by
        )
        for doc in kept
    )
    session.execute(update(docs).where(docs.id.in_([doc.id for doc in kept])).values(embedded=True))
