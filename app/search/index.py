"""The search indexes. The worker adds documents; they are removed in the transaction that erases the text.

Every term in an index has its newsletter's id as a prefix, so that no query finds texts of other newsletters. Another
table counts the documents with each term: PostgreSQL has no quick way to count them, and both databases must rank
alike.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, text, tuple_
from sqlalchemy.orm import Session

from .models import COLLECTIONS, SQLITE, Collection, Key, Vector, _Doc
from .terms import STEM, cut, is_of_signs, stems

MIN_WORD_LENGTH = 3  # letters of a word that the public index counts (see `models._Term`)
WORD = "~"  # in the key of such a count, between the newsletter's id and the word
WORDS_PER_QUERY = 5_000  # in one query of `count_words`

# A row's id, and the scoped terms (see `scope_terms`) of the document's `text` and `more`.
Terms = tuple[int, list[str], list[str]]


@dataclass(frozen=True)
class NewDoc:
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
    """Return the terms as the index has them: with the newsletter's id as a prefix."""
    return [f"{newsletter_id}·{term}" for term in terms]


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def index_documents(session: Session, collection: Collection, docs: Sequence[NewDoc]) -> None:
    """Add or update documents. If two have the same noun and id, the last one counts."""
    docs_by_key = {doc.key: doc for doc in docs}
    rows = {(row.noun, row.noun_id): row for row in _rows(session, collection, list(docs_by_key))}
    changed_rows = [row for key, row in rows.items() if not _has_same_text(row, docs_by_key[key])]
    count_changes: Counter[str] = Counter()
    count_changes.subtract(_delete_terms(session, collection, changed_rows))
    for row in changed_rows:
        row.embedded = False
    for key, row in rows.items():
        for name, value in _values(docs_by_key[key]).items():
            setattr(row, name, value)
    session.flush()
    new_docs = [doc for key, doc in docs_by_key.items() if key not in rows]
    docs_to_cut = {row.id: docs_by_key[row.noun, row.noun_id] for row in changed_rows}
    docs_to_cut |= _insert_documents(session, collection, new_docs)
    count_changes.update(_insert_terms(session, collection, docs_to_cut))
    _update_counts(session, collection, count_changes)
    _drop_vectors(session, collection, _keys(changed_rows))


def _values(doc: NewDoc) -> dict[str, Any]:
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


def _insert_documents(session: Session, collection: Collection, docs: Sequence[NewDoc]) -> dict[int, NewDoc]:
    """Insert new documents with one statement. Return them by the ids of their rows, in order."""
    if not docs:
        return {}
    model = collection.docs
    values = [_values(doc) | {"noun": doc.noun, "noun_id": doc.noun_id, "embedded": False} for doc in docs]
    statement = insert(model).returning(model.id, model.noun, model.noun_id)
    row_ids = {(noun, noun_id): row_id for row_id, noun, noun_id in session.connection().execute(statement, values)}
    return {row_ids[doc.key]: doc for doc in docs}


def _has_same_text(row: _Doc, doc: NewDoc) -> bool:
    return (row.text, row.more, row.newsletter_id) == (doc.text, doc.more, doc.newsletter_id)


def remove_from_indexes(session: Session, noun: str, noun_id: int) -> None:
    """Remove a letter or question from both indexes. Call this in the transaction that erases its text."""
    for collection in COLLECTIONS:
        remove_documents(session, collection, [(noun, noun_id)])


def remove_documents(session: Session, collection: Collection, keys: Sequence[Key]) -> None:
    """Remove documents from an index. Keys that it doesn't have are ignored."""
    rows = _rows(session, collection, keys)
    if not rows:
        return
    count_changes: Counter[str] = Counter()
    count_changes.subtract(_delete_terms(session, collection, rows))
    _update_counts(session, collection, count_changes)
    removed_keys = _keys(rows)  # read before the rows are deleted
    # Delete the documents before their vectors: a worker that is storing a vector holds a lock on its document.
    session.execute(delete(collection.docs).where(collection.docs.id.in_([row.id for row in rows])))
    _drop_vectors(session, collection, removed_keys)
    if is_sqlite(session) and not _erases_entries(session, collection):
        _merge_segments_of(session, collection)


def clear_index(session: Session, collection: Collection) -> None:
    """Delete all documents of an index, before it is filled again."""
    session.execute(delete(Vector).where(Vector.kept_in == collection.name))
    for table in (collection.docs, collection.terms):
        session.execute(delete(table))
    if is_sqlite(session):  # deleting row by row would take as long as inserting
        for statement in (f"DROP TABLE {collection.fts}", *SQLITE):
            session.execute(text(statement.format(fts=collection.fts)))
    else:
        session.execute(text(f"DELETE FROM {collection.fts}"))  # noqa: S608 - names of ours


def merge_segments(session: Session) -> None:
    """Merge the segments of SQLite's full-text indexes: the newest ones reveal the order in which texts arrived."""
    for collection in COLLECTIONS:
        _merge_segments_of(session, collection)


def _merge_segments_of(session: Session, collection: Collection) -> None:
    session.execute(text(f"INSERT INTO {collection.fts} ({collection.fts}) VALUES ('optimize')"))  # noqa: S608


def _erases_entries(session: Session, collection: Collection) -> bool:
    """Return whether SQLite's index erases entries. Otherwise it only marks them, and merging the index erases them.

    That is so in an index that was created before SQLite 3.42, also if the library is newer by now.
    """
    option = text(f"SELECT v FROM {collection.fts}_config WHERE k = 'secure-delete'")  # noqa: S608 - a name of ours
    return bool(session.scalar(option))


def _rows(session: Session, collection: Collection, keys: Sequence[Key]) -> list[_Doc]:
    if not keys:
        return []
    docs = collection.docs
    ids_by_noun = defaultdict[str, list[int]](list)
    for noun, noun_id in keys:
        ids_by_noun[noun].append(noun_id)
    conditions = [and_(docs.noun == noun, docs.noun_id.in_(noun_ids)) for noun, noun_ids in ids_by_noun.items()]
    return list(session.scalars(select(docs).where(or_(*conditions))))


def _keys(rows: Sequence[_Doc]) -> list[Key]:
    return [(row.noun, row.noun_id) for row in rows]


def _drop_vectors(session: Session, collection: Collection, keys: Sequence[Key]) -> None:
    if keys:
        has_key = tuple_(Vector.noun, Vector.noun_id).in_(keys)
        session.execute(delete(Vector).where(Vector.kept_in == collection.name, has_key))


def _insert_terms(session: Session, collection: Collection, docs: Mapping[int, NewDoc]) -> Counter[str]:
    """Write the terms of `docs`, which are keyed by row id. Return by how much each count grows."""
    counts = Counter[str]()
    rows: list[Terms] = []
    for row_id, doc in docs.items():
        terms = cut(doc.text)
        scoped_terms = scope_terms(doc.newsletter_id, terms + stems(terms))
        scoped_more = scope_terms(doc.newsletter_id, cut(doc.more))
        rows.append((row_id, scoped_terms, scoped_more))
        counts.update(counts_of(doc.newsletter_id, scoped_terms))
        if collection.counts_words:
            counts.update(word_keys(scoped_terms + scoped_more))
    write_terms(session.connection(), collection, rows)
    return counts


def write_terms(connection: Connection, collection: Collection, rows: Sequence[Terms]) -> None:
    """Write rows of the full-text index with one statement."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        statement = f"INSERT INTO {collection.fts} (rowid, terms, more) VALUES (?, ?, ?)"  # noqa: S608 - names of ours
        params = [(row_id, " ".join(terms), " ".join(more)) for row_id, terms, more in rows]
        connection.exec_driver_sql(statement, params)
        return
    columns = {"keys": [row_id for row_id, _, _ in rows], "terms": [tsvector(terms, more) for _, terms, more in rows]}
    connection.execute(text(_INSERT_TSVECTORS.format(fts=collection.fts)), columns)


_INSERT_TSVECTORS = (
    "INSERT INTO {fts} (rowid, terms) SELECT key, CAST(terms AS tsvector)"
    " FROM unnest(CAST(:keys AS bigint[]), CAST(:terms AS text[])) AS listed (key, terms)"
)


def counts_of(newsletter_id: int, terms: Sequence[str]) -> list[str]:
    """Return the keys of the counts that a document raises, each as often as it raises the count by one.

    The key of the newsletter's number of documents occurs once, the key of their total length once for each distinct
    term, and each distinct term once (see `models._Term`).
    """
    distinct_terms = set(terms)
    return [f"{newsletter_id}", *([f"{newsletter_id}+"] * len(distinct_terms)), *distinct_terms]


def word_keys(scoped_terms: Iterable[str]) -> set[str]:
    """Return the keys under which the words among a document's terms are counted, such as "7~salt" for "7·salt"."""
    split_terms = (term.partition("·") for term in scoped_terms)
    return {
        f"{newsletter_id}{WORD}{word}"
        for newsletter_id, _separator, word in split_terms
        if len(word) >= MIN_WORD_LENGTH and word[0] != STEM and not is_of_signs(word)
    }


def count_words(session: Session, collection: Collection, newsletter_id: int, terms: Iterable[str]) -> dict[str, int]:
    """Return those of the words that a newsletter's documents have, and for each the number of these."""
    columns = collection.terms.__table__.c
    keys = [f"{newsletter_id}{WORD}{word}" for word in terms]
    counts: dict[str, int] = {}
    for start in range(0, len(keys), WORDS_PER_QUERY):
        query = select(columns.term, columns.docs).where(columns.term.in_(keys[start : start + WORDS_PER_QUERY]))
        counts |= {key.partition(WORD)[2]: docs for key, docs in session.connection().execute(query)}
    return counts


def _delete_terms(session: Session, collection: Collection, rows: Sequence[_Doc]) -> list[str]:
    """Delete the rows' terms from the full-text index. Return the keys of the counts that fall, like `counts_of`.

    The terms are read from the index, not cut from the text again: an earlier version may have cut them differently.
    """
    newsletter_ids = {row.id: row.newsletter_id for row in rows}
    if not newsletter_ids:
        return []
    sqlite = is_sqlite(session)
    columns = "terms, more" if sqlite else "tsvector_to_array(ts_filter(terms, '{a}')), tsvector_to_array(terms)"
    from_where = f"FROM {collection.fts} WHERE rowid IN ({', '.join(map(str, newsletter_ids))})"
    found = session.execute(text(f"SELECT rowid, {columns} {from_where}")).all()
    session.execute(text(f"DELETE {from_where}"))
    count_keys: list[str] = []
    for row_id, stored_terms, stored_more in found:
        terms, more = (stored_terms.split(), stored_more.split()) if sqlite else (stored_terms, stored_more)
        count_keys += counts_of(newsletter_ids[row_id], terms)
        if collection.counts_words:
            count_keys += word_keys((*terms, *more))
    return count_keys


MAX_POSITIONS = 250  # positions of a term; PostgreSQL allows no more than 256


def tsvector(terms: Sequence[str], extra_terms: Sequence[str]) -> str:
    """Return a tsvector in PostgreSQL's notation: each term with its positions, those of `terms` with weight A.

    Example: "'7·salt':1A,4A '7·mill':2A". Terms contain no quotes.
    """
    positions: dict[str, list[str]] = {}
    for position, term in enumerate(terms, 1):
        positions.setdefault(term, []).append(f"{position}A")
    # One position between the two lists stays free, so that no phrase spans both.
    for position, term in enumerate(extra_terms, len(terms) + 2):
        positions.setdefault(term, []).append(str(position))
    return " ".join(
        f"'{term}':{','.join(term_positions[:MAX_POSITIONS])}" for term, term_positions in positions.items()
    )


def _update_counts(session: Session, collection: Collection, changes: Counter[str]) -> None:
    """Apply changes to the counts in the order of terms, so that two transactions can't deadlock."""
    name = collection.terms.__tablename__
    rows = [(term, docs) for term, docs in sorted(changes.items()) if docs]
    added = [(term, docs) for term, docs in rows if docs > 0]
    subtracted = [{"term": term, "docs": -docs} for term, docs in rows if docs < 0]
    if added and is_sqlite(session):
        session.connection().exec_driver_sql(_ADD_COUNTS.format(name=name, rows="VALUES (?, ?)"), added)
    elif added:  # in one statement: one for each of some thousand terms would be most of the cost of indexing
        params = {"terms": [term for term, _ in added], "docs": [docs for _, docs in added]}
        session.execute(text(_ADD_COUNTS.format(name=name, rows=_UNNESTED_ROWS)), params)
    if subtracted:
        session.execute(text(_DELETE_COUNTS.format(name=name)), subtracted)
        session.execute(text(_SUBTRACT_COUNTS.format(name=name)), subtracted)


_UNNESTED_ROWS = "SELECT * FROM unnest(CAST(:terms AS text[]), CAST(:docs AS integer[]))"  # in the order of the lists
_ADD_COUNTS = (
    "INSERT INTO {name} (term, docs) {rows} ON CONFLICT (term) DO UPDATE SET docs = {name}.docs + excluded.docs"
)
# A count that falls to 0 is deleted, as the table allows only positive ones.
_DELETE_COUNTS = "DELETE FROM {name} WHERE term = :term AND docs <= :docs"
_SUBTRACT_COUNTS = "UPDATE {name} SET docs = docs - :docs WHERE term = :term"
