"""Several browsers wait for one mail with a way in, and a device that is known gets one of its own at once. The desk's
people may have second factors."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

PASSKEY = "COALESCE(NOT (kind = 'passkey'), TRUE) OR COALESCE(credential IS NOT NULL AND public_key IS NOT NULL, FALSE)"
RECOVERY = "COALESCE(NOT (kind = 'recovery'), TRUE) OR COALESCE(code_mac IS NOT NULL, FALSE)"


def upgrade() -> None:
    with made_anew("sign_ins") as batch:
        batch.add_column(sa.Column("mail_due_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("is_known", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.drop_constraint(op.f("uq_sign_ins_link_mac"), type_="unique")
        batch.create_index(op.f("ix_sign_ins_link_mac"), ["link_mac"])
    op.add_column("sessions", sa.Column("second_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "factors",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credential", sa.LargeBinary(), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("sign_count", sa.BigInteger(), nullable=True),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=True),
        sa.Column("code_mac", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.CheckConstraint("kind IN ('passkey', 'app', 'recovery')", name=op.f("ck_factors_kind_known")),
        sa.CheckConstraint(PASSKEY, name=op.f("ck_factors_passkey_whole")),
        sa.CheckConstraint(RECOVERY, name=op.f("ck_factors_recovery_whole")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_factors_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
        sa.UniqueConstraint("credential", name=op.f("uq_factors_credential")),
        sa.UniqueConstraint("public_id", name=op.f("uq_factors_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_factors_person_id"), "factors", ["person_id"])


def downgrade() -> None:
    op.drop_table("factors")
    with made_anew("sessions") as batch:
        batch.drop_column("second_at")
    # Links that several browsers wait for end with it; whoever holds one asks again.
    op.execute("DELETE FROM sign_ins WHERE mail_due_at IS NOT NULL")
    with made_anew("sign_ins") as batch:
        batch.drop_index(op.f("ix_sign_ins_link_mac"))
        batch.create_unique_constraint(op.f("uq_sign_ins_link_mac"), ["link_mac"])
        batch.drop_column("is_known")
        batch.drop_column("mail_due_at")
