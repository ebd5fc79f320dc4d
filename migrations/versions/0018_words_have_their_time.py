"""Newsletters say how long words are kept; no letter has a day of its own for it."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DAYS = {"spam_days": "30", "idle_days": "183", "ran_days": "365", "draft_days": "365", "expert_mail_days": "365"}
WITH_WORDS = sa.text("erased_at IS NULL")


def upgrade() -> None:
    with made_anew("newsletters") as batch:
        for column, days in DAYS.items():
            batch.add_column(sa.Column(column, sa.Integer(), nullable=False, server_default=days))
    op.drop_index("ix_letters_erase_on_id", table_name="letters")
    with made_anew("letters") as batch:
        batch.drop_column("erase_on")
    op.create_index(
        "ix_letters_with_words",
        "letters",
        ["newsletter_id", "state", "state_at"],
        postgresql_where=WITH_WORDS,
        sqlite_where=WITH_WORDS,
    )


def downgrade() -> None:
    op.drop_index("ix_letters_with_words", table_name="letters")
    with made_anew("letters") as batch:
        batch.add_column(sa.Column("erase_on", sa.Date(), nullable=True))
    op.create_index("ix_letters_erase_on_id", "letters", ["erase_on", "id"])
    with made_anew("newsletters") as batch:
        for column in DAYS:
            batch.drop_column(column)
