"""An objection to an approved or published text is open until the desk has settled it."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

IS_OPEN = "outcome = 'wrong' AND settled_at IS NULL"


def upgrade() -> None:
    op.add_column("checks", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
    # Until now a text was approved in spite of its objection, or after another one.
    op.execute(
        "UPDATE checks SET settled_at = ended_at WHERE outcome = 'wrong' AND EXISTS"
        " (SELECT 1 FROM answers WHERE answers.id = checks.answer_id AND answers.state = 'approved')"
    )
    where = {"postgresql_where": sa.text(IS_OPEN), "sqlite_where": sa.text(IS_OPEN)}
    op.create_index("ix_checks_objections", "checks", ["answer_id"], **where)


def downgrade() -> None:
    op.drop_index("ix_checks_objections", table_name="checks")
    op.drop_column("checks", "settled_at")
