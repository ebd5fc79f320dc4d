"""People at the desk: invitations not yet used, places that were closed, from where somebody last came, and the trail by
person, act and day.
"""

import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TRAIL = (["newsletter_id", "at", "id"], ["newsletter_id", "actor", "at", "id"], ["newsletter_id", "action", "at", "id"])
INVITED_OR_JOINED = "(joined_at IS NULL) = (invited_as IS NOT NULL)"
sessions = sa.table("sessions", sa.column("id"), sa.column("public_id"))
memberships = sa.table("memberships", sa.column("joined_at", sa.DateTime(timezone=True)))


def batch(table: str) -> Any:
    return op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": True})


def upgrade() -> None:
    op.add_column("memberships", sa.Column("invited_as", sa.String(200), nullable=True))
    op.add_column("memberships", sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("memberships", sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True))
    op.get_bind().execute(memberships.update().values(joined_at=datetime.now(UTC)))
    with batch("memberships") as table:
        table.create_check_constraint(op.f("ck_memberships_invited_or_joined"), INVITED_OR_JOINED)

    op.add_column("sessions", sa.Column("public_id", sa.String(12), nullable=True))
    op.add_column("sessions", sa.Column("browser", sa.String(60), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("stepped_up_at", sa.DateTime(timezone=True), nullable=True))
    connection = op.get_bind()
    for key in connection.execute(sa.select(sessions.c.id)).scalars().all():
        name = "".join(secrets.choice(CROCKFORD) for _ in range(12))
        connection.execute(sessions.update().where(sessions.c.id == key).values(public_id=name))
    with batch("sessions") as table:
        table.alter_column("public_id", existing_type=sa.String(12), nullable=False)
        table.create_unique_constraint(op.f("uq_sessions_public_id"), ["public_id"])

    with batch("sign_ins") as table:
        table.add_column(sa.Column("membership_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("session_id", sa.Integer(), nullable=True))
        for column, parent in (("membership_id", "memberships"), ("session_id", "sessions")):
            table.create_foreign_key(op.f(f"fk_sign_ins_{column}"), parent, [column], ["id"], ondelete="CASCADE")

    for columns in TRAIL:
        op.create_index(op.f(f"ix_audit_{'_'.join(columns)}"), "audit", columns)


def downgrade() -> None:
    for columns in TRAIL:
        op.drop_index(op.f(f"ix_audit_{'_'.join(columns)}"), "audit")
    with batch("sign_ins") as table:
        for column in ("membership_id", "session_id"):
            table.drop_constraint(op.f(f"fk_sign_ins_{column}"), type_="foreignkey")
            table.drop_column(column)
    with batch("sessions") as table:
        table.drop_constraint(op.f("uq_sessions_public_id"), type_="unique")
        for column in ("public_id", "browser", "seen_at", "stepped_up_at"):
            table.drop_column(column)
    # Whoever had not come yet, or was shut out, has no place in the older tables.
    op.execute("DELETE FROM memberships WHERE joined_at IS NULL OR disabled_at IS NOT NULL")
    with batch("memberships") as table:
        table.drop_constraint(op.f("ck_memberships_invited_or_joined"), type_="check")
        for column in ("invited_as", "joined_at", "disabled_at"):
            table.drop_column(column)
