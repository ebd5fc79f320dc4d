"""Insights: a newsletter's weeks in figures, and the indexes that counting a week and the dates of the builder walk."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OF_EXPERTS = sa.text("assignment_id IS NOT NULL")
MUST_RUN = sa.text("must_run_by IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "counted_weeks",
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_counted_weeks_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_weeks")),
        sa.UniqueConstraint("newsletter_id", "begins", name=op.f("uq_counted_weeks_newsletter_id_begins")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_letters_newsletter_id_received_at"), "letters", ["newsletter_id", "received_at"])
    op.create_index(op.f("ix_assignments_newsletter_id_invited_at"), "assignments", ["newsletter_id", "invited_at"])
    op.create_index(
        "ix_letters_of_experts", "letters", ["newsletter_id", "state", "id"],
        sqlite_where=OF_EXPERTS, postgresql_where=OF_EXPERTS,
    )  # fmt: skip
    op.create_index(
        "ix_questions_must_run", "questions", ["newsletter_id", "must_run_by"],
        sqlite_where=MUST_RUN, postgresql_where=MUST_RUN,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_questions_must_run", table_name="questions")
    op.drop_index("ix_letters_of_experts", table_name="letters")
    op.drop_index(op.f("ix_assignments_newsletter_id_invited_at"), table_name="assignments")
    op.drop_index(op.f("ix_letters_newsletter_id_received_at"), table_name="letters")
    op.drop_table("counted_weeks")
