"""Notes that the desk leaves at a reader's receipt; the onion address of a newsletter, and a way to leave its pages."""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt_notes",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("left_by_id", sa.Integer(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("addition_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["addition_id"], ["additions.id"], name=op.f("fk_receipt_notes_addition_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["left_by_id"], ["people.id"], name=op.f("fk_receipt_notes_left_by_id")),
        sa.ForeignKeyConstraint(
            ["letter_id"], ["letters.id"], name=op.f("fk_receipt_notes_letter_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_notes")),
        sa.UniqueConstraint("addition_id", name=op.f("uq_receipt_notes_addition_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_receipt_notes_letter_id_id"), "receipt_notes", ["letter_id", "id"])
    for column in ("onion", "leave_to"):
        op.add_column("newsletters", sa.Column(column, sa.String(length=200), nullable=False, server_default=""))


def downgrade() -> None:
    with made_anew("newsletters") as batch:
        batch.drop_column("leave_to")
        batch.drop_column("onion")
    op.drop_table("receipt_notes")
