"""Each draft of an expert or a translator records the drafts that its page had shown."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TABLES = ("drafts", "translator_drafts")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("known_counts", sa.JSON(), nullable=False, server_default="{}"))
        with made_anew(table) as batch:
            batch.alter_column("known_counts", server_default=None)


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "known_counts")
