"""Newsletters pause and come to their end, and keep their former short names; their first steps can be put away. What
an editor forwards becomes a letter with a note.

A newsletter that has sent an edition has its first steps behind it.
"""

import sqlalchemy as sa
from alembic import op

from migrations.checks import change_checks, made_anew

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ERASED = "(erased_at IS NULL) = (body IS NOT NULL) AND (erased_at IS NULL OR (background IS NULL%s))"
STATE = "state IN ('running', 'paused', 'closed')"
BEGUN = (
    "UPDATE newsletters SET steps_hidden_at = CURRENT_TIMESTAMP WHERE EXISTS "
    "(SELECT 1 FROM editions WHERE editions.newsletter_id = newsletters.id AND editions.state = 'sent')"
)


def upgrade() -> None:
    op.create_table(
        "former_names",
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_former_names_newsletter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_names")),
        sa.UniqueConstraint("slug", name=op.f("uq_former_names_slug")),
        sqlite_autoincrement=True,
    )
    with made_anew("newsletters") as batch:
        batch.add_column(sa.Column("state", sa.String(length=20), nullable=False, server_default="running"))
        batch.add_column(sa.Column("state_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("paused_until", sa.Date(), nullable=True))
        batch.add_column(sa.Column("steps_hidden_at", sa.DateTime(timezone=True), nullable=True))
        batch.create_check_constraint(op.f("ck_newsletters_state_known"), STATE)
    op.execute(BEGUN)
    with made_anew("letters") as batch:
        batch.add_column(sa.Column("desk_note", sa.Text(), nullable=True))
        batch.add_column(sa.Column("forwarded_by_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(op.f("fk_letters_forwarded_by_id"), "people", ["forwarded_by_id"], ["id"])
    change_checks("letters", {"erased_has_no_words": ERASED % " AND desk_note IS NULL"})


def downgrade() -> None:
    change_checks("letters", {"erased_has_no_words": ERASED % ""})
    with made_anew("letters") as batch:
        batch.drop_constraint(op.f("fk_letters_forwarded_by_id"), type_="foreignkey")
        batch.drop_column("forwarded_by_id")
        batch.drop_column("desk_note")
    with made_anew("newsletters") as batch:
        batch.drop_constraint(op.f("ck_newsletters_state_known"), type_="check")
        for column in ("state", "state_at", "paused_until", "steps_hidden_at"):
            batch.drop_column(column)
    op.drop_table("former_names")
