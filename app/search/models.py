"""Tables of the search indexes, vectors and verdicts. A document is a copy of a text, and is erased with it."""

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
UNSEEN = "NOT embedded"


class _Doc(Row, OfNewsletter):
    """A letter or a question in an index: `text` is what it asks, `more` the rest of it.

    `offered` says whether it may be suggested. A document that belongs to a question (a letter filed to it, or a
    question merged into it) has its `question_id`, and is suggested as that question. `answered` marks a Q&A that has
    run, `embedded` a document that has a vector of the semantic matcher.
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
        unseen = Index(f"ix_{cls.__tablename__}_unseen", "id", **partial_index_options(UNSEEN))
        return table_args(UniqueConstraint("noun", "noun_id"), enum_check("noun", NOUNS), unseen)


class DeskDoc(_Doc):
    __tablename__ = "desk_docs"


class PublicDoc(_Doc):
    __tablename__ = "public_docs"


class _Term(Base):
    """The number of a newsletter's documents that have a term.

    The term "7" counts the documents of newsletter 7, and "7+" their total length.
    """

    __abstract__ = True

    term: Mapped[str] = mapped_column(String(100), primary_key=True)
    docs: Mapped[int]

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: N805
        # A term may be somebody's word: its row must not outlive its last document.
        # Without rowids on SQLite, since they would reveal the order in which the terms came.
        return (CheckConstraint("docs > 0", name="docs_counted"), {"sqlite_with_rowid": False})


class DeskTerm(_Term):
    __tablename__ = "desk_terms"


class PublicTerm(_Term):
    __tablename__ = "public_terms"


class Vector(Row, OfNewsletter):
    """The vector of a document: 384 numbers from -127 to 127. It is personal data like the text."""

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
    """The desk's verdict whether two things ask the same. `a_*` sorts before `b_*`."""

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
    """One of the two indexes. Each has its own tables, so that a public search can't reach the inbox."""

    name: str
    docs: type[_Doc]
    terms: type[_Term]
    fts: str


DESK = Collection("desk", DeskDoc, DeskTerm, "desk_fts")
PUBLIC = Collection("public", PublicDoc, PublicTerm, "public_fts")
COLLECTIONS = (DESK, PUBLIC)

# Terms are cut and folded before, so that the databases split at spaces only. SQLite overwrites what is deleted.
SQLITE: tuple[str, ...] = ("CREATE VIRTUAL TABLE {fts} USING fts5(terms, more, tokenize='ascii')",)
POSTGRESQL: tuple[str, ...] = (
    "CREATE TABLE {fts} (rowid BIGINT PRIMARY KEY, terms TSVECTOR NOT NULL)",
    "CREATE INDEX ix_{fts}_terms ON {fts} USING gin (terms)",
)
SECURE = "INSERT INTO {fts} ({fts}, rank) VALUES ('secure-delete', 1)"
if sqlite3.sqlite_version_info >= (3, 42):
    SQLITE = (*SQLITE, SECURE)


def is_index(name: str | None) -> bool:
    """Return whether a table belongs to the full-text search, whose tables have no model."""
    return bool(name) and str(name).startswith(tuple(collection.fts for collection in COLLECTIONS))


for _one in COLLECTIONS:
    for _dialect, _statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        for _statement in _statements:
            _made = DDL(_statement.format(fts=_one.fts)).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
            event.listen(_one.docs.__table__, "after_create", _made)
    event.listen(_one.docs.__table__, "after_drop", DDL(f"DROP TABLE IF EXISTS {_one.fts}"))  # type: ignore[no-untyped-call]
