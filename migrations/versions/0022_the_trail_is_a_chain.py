"""The chain over the trail. The worker takes in what is there; until it has, nothing of it is in the chain."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chain_links",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_chain_links_number_counts")),
        sa.CheckConstraint("drawn <= 0", name=op.f("ck_chain_links_drawn_is_drawn")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_chain_links")),
    )


def downgrade() -> None:
    op.drop_table("chain_links")
