"""Add the photos of experts, and their consents to show them to readers."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

LICENCES = "licence IN ('permission', 'own', 'press', 'cc-by', 'cc-by-sa', 'cc0', 'other')"


def upgrade() -> None:
    op.create_table(
        "expert_photos",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("photographer", sa.String(200), nullable=False),
        sa.Column("licence", sa.String(20), nullable=False),
        sa.Column("terms", sa.String(200), server_default="", nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(LICENCES, name=op.f("ck_expert_photos_licence_known")),
        sa.CheckConstraint("photographer <> ''", name=op.f("ck_expert_photos_has_photographer")),
        sa.CheckConstraint("licence <> 'other' OR terms <> ''", name=op.f("ck_expert_photos_other_has_terms")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_expert_photos_expert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert_photos")),
        sa.UniqueConstraint("public_id", name=op.f("uq_expert_photos_public_id")),
        sa.UniqueConstraint("expert_id", name=op.f("uq_expert_photos_expert_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shown_photos",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("photographer", sa.String(200), nullable=False),
        sa.Column("licence", sa.String(20), nullable=False),
        sa.Column("terms", sa.String(200), server_default="", nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(LICENCES, name=op.f("ck_shown_photos_licence_known")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_shown_photos_newsletter_id")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_shown_photos_expert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown_photos")),
        sa.UniqueConstraint("public_id", name=op.f("uq_shown_photos_public_id")),
        sa.UniqueConstraint("expert_id", "newsletter_id", name=op.f("uq_shown_photos_expert_id_newsletter_id")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("shown_photos")
    op.drop_table("expert_photos")
