"""Which of a person's addresses a mail went to, so that what came back from an old one says nothing of the new one."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

OPEN = sa.text("email_sealed IS NOT NULL")
WITH_PERSON = sa.text("person_id IS NOT NULL")


def upgrade() -> None:
    for table in ("people", "outbox"):
        op.add_column(table, sa.Column("address_no", sa.Integer(), server_default="1", nullable=False))
    op.create_index(
        "ix_outbox_person_id", "outbox", ["person_id", "id"], postgresql_where=WITH_PERSON, sqlite_where=WITH_PERSON
    )
    op.create_index("ix_translators_open", "translators", ["id"], postgresql_where=OPEN, sqlite_where=OPEN)


def downgrade() -> None:
    op.drop_index("ix_translators_open", table_name="translators")
    op.drop_index("ix_outbox_person_id", table_name="outbox")
    for table in ("outbox", "people"):
        op.drop_column(table, "address_no")
