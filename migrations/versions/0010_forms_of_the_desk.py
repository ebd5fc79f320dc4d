"""Forms of the desk: the key of each press, and what was typed and not sent yet."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OF_SOMEBODY = (("person_id", "people", "CASCADE"), ("newsletter_id", "newsletters", None))
INDEXES = (
    ("form_drafts", ("person_id",)),
    ("form_drafts", ("form", "saved_at")),
    ("form_drafts", ("saved_at",)),
    ("press_keys", ("person_id",)),
    ("press_keys", ("form_digest",)),
    ("press_keys", ("at",)),
)


def _table(name: str, *columns: sa.schema.SchemaItem) -> None:
    """A table whose rows are somebody's at a newsletter's desk."""
    owners = [
        part
        for column, table, ondelete in OF_SOMEBODY
        for part in (
            sa.Column(column, sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_{name}_{column}"), ondelete=ondelete),
        )
    ]
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *owners,
        *columns,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_autoincrement=True,
    )


def upgrade() -> None:
    _table(
        "form_drafts",
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("form", sa.String(length=200), nullable=False),
        sa.Column("form_digest", sa.LargeBinary(), nullable=False),
        sa.Column("changed", sa.String(length=400), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_no", sa.Integer(), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("public_id", name=op.f("uq_form_drafts_public_id")),
    )
    _table(
        "press_keys",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("form_digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome_sealed", sa.LargeBinary(), nullable=True),
        sa.UniqueConstraint("digest", name=op.f("uq_press_keys_digest")),
    )
    for table, columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def downgrade() -> None:
    for table, columns in reversed(INDEXES):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table_name=table)
    op.drop_table("press_keys")
    op.drop_table("form_drafts")
