"""A prototype of sealed letters: the database has their words only encrypted, and an index still finds them.

docs/adr/0037-words-at-rest.md compares two such indexes. `BLIND` is in the database, with a keyed hash instead of each
word, and without the order of the words. `MEMORY` has the words themselves, in an in-memory SQLite database of the
process.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import JSON, Engine, LargeBinary, String, Text, UniqueConstraint, create_engine, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

from app.crypto.seal import Keys
from app.search import index
from app.search.alike import ComparedDoc, Comparison, Probe, choose_lookup_terms, counts_of, find_candidates
from app.search.full_text import Clause, Hit, clauses, count_matches, search
from app.search.index import NewDoc, is_sqlite, scope_terms, write_terms
from app.search.models import POSTGRESQL, SQLITE, Collection, Key
from app.search.scoring import Counts, TextTerms, WeightedText, similarity
from app.search.terms import STEM_LENGTH, cut, stems

HASH_BYTES = 6  # of the hash of a word: two words in a million share theirs, and each text found is read anyway
MAX_CHECKED = 2_000  # documents that a search opens at most, to see whether they have the phrase
READ_BATCH = 1_000  # documents that are opened together when the index in memory is built


class PrototypeBase(DeclarativeBase):
    """The base of the prototype's tables, which are none of the program's."""


class _Doc(PrototypeBase):
    """A document without its words; see `app.search.models._Doc`."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    newsletter_id: Mapped[int]
    noun: Mapped[str] = mapped_column(String(20))
    noun_id: Mapped[int]
    offered: Mapped[bool]
    answered: Mapped[bool]
    question_id: Mapped[int | None]
    edition_id: Mapped[int | None]
    topics: Mapped[list[str]] = mapped_column(JSON)


class SealedDoc(_Doc):
    __tablename__ = "sealed_docs"
    __table_args__ = (UniqueConstraint("noun", "noun_id"),)

    text: Mapped[bytes] = mapped_column(LargeBinary)
    more: Mapped[bytes] = mapped_column(LargeBinary)


class MemoryDoc(_Doc):
    """A document of the index in memory; its `text` and `more` are always empty."""

    __tablename__ = "memory_docs"

    text: Mapped[str] = mapped_column(Text, default="")
    more: Mapped[str] = mapped_column(Text, default="")


class _Term(PrototypeBase):
    __abstract__ = True

    term: Mapped[str] = mapped_column(String(100), primary_key=True)
    docs: Mapped[int]


class BlindTerm(_Term):
    __tablename__ = "blind_terms"


class MemoryTerm(_Term):
    __tablename__ = "memory_terms"


BLIND = Collection("blind", cast(Any, SealedDoc), cast(Any, BlindTerm), "blind_fts")
MEMORY = Collection("memory", cast(Any, MemoryDoc), cast(Any, MemoryTerm), "memory_fts")
MEMORY_FTS = (
    "CREATE VIRTUAL TABLE memory_fts USING fts5(terms, more, tokenize='ascii', content='', contentless_delete=1)"
)
ADD_COUNTS = (
    "INSERT INTO blind_terms (term, docs) {rows}"
    " ON CONFLICT (term) DO UPDATE SET docs = blind_terms.docs + excluded.docs"
)
UNNESTED_ROWS = "SELECT * FROM unnest(CAST(:terms AS text[]), CAST(:docs AS integer[]))"


def create_tables(session: Session) -> None:
    """Create the table of sealed documents, and the blind index."""
    connection = session.connection()
    models: Sequence[Any] = (SealedDoc, BlindTerm)
    PrototypeBase.metadata.create_all(connection, [model.__table__ for model in models])
    for statement in SQLITE if is_sqlite(session) else POSTGRESQL:
        connection.execute(text(statement.format(fts=BLIND.fts)))


def hash_terms(keys: Keys, newsletter_id: int, terms: Iterable[str]) -> dict[str, str]:
    """Return the keyed hash of each term in hexadecimal. The key differs from newsletter to newsletter."""
    purpose = f"word {newsletter_id}"
    return {term: keys.mac(purpose, term)[:HASH_BYTES].hex() for term in terms}


def store_sealed(session: Session, docs: Sequence[NewDoc], *, with_hashes: bool) -> None:
    """Store new documents with sealed words, and add them to the blind index if `with_hashes` is set."""
    keys: Keys = session.info["keys"]
    statement = insert(SealedDoc).returning(SealedDoc.id, SealedDoc.noun, SealedDoc.noun_id)
    rows = session.connection().execute(statement, [_build_sealed_row(keys, doc) for doc in docs]).all()
    if not with_hashes:
        return
    docs_by_key = {doc.key: doc for doc in docs}
    counts = Counter[str]()
    index_rows: list[index.Terms] = []
    for row_id, noun, noun_id in rows:
        doc = docs_by_key[noun, noun_id]
        terms = cut(doc.text)
        hashes = _hash_and_scope(keys, doc, terms + stems(terms))
        counts.update(index.counts_of(doc.newsletter_id, hashes))
        index_rows.append((row_id, hashes, _hash_and_scope(keys, doc, cut(doc.more))))
    write_terms(session.connection(), BLIND, index_rows)
    _add_counts(session, sorted(counts.items()))


def _build_sealed_row(keys: Keys, doc: NewDoc) -> dict[str, Any]:
    sealed = {column: _seal(keys, doc.key, column, getattr(doc, column)) for column in ("text", "more")}
    return _build_row(doc) | sealed


def _build_row(doc: NewDoc) -> dict[str, Any]:
    return {
        "newsletter_id": doc.newsletter_id,
        "noun": doc.noun,
        "noun_id": doc.noun_id,
        "offered": doc.offered,
        "answered": doc.answered,
        "question_id": doc.question_id,
        "edition_id": doc.edition_id,
        "topics": list(doc.topics),
    }


def _seal(keys: Keys, key: Key, column: str, words: str) -> bytes:
    return keys.seal(_context(key, column), words) if words else b""


def _open(keys: Keys, key: Key, column: str, sealed: bytes) -> str:
    return keys.open(_context(key, column), sealed) if sealed else ""


def _context(key: Key, column: str) -> str:
    noun, noun_id = key
    return f"sealed_docs.{column}.{noun}.{noun_id}"


def _hash_and_scope(keys: Keys, doc: NewDoc, terms: Sequence[str]) -> list[str]:
    """Return the hashes of a text's terms in the order of the hashes, which says nothing of the order of the words."""
    return scope_terms(doc.newsletter_id, sorted({*hash_terms(keys, doc.newsletter_id, terms).values()}))


def _add_counts(session: Session, counts: Sequence[tuple[str, int]]) -> None:
    if is_sqlite(session):
        session.connection().exec_driver_sql(ADD_COUNTS.format(rows="VALUES (?, ?)"), list(counts))
        return
    params = {"terms": [term for term, _ in counts], "docs": [docs for _, docs in counts]}
    session.execute(text(ADD_COUNTS.format(rows=UNNESTED_ROWS)), params)


def build_memory_index(session: Session) -> Engine:
    """Open every sealed document, and return an in-memory database with an index of their words."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    models: Sequence[Any] = (MemoryDoc, MemoryTerm)
    PrototypeBase.metadata.create_all(engine, [model.__table__ for model in models])
    counts = Counter[str]()
    with engine.begin() as memory:
        memory.exec_driver_sql(MEMORY_FTS)
        for rows in _iter_sealed(session):
            values, index_rows = [], list[index.Terms]()
            for row_id, doc in rows:
                terms = cut(doc.text)
                scoped_terms = scope_terms(doc.newsletter_id, terms + stems(terms))
                counts.update(index.counts_of(doc.newsletter_id, scoped_terms))
                index_rows.append((row_id, scoped_terms, scope_terms(doc.newsletter_id, cut(doc.more))))
                values.append(_build_row(doc) | {"id": row_id})
            memory.execute(insert(MemoryDoc), values)
            write_terms(memory, MEMORY, index_rows)
        memory.exec_driver_sql("INSERT INTO memory_terms (term, docs) VALUES (?, ?)", sorted(counts.items()))
    return engine


def _iter_sealed(session: Session) -> Iterator[list[tuple[int, NewDoc]]]:
    keys: Keys = session.info["keys"]
    last_id = 0
    query = select(SealedDoc.__table__).order_by(SealedDoc.id).limit(READ_BATCH)
    while rows := session.execute(query.where(SealedDoc.id > last_id)).mappings().all():
        last_id = rows[-1]["id"]
        yield [(row["id"], _read_doc(keys, row)) for row in rows]


def _read_doc(keys: Keys, row: Mapping[Any, Any]) -> NewDoc:
    key = (row["noun"], row["noun_id"])
    values = {name: value for name, value in row.items() if name != "id"}
    values |= {column: _open(keys, key, column, row[column]) for column in ("text", "more")}
    return NewDoc(**values)


def list_excerpts(session: Session, limit: int, length: int) -> list[str]:
    """Return the beginnings of the newest sealed documents, as a list of letters shows them."""
    keys: Keys = session.info["keys"]
    columns = (SealedDoc.noun, SealedDoc.noun_id, SealedDoc.text)
    rows = session.execute(select(*columns).order_by(SealedDoc.id.desc()).limit(limit))
    return [_open(keys, (noun, noun_id), "text", sealed)[:length] for noun, noun_id, sealed in rows]


@dataclass(frozen=True)
class SealedDesk:
    """The sealed documents of a newsletter: a session of their database, and one of the index with its `collection`.

    `collection` is `BLIND`, whose session is that of the database, or `MEMORY`.
    """

    session: Session
    index_session: Session
    collection: Collection
    newsletter_id: int

    @property
    def keys(self) -> Keys:
        keys: Keys = self.session.info["keys"]
        return keys

    def index_terms(self, terms: Iterable[str]) -> dict[str, str]:
        """Return what the index has instead of each term."""
        if self.collection is BLIND:
            return hash_terms(self.keys, self.newsletter_id, terms)
        return {term: term for term in terms}

    def compare(self, probe: Probe) -> Comparison:
        """Compare a probe with sealed documents, as `alike.compare` compares it with readable ones."""
        probe_terms = TextTerms(probe.text)
        counts = self._count(probe_terms.search_terms_and_stems)
        docs = self._find_candidates(choose_lookup_terms(probe_terms.search_terms_and_stems, counts), counts)
        candidates = [TextTerms(doc.text) for doc in docs]
        new_terms = {term for candidate in candidates for term in candidate.search_terms}
        new_counts = self._count(new_terms.difference(probe_terms.search_terms_and_stems))
        counts = Counts(counts.size, counts.average_length, {**counts.docs, **new_counts.docs})
        counts.add_cut_texts((probe_terms, *candidates))
        question = WeightedText(probe_terms, counts)
        scores = (similarity(question, WeightedText(candidate, counts), counts) for candidate in candidates)
        scored = [((doc.noun, doc.noun_id), score, doc) for score, doc in zip(scores, docs, strict=True)]
        return Comparison(probe, sorted(scored, key=lambda entry: (-entry[1], entry[0])), counts)

    def _count(self, terms: Iterable[str]) -> Counts:
        replaced = self.index_terms(terms)
        found = counts_of(self.index_session, self.collection, self.newsletter_id, replaced.values())
        return Counts(found.size, found.average_length, {term: found.docs[entry] for term, entry in replaced.items()})

    def _find_candidates(self, terms: Sequence[str], counts: Counts) -> list[ComparedDoc]:
        replaced = self.index_terms(terms)
        index_counts = Counts(counts.size, counts.average_length, {replaced[term]: counts.docs[term] for term in terms})
        entries = list(replaced.values())
        docs = find_candidates(self.index_session, self.collection, self.newsletter_id, entries, index_counts)
        if self.collection is BLIND:
            sealed = {(doc.noun, doc.noun_id): cast(bytes, doc.text) for doc in docs}
        else:
            sealed = {key: text for key, (text, _more) in self._load_sealed(docs).items()}
        texts = {key: _open(self.keys, key, "text", value) for key, value in sealed.items()}
        return [doc._replace(text=texts[doc.noun, doc.noun_id]) for doc in docs]

    def _load_sealed(self, docs: Iterable[ComparedDoc | Hit]) -> dict[Key, tuple[bytes, bytes]]:
        """Return the sealed `text` and `more` of letters."""
        ids = ", ".join(str(doc.noun_id) for doc in docs)
        if not ids:
            return {}
        query = f"SELECT noun, noun_id, text, more FROM sealed_docs WHERE noun = 'letter' AND noun_id IN ({ids})"
        rows = self.session.connection().exec_driver_sql(query)
        return {(noun, noun_id): (sealed_text, sealed_more) for noun, noun_id, sealed_text, sealed_more in rows}

    def _open_content(self, key: Key, sealed_text: bytes, sealed_more: bytes) -> str:
        body, more = _open(self.keys, key, "text", sealed_text), _open(self.keys, key, "more", sealed_more)
        return f"{body}\n{more}"

    def search(self, query: str, limit: int = 30) -> list[Hit]:
        """Return the newest documents with everything in `query`, as `full_text.search` does."""
        if self.collection is BLIND:
            return self._search_hashes(query, limit)
        hits = search(self.index_session, MEMORY, self.newsletter_id, query, limit=limit)
        sealed = self._load_sealed(hits)
        return [
            replace(hit, content=self._open_content((hit.noun, hit.noun_id), *sealed[hit.noun, hit.noun_id]))
            for hit in hits
        ]

    def _search_hashes(self, query: str, limit: int) -> list[Hit]:
        """Search for documents with all words, open them, and leave out those without the phrase.

        An unfinished word is found from its fifth letter on: the index has no shorter beginnings.
        """
        query_clauses = clauses(query)
        if not query_clauses:
            return []
        is_sqlite_index = is_sqlite(self.session)
        and_, or_, quote = (" AND ", " OR ", '"') if is_sqlite_index else (" & ", " | ", "'")
        conditions = [
            f"({or_.join(f'{quote}{entry}{quote}' for entry in alternatives)})"
            for clause in query_clauses
            for alternatives in self._list_entries(clause)
        ]
        condition = f"{BLIND.fts} MATCH :query" if is_sqlite_index else "f.terms @@ CAST(:query AS tsquery)"
        query_start = (
            f"SELECT f.rowid, d.noun, d.noun_id, d.text, d.more FROM {BLIND.fts} f JOIN sealed_docs d ON d.id = f.rowid"
            f" WHERE {condition}"
        )
        statement = text(f"{query_start} ORDER BY f.rowid DESC LIMIT :limit")
        params: dict[str, Any] = {"query": and_.join(conditions), "limit": limit}
        needs_check = any(clause.unfinished or len(clause.sequence) > 1 for clause in query_clauses)
        hits: list[Hit] = []
        for _ in range(0, MAX_CHECKED, limit):
            rows = self.session.execute(statement, params).all()
            for row_id, noun, noun_id, sealed_text, sealed_more in rows:
                content = self._open_content((noun, noun_id), sealed_text, sealed_more)
                if not needs_check or count_matches(content, query_clauses) == len(query_clauses):
                    hits.append(Hit(row_id, noun, noun_id, content, tuple(query_clauses)))
            if len(hits) >= limit or len(rows) < limit:
                break
            statement = text(f"{query_start} AND f.rowid < :before ORDER BY f.rowid DESC LIMIT :limit")
            params["before"] = rows[-1][0]
        return hits[:limit]

    def _list_entries(self, clause: Clause) -> list[list[str]]:
        """Return for each term of a clause the entries of the index, one of which a document must have."""
        alternatives = [[term] for term in dict.fromkeys(clause.terms)]
        [word, *_others] = clause.terms
        if clause.unfinished and len(word) >= STEM_LENGTH:
            alternatives = [[word, *stems([f"{word}*"])]]
        return [scope_terms(self.newsletter_id, self.index_terms(terms).values()) for terms in alternatives]
