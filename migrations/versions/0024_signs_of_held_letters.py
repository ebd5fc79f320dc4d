"""All signs for which a letter was held; crowds among the letters that came in unheld, and their indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

LIKE_MANY, UNPLACED = sa.text("state = 'received' AND crowd <> 0"), sa.text("state = 'received' AND standing = 0")


def upgrade() -> None:
    op.add_column("letters", sa.Column("signs", sa.JSON(), nullable=False, server_default="[]"))
    op.create_index(
        "ix_letters_like_many",
        "letters",
        ["newsletter_id", "crowd", "received_at", "id"],
        sqlite_where=LIKE_MANY,
        postgresql_where=LIKE_MANY,
    )
    op.create_index(
        "ix_letters_unplaced",
        "letters",
        ["newsletter_id", "received_at"],
        sqlite_where=UNPLACED,
        postgresql_where=UNPLACED,
    )


def downgrade() -> None:
    op.drop_index("ix_letters_unplaced", "letters")
    op.drop_index("ix_letters_like_many", "letters")
    op.drop_column("letters", "signs")
