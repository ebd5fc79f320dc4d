"""Search and matching: documents with their terms, what the desk decided of look-alikes, and the numbers of the semantic matcher.

Behind full-text search stand an FTS5 table on SQLite and a table of `tsvector` on PostgreSQL, which no model describes. All letters
and questions are due to be indexed afterwards, which the worker does.
"""

import sqlite3

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLLECTIONS = ("desk", "public")
NOUN = "noun IN ('letter', 'question')"
DUE = sa.text("indexed_version <> version")
UNSEEN = sa.text("NOT embedded")


def of_docs(name: str) -> None:
    op.create_table(
        f"{name}_docs",
        sa.Column("noun", sa.String(20), nullable=False),
        sa.Column("noun_id", sa.Integer(), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("embedded", sa.Boolean(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("more", sa.Text(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(NOUN, name=op.f(f"ck_{name}_docs_noun_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f(f"fk_{name}_docs_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}_docs")),
        sa.UniqueConstraint("noun", "noun_id", name=op.f(f"uq_{name}_docs_noun_noun_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(f"ix_{name}_docs_unseen", f"{name}_docs", ["id"], sqlite_where=UNSEEN, postgresql_where=UNSEEN)
    op.create_table(
        f"{name}_terms",
        sa.Column("term", sa.String(100), nullable=False),
        sa.Column("docs", sa.Integer(), nullable=False),
        sa.CheckConstraint("docs > 0", name=op.f(f"ck_{name}_terms_docs_counted")),
        sa.PrimaryKeyConstraint("term", name=op.f(f"pk_{name}_terms")),
    )
    fts = f"{name}_fts"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE VIRTUAL TABLE {fts} USING fts5(terms, more, tokenize='ascii')")
        if sqlite3.sqlite_version_info >= (3, 42):
            op.execute(f"INSERT INTO {fts} ({fts}, rank) VALUES ('secure-delete', 1)")  # noqa: S608 - a name of ours
    else:
        op.execute(f"CREATE TABLE {fts} (rowid BIGINT PRIMARY KEY, terms TSVECTOR NOT NULL)")
        op.execute(f"CREATE INDEX ix_{fts}_terms ON {fts} USING gin (terms)")


def upgrade() -> None:
    for name in COLLECTIONS:
        of_docs(name)
    op.create_table(
        "vectors",
        sa.Column("kept_in", sa.String(10), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("noun", sa.String(20), nullable=False),
        sa.Column("noun_id", sa.Integer(), nullable=False),
        sa.Column("matcher", sa.String(20), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(NOUN, name=op.f("ck_vectors_noun_known")),
        sa.CheckConstraint("kept_in IN ('desk', 'public')", name=op.f("ck_vectors_kept_in_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_vectors_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vectors")),
        sa.UniqueConstraint("kept_in", "noun", "noun_id", name=op.f("uq_vectors_kept_in_noun_noun_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_vectors_newsletter_id_kept_in_matcher_id"), "vectors", ["newsletter_id", "kept_in", "matcher", "id"]
    )
    op.create_table(
        "verdicts",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("a_noun", sa.String(20), nullable=False),
        sa.Column("a_id", sa.Integer(), nullable=False),
        sa.Column("b_noun", sa.String(20), nullable=False),
        sa.Column("b_id", sa.Integer(), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("matcher", sa.String(20), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("a_noun < b_noun OR (a_noun = b_noun AND a_id < b_id)", name=op.f("ck_verdicts_in_order")),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_verdicts_score_bounded")),
        sa.CheckConstraint(f"a_{NOUN}", name=op.f("ck_verdicts_a_noun_known")),
        sa.CheckConstraint(f"b_{NOUN}", name=op.f("ck_verdicts_b_noun_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_verdicts_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("a_noun", "a_id", "b_noun", "b_id", name=op.f("uq_verdicts_a_noun_a_id_b_noun_b_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_verdicts_newsletter_id_matcher_id"), "verdicts", ["newsletter_id", "matcher", "id"])
    op.create_index(op.f("ix_verdicts_b_noun_b_id"), "verdicts", ["b_noun", "b_id"])
    for noun in ("letters", "questions"):
        op.add_column(noun, sa.Column("indexed_version", sa.Integer(), nullable=False, server_default="0"))
        op.create_index(f"ix_{noun}_unindexed", noun, ["id"], sqlite_where=DUE, postgresql_where=DUE)


def downgrade() -> None:
    for noun in ("letters", "questions"):
        op.drop_index(f"ix_{noun}_unindexed", noun)
        op.drop_column(noun, "indexed_version")
    op.drop_table("verdicts")
    op.drop_table("vectors")
    for name in COLLECTIONS:
        op.drop_table(f"{name}_fts")
        op.drop_table(f"{name}_terms")
        op.drop_table(f"{name}_docs")
