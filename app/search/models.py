"""Tables of the search indexes, vectors and verdicts.

A document is a copy of the text of a letter or question. It is erased together with the original.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import DDL, JSON, CheckConstraint, Float, Index, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from ..db.constraints import enum_check, partial_index_options, table_args
from ..db.declarative import Base, OfNewsletter, Row

NOUNS = ("letter", "question")
Key = tuple[str, int]  # the noun and the id of a letter or question
NOT_EMBEDDED = "NOT embedded"  # SQL condition: the semantic matcher has no vector of the document


class _Doc(Row, OfNewsletter):
    """A letter or a question in an index.

    - `noun` and `noun_id`: "letter" or "question", and its id.
    - `offered`: whether it may be suggested as a look-alike.
    - `answered`: whether it is a Q&A that has run.
    - `embedded`: whether the semantic matcher has a vector of it.
    - `question_id`: the question to which a letter is filed, or into which a question was merged. The document is
      suggested as that question.
    - `text` and `more`: what the letter or question asks, and the rest of its words.
    """

    __abstract__ = True

    noun: Mapped[str] = mapped_column(String(20))
    noun_id: Mapped[int]
    offered: Mapped[bool]
    answered: Mapped[bool]
    embedded: Mapped[bool] = mapped_column(default=False)
    question_id: Mapped[int | None]
    edition_id: Mapped[int | None]
    topics: Mapped[list[str]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(Text)
    more: Mapped[str] = mapped_column(Text)

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: N805 - it is called with the class
        not_embedded = Index(f"ix_{cls.__tablename__}_unseen", "id", **partial_index_options(NOT_EMBEDDED))
        return table_args(UniqueConstraint("noun", "noun_id"), enum_check("noun", NOUNS), not_embedded)


class DeskDoc(_Doc):
    __tablename__ = "desk_docs"


class PublicDoc(_Doc):
    __tablename__ = "public_docs"


class _Term(Base):
    """The number of a newsletter's documents that have a term.

    Some rows have a special term: for newsletter 7, "7" counts all its documents, and "7+" adds up their lengths. In
    the public index, "7~salt" counts the documents that have the word anywhere, while "7·salt" leaves out their `more`.
    """

    __abstract__ = True

    term: Mapped[str] = mapped_column(String(100), primary_key=True)
    docs: Mapped[int]

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: N805
        # A term is personal data if only one person used it, so its row must not outlive its last document. On SQLite
        # the table has no rowids, since they would reveal the order in which the terms arrived.
        return (CheckConstraint("docs > 0", name="docs_counted"), {"sqlite_with_rowid": False})


class DeskTerm(_Term):
    __tablename__ = "desk_terms"


class PublicTerm(_Term):
    __tablename__ = "public_terms"


class Vector(Row, OfNewsletter):
    """The vector of a document: 384 signed bytes from -127 to 127. It is personal data like the text.

    `kept_in` is the name of the document's collection.
    """

    __tablename__ = "vectors"
    __table_args__ = table_args(
        UniqueConstraint("kept_in", "noun", "noun_id"),
        enum_check("noun", NOUNS),
        enum_check("kept_in", ("desk", "public")),
        Index(None, "newsletter_id", "kept_in", "matcher", "id"),
    )

    kept_in: Mapped[str] = mapped_column(String(10))
    noun: Mapped[str] = mapped_column(String(20))
    noun_id: Mapped[int]
    matcher: Mapped[str] = mapped_column(String(20))
    numbers: Mapped[bytes]


class Verdict(Row, OfNewsletter):
    """The desk's verdict whether two letters or questions ask the same. The key `a_*` sorts before `b_*`."""

    __tablename__ = "verdicts"
    __table_args__ = table_args(
        UniqueConstraint("a_noun", "a_id", "b_noun", "b_id"),
        CheckConstraint("a_noun < b_noun OR (a_noun = b_noun AND a_id < b_id)", name="in_order"),
        CheckConstraint("score BETWEEN 0 AND 1", name="score_bounded"),
        enum_check("a_noun", NOUNS),
        enum_check("b_noun", NOUNS),
        Index(None, "newsletter_id", "matcher", "id"),
        Index(None, "b_noun", "b_id"),
    )

    a_noun: Mapped[str] = mapped_column(String(20))
    a_id: Mapped[int]
    b_noun: Mapped[str] = mapped_column(String(20))
    b_id: Mapped[int]
    same: Mapped[bool]
    score: Mapped[float] = mapped_column(Float)
    matcher: Mapped[str] = mapped_column(String(20))
    decided_at: Mapped[datetime]


@dataclass(frozen=True)
class Collection:
    """One of the two indexes: its name, its tables, and the name of its full-text table.

    If it `counts_words`, it knows which words its documents have, so that a search can look up other forms of a word.

    Each index has tables of its own, so that a public search can't reach the inbox.
    """

    name: str
    docs: type[_Doc]
    terms: type[_Term]
    fts: str
    counts_words: bool = False


DESK = Collection("desk", DeskDoc, DeskTerm, "desk_fts")
PUBLIC = Collection("public", PublicDoc, PublicTerm, "public_fts", counts_words=True)
COLLECTIONS = (DESK, PUBLIC)

# The statements that create a full-text table. The databases get terms that are already cut and folded, and only split
# them at spaces.
SQLITE: tuple[str, ...] = ("CREATE VIRTUAL TABLE {fts} USING fts5(terms, more, tokenize='ascii')",)
POSTGRESQL: tuple[str, ...] = (
    "CREATE TABLE {fts} (rowid BIGINT PRIMARY KEY, terms TSVECTOR NOT NULL)",
    "CREATE INDEX ix_{fts}_terms ON {fts} USING gin (terms)",
)
SECURE_DELETE = "INSERT INTO {fts} ({fts}, rank) VALUES ('secure-delete', 1)"  # erase entries instead of marking them
if sqlite3.sqlite_version_info >= (3, 42):
    SQLITE = (*SQLITE, SECURE_DELETE)


def is_index(name: str | None) -> bool:
    """Return whether this is the name of a table of a full-text index. These tables have no model."""
    return bool(name) and str(name).startswith(tuple(collection.fts for collection in COLLECTIONS))


# Create and drop each full-text table together with the table of its documents.
for _collection in COLLECTIONS:
    _table = _collection.docs.__table__
    for _dialect, _statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        for _statement in _statements:
            _ddl = DDL(_statement.format(fts=_collection.fts)).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
            event.listen(_table, "after_create", _ddl)
    event.listen(_table, "after_drop", DDL(f"DROP TABLE IF EXISTS {_collection.fts}"))  # type: ignore[no-untyped-call]
