"""Translators outside of the desk: each is asked for one text by a link, and what they type is kept."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


OPENS_ONE = (
    "CASE WHEN assignment_id IS NULL THEN 0 ELSE 1 END + CASE WHEN letter_id IS NULL THEN 0 ELSE 1 END"
    " + CASE WHEN translator_id IS NULL THEN 0 ELSE 1 END = 1"
)


def upgrade() -> None:
    op.create_table(
        "translators",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("of_question_text_id", sa.Integer(), nullable=True),
        sa.Column("of_answer_text_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state IN ('invited', 'handed in')) = (email_sealed IS NOT NULL)",
            name=op.f("ck_translators_open_has_address"),
        ),
        sa.CheckConstraint(
            "state IN ('invited', 'handed in', 'declined', 'withdrawn', 'done')",
            name=op.f("ck_translators_state_known"),
        ),
        sa.CheckConstraint(
            "(answer_id IS NULL) = (of_answer_text_id IS NULL)", name=op.f("ck_translators_of_text_of_its_noun")
        ),
        sa.CheckConstraint("(email_sealed IS NULL) = (key_no IS NULL)", name=op.f("ck_translators_email_whole")),
        sa.CheckConstraint(
            "(of_question_text_id IS NULL) <> (of_answer_text_id IS NULL)", name=op.f("ck_translators_of_one_text")
        ),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_translators_answer_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_translators_newsletter_id")),
        sa.ForeignKeyConstraint(
            ["of_answer_text_id"], ["answer_texts.id"], name=op.f("fk_translators_of_answer_text_id")
        ),
        sa.ForeignKeyConstraint(
            ["of_question_text_id"], ["question_texts.id"], name=op.f("fk_translators_of_question_text_id")
        ),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_translators_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_translators")),
        sa.UniqueConstraint("public_id", name=op.f("uq_translators_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_translators_newsletter_id_state_at"), "translators", ["newsletter_id", "state_at"], unique=False
    )
    op.create_index(op.f("ix_translators_of_answer_text_id"), "translators", ["of_answer_text_id"], unique=False)
    op.create_index(op.f("ix_translators_of_question_text_id"), "translators", ["of_question_text_id"], unique=False)
    op.create_index(op.f("ix_translators_question_id_id"), "translators", ["question_id", "id"], unique=False)
    op.create_index(
        "uq_translators_answer",
        "translators",
        ["answer_id", "language"],
        unique=True,
        postgresql_where=sa.text("answer_id IS NOT NULL AND state IN ('invited', 'handed in')"),
        sqlite_where=sa.text("answer_id IS NOT NULL AND state IN ('invited', 'handed in')"),
    )
    op.create_index(
        "uq_translators_question",
        "translators",
        ["question_id", "language"],
        unique=True,
        postgresql_where=sa.text("answer_id IS NULL AND state IN ('invited', 'handed in')"),
        sqlite_where=sa.text("answer_id IS NULL AND state IN ('invited', 'handed in')"),
    )
    op.create_table(
        "translator_drafts",
        sa.Column("translator_id", sa.Integer(), nullable=False),
        sa.Column("tab", sa.String(length=40), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["translator_id"], ["translators.id"], name=op.f("fk_translator_drafts_translator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_translator_drafts")),
        sa.UniqueConstraint("translator_id", "tab", name=op.f("uq_translator_drafts_translator_id_tab")),
        sqlite_autoincrement=True,
    )
    with made_anew("links") as batch:
        batch.add_column(sa.Column("translator_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            op.f("fk_links_translator_id"), "translators", ["translator_id"], ["id"], ondelete="CASCADE"
        )
        batch.drop_constraint(op.f("ck_links_opens_one"), type_="check")
        batch.create_check_constraint(op.f("ck_links_opens_one"), OPENS_ONE)
    op.create_index(op.f("ix_links_translator_id"), "links", ["translator_id"])


def downgrade() -> None:
    op.execute("DELETE FROM links WHERE translator_id IS NOT NULL")
    op.drop_index(op.f("ix_links_translator_id"), table_name="links")
    with made_anew("links") as batch:
        batch.drop_constraint(op.f("ck_links_opens_one"), type_="check")
        batch.create_check_constraint(op.f("ck_links_opens_one"), "(assignment_id IS NULL) <> (letter_id IS NULL)")
        batch.drop_constraint(op.f("fk_links_translator_id"), type_="foreignkey")
        batch.drop_column("translator_id")
    op.drop_table("translator_drafts")
    op.drop_table("translators")
