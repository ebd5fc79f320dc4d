"""Several browsers wait for one mail with a way in, and a device that is known gets one of its own at once."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0020"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with made_anew("sign_ins") as batch:
        batch.add_column(sa.Column("mail_due_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("is_known", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.drop_constraint(op.f("uq_sign_ins_link_mac"), type_="unique")
        batch.create_index(op.f("ix_sign_ins_link_mac"), ["link_mac"])


def downgrade() -> None:
    # Links that several browsers wait for end with it; whoever holds one asks again.
    op.execute("DELETE FROM sign_ins WHERE mail_due_at IS NOT NULL")
    with made_anew("sign_ins") as batch:
        batch.drop_index(op.f("ix_sign_ins_link_mac"))
        batch.create_unique_constraint(op.f("uq_sign_ins_link_mac"), ["link_mac"])
        batch.drop_column("is_known")
        batch.drop_column("mail_due_at")
