"""Sign-ins of the newsroom's mail accounts by token."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_sign_ins",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("token_url", sa.String(length=400), nullable=False),
        sa.Column("refresh_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("access_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("good_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.String(length=20), nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.CheckConstraint("fault IN ('', 'out', 'settings', 'away')", name=op.f("ck_mail_sign_ins_fault_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_sign_ins")),
        sa.UniqueConstraint("account", name=op.f("uq_mail_sign_ins_account")),
        sa.UniqueConstraint("public_id", name=op.f("uq_mail_sign_ins_public_id")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("mail_sign_ins")
