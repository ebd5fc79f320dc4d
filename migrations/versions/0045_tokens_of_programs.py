"""Tokens with which programs read a desk, and indexes for their lists."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("acts", sa.JSON(), nullable=False),
        sa.Column("token_mac", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_api_tokens_newsletter_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_api_tokens_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_tokens_public_id")),
        sa.UniqueConstraint("token_mac", name=op.f("uq_api_tokens_token_mac")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_api_tokens_newsletter_id_id"), "api_tokens", ["newsletter_id", "id"])
    op.create_index(op.f("ix_api_tokens_person_id"), "api_tokens", ["person_id"])
    for table in ("answers", "translations"):
        op.create_index(op.f(f"ix_{table}_newsletter_id_state_id"), table, ["newsletter_id", "state", "id"])


def downgrade() -> None:
    for table in ("answers", "translations"):
        op.drop_index(op.f(f"ix_{table}_newsletter_id_state_id"), table)
    op.drop_table("api_tokens")
