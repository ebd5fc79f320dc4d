"""Let the desk's chat be in Microsoft Teams."""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

KINDS = ("webhook", "slack", "mattermost", "matrix")


def upgrade() -> None:
    _set_kinds(*KINDS, "teams")


def downgrade() -> None:
    op.execute("DELETE FROM program_deliveries WHERE program_id IN (SELECT id FROM programs WHERE kind = 'teams')")
    op.execute("DELETE FROM programs WHERE kind = 'teams'")
    _set_kinds(*KINDS)


def _set_kinds(*kinds: str) -> None:
    with op.batch_alter_table("programs", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint(op.f("ck_programs_kind_known"), type_="check")
        batch.create_check_constraint(op.f("ck_programs_kind_known"), f"kind IN ({', '.join(map(repr, kinds))})")
