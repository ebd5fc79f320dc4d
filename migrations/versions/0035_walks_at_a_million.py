"""Indexes for what walked along all assignments, editions, links, letters or questions once there are many."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

OF_A_LETTER = sa.text("letter_id IS NOT NULL")
SHOWN = sa.text("shown_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(op.f("ix_assignments_newsletter_id_state_id"), "assignments", ["newsletter_id", "state", "id"])
    op.create_index(op.f("ix_assignments_expert_id_id"), "assignments", ["expert_id", "id"])
    op.create_index(op.f("ix_editions_newsletter_id_runs_at_id"), "editions", ["newsletter_id", "runs_at", "id"])
    op.create_index(op.f("ix_additions_added_at"), "additions", ["added_at"])
    some: dict[str, Any] = {"postgresql_where": OF_A_LETTER, "sqlite_where": OF_A_LETTER}
    op.create_index("ix_links_letter_id", "links", ["letter_id"], **some)
    some = {"postgresql_where": SHOWN, "sqlite_where": SHOWN}
    op.create_index("ix_questions_shown", "questions", ["newsletter_id", "id"], **some)


def downgrade() -> None:
    op.drop_index("ix_questions_shown", table_name="questions")
    op.drop_index("ix_links_letter_id", table_name="links")
    op.drop_index(op.f("ix_additions_added_at"), table_name="additions")
    op.drop_index(op.f("ix_editions_newsletter_id_runs_at_id"), table_name="editions")
    op.drop_index(op.f("ix_assignments_expert_id_id"), table_name="assignments")
    op.drop_index(op.f("ix_assignments_newsletter_id_state_id"), table_name="assignments")
