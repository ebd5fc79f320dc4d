"""The indexes: filled by the worker, emptied in the transaction that erases the text.

Every term has its newsletter's id as a prefix, so that no query can leave its newsletter. The number of documents that
have a term is stored in a table of its own: PostgreSQL has no quick way to get it, and both databases must rank alike.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, text, tuple_
from sqlalchemy.orm import Session

from .models import COLLECTIONS, SQLITE, Collection, Key, Vector, _Doc
from .terms import cut, stems

# Before 3.42, SQLite's full-text index only marks deleted rows: then erasing has to merge the whole index.
KEEPS_DELETED = sqlite3.sqlite_version_info < (3, 42)

Terms = tuple[int, list[str], list[str]]  # a row's id, and the scoped terms of the document's `text` and `more`


@dataclass(frozen=True)
class Doc:
    """A letter or question to be indexed; see `models._Doc` for the meaning of each value."""

    newsletter_id: int
    noun: str
    noun_id: int
    text: str
    more: str = ""
    offered: bool = True
    answered: bool = False
    question_id: int | None = None
    edition_id: int | None = None
    topics: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.noun, self.noun_id


def scope_terms(newsletter_id: int, terms: Iterable[str]) -> list[str]:
    """Return the terms as they are in the index, with the newsletter's prefix."""
    return [f"{newsletter_id}·{term}" for term in terms]


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def index_documents(session: Session, collection: Collection, docs: Sequence[Doc]) -> None:
    """Add or update documents. If two have the same noun and id, the last one counts."""
    wanted = {doc.key: doc for doc in docs}
    there = {(row.noun, row.noun_id): row for row in _rows(session, collection, list(wanted))}
    changed = [row for key, row in there.items() if not _has_same_text(row, wanted[key])]
    counted: Counter[str] = Counter()
    counted.subtract(_delete_terms(session, collection, changed))
    for row in changed:
        row.embedded = False
    for key, row in there.items():
        for name, value in _values(wanted[key]).items():
            setattr(row, name, value)
    session.flush()
    written = {row.id: wanted[row.noun, row.noun_id] for row in changed}
    written |= _insert_documents(session, collection, [doc for key, doc in wanted.items() if key not in there])
    counted.update(_insert_terms(session, collection, written))
    _update_counts(session, collection, counted)
    _drop_vectors(session, collection, _keys(changed))


def _values(doc: Doc) -> dict[str, Any]:
    """Return a document's columns except for its noun and id, which never change."""
    return {
        "newsletter_id": doc.newsletter_id,
        "text": doc.text,
        "more": doc.more,
        "offered": doc.offered,
        "answered": doc.answered,
        "topics": list(doc.topics),
        "question_id": doc.question_id,
        "edition_id": doc.edition_id,
    }


def _insert_documents(session: Session, collection: Collection, docs: Sequence[Doc]) -> dict[int, Doc]:
    """Insert new documents without the unit of work. Return them by the ids of their rows, in order."""
    if not docs:
        return {}
    row = collection.docs
    new = [_values(doc) | {"noun": doc.noun, "noun_id": doc.noun_id, "embedded": False} for doc in docs]
    inserting = insert(row).returning(row.id, row.noun, row.noun_id)
    rows = {(noun, noun_id): key for key, noun, noun_id in session.connection().execute(inserting, new)}
    return {rows[doc.key]: doc for doc in docs}


def _has_same_text(row: _Doc, doc: Doc) -> bool:
    return (row.text, row.more, row.newsletter_id) == (doc.text, doc.more, doc.newsletter_id)


def remove_from_indexes(session: Session, noun: str, noun_id: int) -> None:
    """Remove something from both indexes, in the transaction that erases its text."""
    for collection in COLLECTIONS:
        remove_documents(session, collection, [(noun, noun_id)])


def remove_documents(session: Session, collection: Collection, keys: Sequence[Key]) -> None:
    """Remove documents from an index, as far as they are in it."""
    rows = _rows(session, collection, keys)
    if not rows:
        return
    counted: Counter[str] = Counter()
    counted.subtract(_delete_terms(session, collection, rows))
    _update_counts(session, collection, counted)
    there = _keys(rows)
    # The documents first: this waits for a worker that has locked one of them to store its vector.
    session.execute(delete(collection.docs).where(collection.docs.id.in_([row.id for row in rows])))
    _drop_vectors(session, collection, there)
    if KEEPS_DELETED and is_sqlite(session):
        session.execute(text(f"INSERT INTO {collection.fts} ({collection.fts}) VALUES ('optimize')"))  # noqa: S608


def clear_index(session: Session, collection: Collection) -> None:
    """Delete everything in an index, before it is filled again."""
    session.execute(delete(Vector).where(Vector.kept_in == collection.name))
    for table in (collection.docs, collection.terms):
        session.execute(delete(table))
    if is_sqlite(session):  # deleting row by row would take as long as filling it
        for statement in (f"DROP TABLE {collection.fts}", *SQLITE):
            session.execute(text(statement.format(fts=collection.fts)))
    else:
        session.execute(text(f"DELETE FROM {collection.fts}"))  # noqa: S608 - names of ours


def merge_segments(session: Session) -> None:
    """Merge the segments of SQLite's full-text indexes, since the last ones reveal the order in which texts came."""
    for collection in COLLECTIONS:
        session.execute(text(f"INSERT INTO {collection.fts} ({collection.fts}) VALUES ('optimize')"))  # noqa: S608


def _rows(session: Session, collection: Collection, keys: Sequence[Key]) -> list[_Doc]:
    docs, by_noun = collection.docs, defaultdict[str, list[int]](list)
    for noun, key in keys:
        by_noun[noun].append(key)
    mine = [and_(docs.noun == noun, docs.noun_id.in_(some)) for noun, some in by_noun.items()]
    return list(session.scalars(select(docs).where(or_(*mine)))) if keys else []


def _keys(rows: Sequence[_Doc]) -> list[Key]:
    return [(row.noun, row.noun_id) for row in rows]


def _drop_vectors(session: Session, collection: Collection, keys: Sequence[Key]) -> None:
    if keys:
        gone = tuple_(Vector.noun, Vector.noun_id).in_(keys)
        session.execute(delete(Vector).where(Vector.kept_in == collection.name, gone))


def _insert_terms(session: Session, collection: Collection, docs: Mapping[int, Doc]) -> Counter[str]:
    """Write the terms of documents, given by the ids of their rows. Return what they add to the counts."""
    counted = Counter[str]()
    written: list[Terms] = []
    for rowid, doc in docs.items():
        terms = cut(doc.text)
        names = scope_terms(doc.newsletter_id, terms + stems(terms))
        written.append((rowid, names, scope_terms(doc.newsletter_id, cut(doc.more))))
        counted.update(counts_of(doc.newsletter_id, names))
    write_terms(session.connection(), collection, written)
    return counted


def write_terms(connection: Connection, collection: Collection, rows: Sequence[Terms]) -> None:
    """Write rows of the full-text index in one statement."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        inserting = f"INSERT INTO {collection.fts} (rowid, terms, more) VALUES (?, ?, ?)"  # noqa: S608 - names of ours
        connection.exec_driver_sql(inserting, [(key, " ".join(terms), " ".join(more)) for key, terms, more in rows])
        return
    listed = {"keys": [row[0] for row in rows], "terms": [tsvector(terms, more) for _, terms, more in rows]}
    connection.execute(text(_LISTED_TERMS.format(fts=collection.fts)), listed)


_LISTED_TERMS = (
    "INSERT INTO {fts} (rowid, terms) SELECT key, CAST(terms AS tsvector)"
    " FROM unnest(CAST(:keys AS bigint[]), CAST(:terms AS text[])) AS listed (key, terms)"
)


def counts_of(newsletter_id: int, terms: Sequence[str]) -> list[str]:
    """Return what one document adds to the counts: a document, its distinct terms as its length, and each of them."""
    different = set(terms)
    return [f"{newsletter_id}", *([f"{newsletter_id}+"] * len(different)), *different]


def _delete_terms(session: Session, collection: Collection, rows: Sequence[_Doc]) -> list[str]:
    """Delete the rows' terms from the full-text index. Return what they subtract from the counts.

    The terms are read back instead of cut again, since another version may have cut them differently.
    """
    ids = {row.id: row.newsletter_id for row in rows}
    if not ids:
        return []
    sqlite = is_sqlite(session)
    column = "terms" if sqlite else "tsvector_to_array(ts_filter(terms, '{a}'))"
    there = f"FROM {collection.fts} WHERE rowid IN ({', '.join(map(str, ids))})"
    found = session.execute(text(f"SELECT rowid, {column} {there}")).all()
    session.execute(text(f"DELETE {there}"))
    return [one for rowid, terms in found for one in counts_of(ids[rowid], terms.split() if sqlite else terms)]


def tsvector(terms: Sequence[str], extra_terms: Sequence[str]) -> str:
    """Return PostgreSQL's notation: each term with its positions, those of `terms` with weight A.

    Terms contain no quotes.
    """
    places: dict[str, list[str]] = {}
    for at, term in enumerate(terms, 1):
        places.setdefault(term, []).append(f"{at}A")
    for at, term in enumerate(extra_terms, len(terms) + 2):
        places.setdefault(term, []).append(str(at))
    return " ".join(f"'{term}':{','.join(found[:250])}" for term, found in places.items())


def _update_counts(session: Session, collection: Collection, changes: Counter[str]) -> None:
    """Add to the counts or subtract from them, in the order of terms, so that two transactions can't deadlock."""
    name = collection.terms.__tablename__
    rows = [(term, docs) for term, docs in sorted(changes.items()) if docs]
    up = [row for row in rows if row[1] > 0]
    down = [{"term": term, "docs": -docs} for term, docs in rows if docs < 0]
    if up and is_sqlite(session):
        session.connection().exec_driver_sql(_UP.format(name=name, given="VALUES (?, ?)"), up)
    elif up:  # one statement for each of some thousand terms would be most of the cost of indexing
        listed = {"terms": [term for term, _ in up], "docs": [docs for _, docs in up]}
        session.execute(text(_UP.format(name=name, given=_LISTED)), listed)
    if down:
        session.execute(text(_GONE.format(name=name)), down)
        session.execute(text(_DOWN.format(name=name)), down)


_LISTED = "SELECT * FROM unnest(CAST(:terms AS text[]), CAST(:docs AS integer[]))"  # in the order of the lists
_UP = "INSERT INTO {name} (term, docs) {given} ON CONFLICT (term) DO UPDATE SET docs = {name}.docs + excluded.docs"
_GONE = "DELETE FROM {name} WHERE term = :term AND docs <= :docs"
_DOWN = "UPDATE {name} SET docs = docs - :docs WHERE term = :term"
