"""The sites that may show a newsletter's frames."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("newsletters", sa.Column("framed_by", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with made_anew("newsletters") as batch:
        batch.drop_column("framed_by")
