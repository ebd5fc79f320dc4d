"""Add the published level of each question's readers, and delete the signs of letters that depend on the moment.

Letters that were held for these signs alone stay held, for a reason that says so. Those of today keep their signs until
the night.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

MOMENT_SIGNS = {"flood", "many alike", "one site", "alike", "fast"}
HELD_THAT_DAY = "day"
LETTERS = sa.table(
    "letters",
    sa.column("id", sa.Integer),
    sa.column("state", sa.String),
    sa.column("held_reason", sa.String),
    sa.column("signs", sa.JSON),
    sa.column("received_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.add_column("questions", sa.Column("asker_level", sa.Integer(), server_default="0", nullable=False))
    connection = op.get_bind()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if connection.dialect.name == "sqlite":
        today = today.replace(tzinfo=None)
    marked = sa.or_(LETTERS.c.held_reason.is_not(None), sa.cast(LETTERS.c.signs, sa.Text) != "[]")
    for row in connection.execute(sa.select(LETTERS).where(marked, LETTERS.c.received_at < today)).all():
        signs = [code for code in row.signs if code not in MOMENT_SIGNS]
        reason = None if row.held_reason in MOMENT_SIGNS else row.held_reason
        if row.state == "held":
            signs = signs or [HELD_THAT_DAY]
            reason = reason or signs[0]
        if (signs, reason) != (row.signs, row.held_reason):
            connection.execute(sa.update(LETTERS).where(LETTERS.c.id == row.id).values(signs=signs, held_reason=reason))


def downgrade() -> None:
    op.drop_column("questions", "asker_level")
