"""Editions become drafts in the tool that sends: the tool of a newsletter, and what was handed to it."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TOOLS = "'ghost', 'listmonk', 'buttondown', 'mailchimp'"
HANDED = (
    "'', 'made', 'brought', 'anew', 'unready', 'no tool', 'sealed', "
    "'key', 'address', 'inward', 'refused', 'large', 'sent', 'away', 'quota', 'meanwhile'"
)


def upgrade() -> None:
    op.create_table(
        "sending_tools",
        sa.Column("tool", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("desk", sa.String(length=200), nullable=False),
        sa.Column("audience", sa.String(length=100), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"tool IN ({TOOLS})", name=op.f("ck_sending_tools_tool_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_sending_tools_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_tools")),
        sa.UniqueConstraint("newsletter_id", name=op.f("uq_sending_tools_newsletter_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sending_tools_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "handed_drafts",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("tool", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("their_id", sa.String(length=64), nullable=False),
        sa.Column("link", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("pressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("said", sa.String(length=20), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"said IN ({HANDED})", name=op.f("ck_handed_drafts_said_known")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_handed_drafts_attempts_counted")),
        sa.CheckConstraint(
            "COALESCE(NOT (leased_until IS NOT NULL), TRUE) OR COALESCE(due_at IS NOT NULL, FALSE)",
            name=op.f("ck_handed_drafts_lease_is_due"),
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name=op.f("fk_handed_drafts_edition_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handed_drafts")),
        sa.UniqueConstraint("edition_id", name=op.f("uq_handed_drafts_edition_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_handed_drafts_due",
        "handed_drafts",
        ["due_at", "id"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("handed_drafts")
    op.drop_table("sending_tools")
