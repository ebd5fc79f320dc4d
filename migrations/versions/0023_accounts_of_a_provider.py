"""The desk's people may come in by accounts of the newsroom's own provider."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("subject_mac", sa.LargeBinary(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_identities_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("person_id", name=op.f("uq_identities_person_id")),
        sa.UniqueConstraint("subject_mac", name=op.f("uq_identities_subject_mac")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("identities")
