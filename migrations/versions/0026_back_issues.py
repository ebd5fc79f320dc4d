"""What was imported from a back issue is known by its words."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("edition_items", sa.Column("found_sha256", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_edition_items_found_sha256"), "edition_items", ["found_sha256"])


def downgrade() -> None:
    op.drop_index(op.f("ix_edition_items_found_sha256"), "edition_items")
    with made_anew("edition_items") as batch:
        batch.drop_column("found_sha256")
