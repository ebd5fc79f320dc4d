"""A version of what readers see, for each newsletter; app/db/public_version.py has the triggers that change it."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "public_versions",
        sa.Column("newsletter_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_public_versions_newsletter_id")),
        sa.PrimaryKeyConstraint("newsletter_id", name=op.f("pk_public_versions")),
    )
    with made_anew("newsletters") as batch:
        batch.drop_column("public_version")


def downgrade() -> None:
    op.add_column("newsletters", sa.Column("public_version", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("newsletters") as batch:
        batch.alter_column("public_version", server_default=None)
    op.drop_table("public_versions")
