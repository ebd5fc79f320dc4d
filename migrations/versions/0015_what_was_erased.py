"""A list of what was erased, as keyed hashes, so that a restored backup can be brought up to it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("mac", name=op.f("uq_erasures_mac")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("erasures")
