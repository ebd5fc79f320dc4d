"""Translations of wordings and answers, those that ran, and what a machine of the newsroom made of letters."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "item_translations",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["edition_items.id"], name=op.f("fk_item_translations_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_translations")),
        sa.UniqueConstraint("item_id", "language", "number", name=op.f("uq_item_translations_item_id_language_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "machine_translations",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.String(length=20), nullable=True),
        sa.Column("found_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "(found_sealed IS NULL) = (key_no IS NULL)", name=op.f("ck_machine_translations_found_whole")
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (ended_at IS NOT NULL), TRUE) OR COALESCE((found_sealed IS NULL) <> (fault IS NULL), FALSE)",
            name=op.f("ck_machine_translations_ended_says_how"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (found_sealed IS NOT NULL), TRUE) OR COALESCE(sent_at IS NOT NULL, FALSE)",
            name=op.f("ck_machine_translations_ended_was_sent"),
        ),
        sa.ForeignKeyConstraint(["asked_by_id"], ["people.id"], name=op.f("fk_machine_translations_asked_by_id")),
        sa.ForeignKeyConstraint(
            ["letter_id"], ["letters.id"], name=op.f("fk_machine_translations_letter_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_translations")),
        sa.UniqueConstraint("letter_id", name=op.f("uq_machine_translations_letter_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_machine_translations_asked",
        "machine_translations",
        ["id"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL AND ended_at IS NULL"),
        sqlite_where=sa.text("sent_at IS NULL AND ended_at IS NULL"),
    )

    op.create_table(
        "translations",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("of_question_text_id", sa.Integer(), nullable=True),
        sa.Column("of_answer_text_id", sa.Integer(), nullable=True),
        sa.Column("headline", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("credit_line", sa.String(length=400), nullable=False),
        sa.Column("relation", sa.String(length=400), nullable=False),
        sa.Column("ties", sa.Text(), nullable=False),
        sa.Column("translator", sa.String(length=200), nullable=False),
        sa.Column("is_credited", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by_id", sa.Integer(), nullable=True),
        sa.Column("approved_by_id", sa.Integer(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unread_reason", sa.String(length=400), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'approved'), TRUE) OR COALESCE(approved_by_id IS NOT NULL, FALSE)",
            name=op.f("ck_translations_approved_says_by_whom"),
        ),
        sa.CheckConstraint("state IN ('draft', 'approved', 'dropped')", name=op.f("ck_translations_state_known")),
        sa.CheckConstraint(
            "(answer_id IS NULL) = (of_answer_text_id IS NULL)", name=op.f("ck_translations_of_text_of_its_noun")
        ),
        sa.CheckConstraint(
            "(of_question_text_id IS NULL) <> (of_answer_text_id IS NULL)", name=op.f("ck_translations_of_one_text")
        ),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_translations_answer_id")),
        sa.ForeignKeyConstraint(["approved_by_id"], ["people.id"], name=op.f("fk_translations_approved_by_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_translations_newsletter_id")),
        sa.ForeignKeyConstraint(
            ["of_answer_text_id"], ["answer_texts.id"], name=op.f("fk_translations_of_answer_text_id")
        ),
        sa.ForeignKeyConstraint(
            ["of_question_text_id"], ["question_texts.id"], name=op.f("fk_translations_of_question_text_id")
        ),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_translations_question_id")),
        sa.ForeignKeyConstraint(["written_by_id"], ["people.id"], name=op.f("fk_translations_written_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_translations")),
        sa.UniqueConstraint("public_id", name=op.f("uq_translations_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_translations_of_answer_text_id"), "translations", ["of_answer_text_id"], unique=False)
    op.create_index(op.f("ix_translations_of_question_text_id"), "translations", ["of_question_text_id"], unique=False)
    op.create_index(
        op.f("ix_translations_question_id_state_language"),
        "translations",
        ["question_id", "state", "language"],
        unique=False,
    )
    op.create_index(
        "uq_translations_answer",
        "translations",
        ["answer_id", "language"],
        unique=True,
        postgresql_where=sa.text("answer_id IS NOT NULL"),
        sqlite_where=sa.text("answer_id IS NOT NULL"),
    )
    op.create_index(
        "uq_translations_question",
        "translations",
        ["question_id", "language"],
        unique=True,
        postgresql_where=sa.text("answer_id IS NULL"),
        sqlite_where=sa.text("answer_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("translations")
    op.drop_table("machine_translations")
    op.drop_table("item_translations")
