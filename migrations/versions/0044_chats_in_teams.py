"""Let the desk's chat be in Microsoft Teams."""

from alembic import op

from migrations.checks import change_checks

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    change_checks("programs", {"kind_known": "kind IN ('webhook', 'slack', 'mattermost', 'matrix', 'teams')"})


def downgrade() -> None:
    op.execute("DELETE FROM program_deliveries WHERE program_id IN (SELECT id FROM programs WHERE kind = 'teams')")
    op.execute("DELETE FROM programs WHERE kind = 'teams'")
    change_checks("programs", {"kind_known": "kind IN ('webhook', 'slack', 'mattermost', 'matrix')"})
