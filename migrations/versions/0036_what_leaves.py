"""Indexes along which letters that have had their time are found, the oldest first."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def rows_where(rule: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(rule), "sqlite_where": sa.text(rule)}


UNFILED = rows_where("erased_at IS NULL AND state <> 'filed'")
FILED = rows_where("erased_at IS NULL AND state = 'filed'")
CLOSED = rows_where("state = 'closed'")


def upgrade() -> None:
    op.drop_index("ix_letters_with_words", table_name="letters")
    stood = ["state_at", "id"]
    op.create_index("ix_letters_with_words", "letters", ["newsletter_id", "author", "state", *stood], **UNFILED)
    op.create_index("ix_letters_filed_with_words", "letters", ["newsletter_id", "author", "filed_as", *stood], **FILED)
    op.create_index("ix_questions_closed", "questions", ["newsletter_id", *stood], **CLOSED)


def downgrade() -> None:
    op.drop_index("ix_questions_closed", table_name="questions")
    op.drop_index("ix_letters_filed_with_words", table_name="letters")
    op.drop_index("ix_letters_with_words", table_name="letters")
    some = rows_where("erased_at IS NULL")
    op.create_index("ix_letters_with_words", "letters", ["newsletter_id", "state", "state_at"], **some)
