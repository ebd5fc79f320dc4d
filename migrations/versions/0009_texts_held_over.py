"""Texts that their question ran without are held over, and mails say how many others an expert was told of.

A question with an approved answer is ready to run, also while others are asked: those that were "seeking" are
"answered".
"""

import sqlalchemy as sa
from alembic import op

from migrations.checks import change_checks

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATES = "state IN ('draft', 'submitted', 'edited', 'checking', 'approved', %s'withdrawn')"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("asked_others", sa.Integer(), nullable=True))
    change_checks("answers", {"state_known": STATES % "'held over', "})
    op.execute(
        "UPDATE questions SET state = 'answered' WHERE state = 'seeking' AND EXISTS "
        "(SELECT 1 FROM answers WHERE answers.question_id = questions.id AND answers.state = 'approved')"
    )


def downgrade() -> None:
    op.execute("UPDATE answers SET state = 'withdrawn' WHERE state = 'held over'")
    change_checks("answers", {"state_known": STATES % ""})
    op.drop_column("outbox", "asked_others")
