"""No page shows experts to the public, and nobody is asked whether they want to stand on it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("experts", "on_public_page")


def downgrade() -> None:
    op.add_column("experts", sa.Column("on_public_page", sa.Boolean(), nullable=False, server_default=sa.false()))
