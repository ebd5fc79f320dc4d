"""Experts can have a page, at each newsletter for itself, with their yes."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expert_pages",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by_id", sa.Integer(), nullable=True),
        sa.Column("how", sa.String(length=400), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("(noted_by_id IS NULL) = (how IS NULL)", name=op.f("ck_expert_pages_noted_is_whole")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_expert_pages_expert_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_expert_pages_newsletter_id")),
        sa.ForeignKeyConstraint(["noted_by_id"], ["people.id"], name=op.f("fk_expert_pages_noted_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert_pages")),
        sa.UniqueConstraint("expert_id", "newsletter_id", name=op.f("uq_expert_pages_expert_id_newsletter_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_expert_pages_public_id")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("expert_pages")
