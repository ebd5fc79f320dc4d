"""Other programs hear what happens at a desk: their addresses, and what each is told."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "programs",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("former_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.Column("secret_shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("former_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.String(length=20), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("(paused_by = '') = (paused_at IS NULL)", name=op.f("ck_programs_paused_says_when")),
        sa.CheckConstraint(
            "COALESCE(NOT (former_sealed IS NOT NULL), TRUE) OR COALESCE(former_until IS NOT NULL, FALSE)",
            name=op.f("ck_programs_former_says_until"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (kind = 'webhook'), TRUE) OR COALESCE(secret_sealed IS NOT NULL, FALSE)",
            name=op.f("ck_programs_webhook_is_signed"),
        ),
        sa.CheckConstraint("kind IN ('webhook', 'slack', 'mattermost', 'matrix')", name=op.f("ck_programs_kind_known")),
        sa.CheckConstraint("paused_by IN ('', 'desk', 'failed', 'gone')", name=op.f("ck_programs_paused_by_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_programs_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programs")),
        sa.UniqueConstraint("public_id", name=op.f("uq_programs_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_programs_newsletter_id_id"), "programs", ["newsletter_id", "id"])
    op.create_table(
        "program_deliveries",
        sa.Column("program_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took", sa.Integer(), nullable=True),
        sa.Column("said", sa.String(length=120), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_program_deliveries_edition_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_program_deliveries_program_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_program_deliveries_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program_deliveries")),
        sa.UniqueConstraint("public_id", name=op.f("uq_program_deliveries_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_program_deliveries_happened_at"), "program_deliveries", ["happened_at"])
    op.create_index(op.f("ix_program_deliveries_program_id_id"), "program_deliveries", ["program_id", "id"])
    op.create_index(
        "ix_program_deliveries_waiting",
        "program_deliveries",
        ["program_id", "due_at", "id"],
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("program_deliveries")
    op.drop_table("programs")
