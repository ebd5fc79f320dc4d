"""Corrections of what ran; what readers see since stands beside what was sent, and an edition has a hash."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "corrections",
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Text(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=True),
        sa.Column("runs", sa.Boolean(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("(erased_at IS NULL) = (wrong <> '')", name=op.f("ck_corrections_erased_has_no_words")),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_corrections_edition_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["people.id"], name=op.f("fk_corrections_made_by_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_corrections_newsletter_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_corrections_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("public_id", name=op.f("uq_corrections_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_newest", "corrections", ["newsletter_id", "made_at", "id"])
    op.create_index(op.f("ix_corrections_question_id_id"), "corrections", ["question_id", "id"])
    op.create_index(op.f("ix_corrections_edition_id"), "corrections", ["edition_id"])
    waiting = sa.text("runs AND edition_id IS NULL")
    op.create_index(
        "ix_corrections_waiting", "corrections", ["newsletter_id"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.add_column("edition_items", sa.Column("mended", sa.JSON(none_as_null=True), nullable=True))
    for column in ("mended_at", "erased_at"):
        op.add_column("edition_items", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    mended = sa.text("mended_at IS NOT NULL")
    op.create_index(
        "ix_edition_items_mended", "edition_items", ["mended_at", "id"], sqlite_where=mended, postgresql_where=mended
    )
    op.add_column("editions", sa.Column("sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with made_anew("editions") as batch:
        batch.drop_column("sha256")
    op.drop_index("ix_edition_items_mended", "edition_items")
    with made_anew("edition_items") as batch:
        for column in ("erased_at", "mended_at", "mended"):
            batch.drop_column(column)
    op.drop_table("corrections")
