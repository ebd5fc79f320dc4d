"""Limit how long the words behind open questions are kept, and add the day on which they are erased."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_letters_announced": (["newsletter_id", "erase_on", "id"], "erased_at IS NULL AND erase_on IS NOT NULL"),
    "ix_letters_unannounced": (
        ["newsletter_id", "received_at", "id"],
        "erased_at IS NULL AND erase_on IS NULL AND filed_as = 'question'",
    ),
}


def upgrade() -> None:
    op.add_column("newsletters", sa.Column("open_days", sa.Integer(), server_default="365", nullable=False))
    op.add_column("letters", sa.Column("erase_on", sa.Date()))
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "letters", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "letters")
    op.drop_column("letters", "erase_on")
    op.drop_column("newsletters", "open_days")
