"""Indexes for what the desk's pages ask, where 100,000 questions showed that a list was sorted or a table walked.

An expert's own list, what they have on their desk and what their answers ran in, and who was asked last at a newsletter.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = (
    ("assignments", ("newsletter_id", "id")),
    ("assignments", ("newsletter_id", "expert_id", "id")),
    ("assignments", ("expert_id", "state", "id")),
    ("answers", ("expert_id", "state", "question_id")),
)


def upgrade() -> None:
    for table, columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def downgrade() -> None:
    for table, columns in reversed(INDEXES):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table_name=table)
