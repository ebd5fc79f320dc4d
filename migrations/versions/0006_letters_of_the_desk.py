"""Letters in lists: an index for each filter, and whether something likely asks the same."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Name, columns, and of which rows it is kept.
INDEXES = (
    ("ix_letters_newsletter_id_channel_state_id", ("newsletter_id", "channel", "state", "id"), None),
    ("ix_letters_newsletter_id_language_state_id", ("newsletter_id", "language", "state", "id"), None),
    ("ix_letters_newsletter_id_state_received_at_id", ("newsletter_id", "state", "received_at", "id"), None),
    ("ix_letters_edition", ("about_edition_id", "state", "id"), "about_edition_id IS NOT NULL"),
    ("ix_letters_filed", ("newsletter_id", "filed_as", "state", "id"), "filed_as IS NOT NULL"),
    ("ix_letters_held", ("newsletter_id", "held_reason", "id"), "state = 'held'"),
    ("ix_letters_alike", ("newsletter_id", "state", "id"), "alike = 1"),
    ("ix_letters_unlooked", ("id",), "alike IS NULL AND state = 'received'"),
)


def upgrade() -> None:
    op.add_column("letters", sa.Column("alike", sa.Boolean()))
    for name, columns, rows in INDEXES:
        kept = {"sqlite_where": sa.text(rows), "postgresql_where": sa.text(rows.replace(" = 1", ""))} if rows else {}
        op.create_index(name, "letters", list(columns), **kept)


def downgrade() -> None:
    for name, _columns, _rows in reversed(INDEXES):
        op.drop_index(name, "letters")
    op.drop_column("letters", "alike")
