"""A wording that was cleared although it is still a reader's own words says why."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("question_texts", sa.Column("own_words_reason", sa.String(length=400), nullable=True))


def downgrade() -> None:
    op.drop_column("question_texts", "own_words_reason")
