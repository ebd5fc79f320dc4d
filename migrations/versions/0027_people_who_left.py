"""People who left: how long a newsletter keeps what is known of them, and when an expert is deleted."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column, days in (("expert_days", "1826"), ("staff_days", "365")):
        op.add_column("newsletters", sa.Column(column, sa.Integer(), nullable=False, server_default=days))
    for column in ("leaves_at", "erased_at"):
        op.add_column("experts", sa.Column(column, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with made_anew("experts") as batch:
        batch.drop_column("erased_at")
        batch.drop_column("leaves_at")
    with made_anew("newsletters") as batch:
        batch.drop_column("staff_days")
        batch.drop_column("expert_days")
