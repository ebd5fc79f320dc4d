"""Mail comes in: what is stored of it, tokens in reply addresses and return paths, and what a newsletter settles about mail.

New columns have defaults in the database, so that SQLite adds them without making a table anew. Only `letters` is made
anew there, because two CHECKs of it change.
"""

import sqlalchemy as sa
from alembic import op

from migrations.checks import change_checks, made_anew

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OF_EXPERT = "'answer', 'cannot', 'later', 'question back'"
CHECK_REPLIES = "'fine', 'wrong', 'yes'"
NEWSLETTER = (
    sa.Column("inbox", sa.String(320), nullable=False, server_default=""),
    sa.Column("list_address", sa.String(320), nullable=False, server_default=""),
    sa.Column("held_kinds", sa.JSON(), nullable=False, server_default="[]"),
    sa.Column("undo_seconds", sa.Integer(), nullable=False, server_default="60"),
    sa.Column("acknowledges", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("digest_at", sa.String(5), nullable=False, server_default="07:30"),
    sa.Column("raw_days", sa.Integer(), nullable=False, server_default="14"),
)


def filed_as(of_expert: str) -> dict[str, str]:
    """The two CHECKs that name what a letter can be filed as."""
    return {
        "filed_as_known": f"filed_as IN ('question', 'comment', 'tip', 'unsubscribe', 'spam', {of_expert})",
        "filed_expert_has_assignment": (
            f"COALESCE(NOT (state = 'filed' AND filed_as IN ({of_expert})), TRUE)"
            " OR COALESCE(assignment_id IS NOT NULL, FALSE)"
        ),
    }


def upgrade() -> None:
    change_checks("letters", filed_as(f"{OF_EXPERT}, {CHECK_REPLIES}"))
    op.create_table(
        "spent",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spent")),
        sa.UniqueConstraint("kind", "mac", name=op.f("uq_spent_kind_mac")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_spent_ends_on_id"), "spent", ["ends_on", "id"], unique=False)

    op.create_table(
        "inbound",
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("mailbox", sa.String(length=200), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("uid", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("content_mac", sa.LargeBinary(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=True),
        sa.Column("letter_id", sa.Integer(), nullable=True),
        sa.Column("assignment_id", sa.Integer(), nullable=True),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("duplicate_of_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'stored') = (placed_at IS NULL)", name=op.f("ck_inbound_placed_says_when")),
        sa.CheckConstraint(
            "COALESCE(NOT (leased_until IS NOT NULL), TRUE) OR COALESCE(state = 'stored', FALSE)",
            name=op.f("ck_inbound_lease_is_unplaced"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'duplicate'), TRUE) OR COALESCE(duplicate_of_id IS NOT NULL, FALSE)",
            name=op.f("ck_inbound_duplicate_has_first"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'edition'), TRUE) OR COALESCE(edition_id IS NOT NULL, FALSE)",
            name=op.f("ck_inbound_edition_has_one"),
        ),
        sa.CheckConstraint(
            "COALESCE(NOT (state = 'letter'), TRUE) OR COALESCE(letter_id IS NOT NULL, FALSE)",
            name=op.f("ck_inbound_letter_has_one"),
        ),
        sa.CheckConstraint("source IN ('imap', 'lmtp', 'pipe', 'webhook')", name=op.f("ck_inbound_source_known")),
        sa.CheckConstraint(
            "state IN ('stored', 'letter', 'pen', 'edition', 'automatic', 'bounce', 'duplicate', 'spam', 'failed')",
            name=op.f("ck_inbound_state_known"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_inbound_attempts_counted")),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk_inbound_assignment_id")),
        sa.ForeignKeyConstraint(["duplicate_of_id"], ["inbound.id"], name=op.f("fk_inbound_duplicate_of_id")),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_inbound_edition_id")),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=op.f("fk_inbound_letter_id")),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_inbound_newsletter_id")),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_inbound_outbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("mailbox", "uidvalidity", "uid", name=op.f("uq_inbound_mailbox_uidvalidity_uid")),
        sa.UniqueConstraint("public_id", name=op.f("uq_inbound_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inbound_assignment_id_id"), "inbound", ["assignment_id", "id"], unique=False)
    op.create_index(op.f("ix_inbound_letter_id"), "inbound", ["letter_id"], unique=False)
    op.create_index(
        op.f("ix_inbound_newsletter_id_state_id"), "inbound", ["newsletter_id", "state", "id"], unique=False
    )
    op.create_index(op.f("ix_inbound_stored_at_id"), "inbound", ["stored_at", "id"], unique=False)
    op.create_index(
        "ix_inbound_unplaced",
        "inbound",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'stored'"),
        postgresql_where=sa.text("state = 'stored'"),
    )
    op.create_index(
        "uq_inbound_content",
        "inbound",
        ["content_mac", "state"],
        unique=True,
        sqlite_where=sa.text("state IN ('letter', 'edition', 'pen')"),
        postgresql_where=sa.text("state IN ('letter', 'edition', 'pen')"),
    )
    op.create_index(op.f("ix_inbound_content_mac"), "inbound", ["content_mac"], unique=False)
    op.create_index(op.f("ix_inbound_outbox_id"), "inbound", ["outbox_id"], unique=False)

    op.create_table(
        "inbound_raw",
        sa.Column("inbound_id", sa.Integer(), nullable=False),
        sa.Column("raw_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("reading_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound.id"], name=op.f("fk_inbound_raw_inbound_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_inbound_raw")),
    )
    op.add_column("editions", sa.Column("arrived_at", sa.DateTime(timezone=True)))
    op.add_column("editions", sa.Column("arrived_text", sa.Text()))
    op.add_column(
        "links",
        sa.Column(
            "kind",
            sa.String(20),
            sa.CheckConstraint("kind IN ('page', 'reply', 'stop')", name=op.f("ck_links_kind_known")),
            nullable=False,
            server_default="page",
        ),
    )
    for column in NEWSLETTER:
        op.add_column("newsletters", column)
    op.add_column("outbox", sa.Column("return_mac", sa.LargeBinary()))
    op.add_column("outbox", sa.Column("bounced_at", sa.DateTime(timezone=True)))
    op.add_column("outbox", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("uq_outbox_return_mac", "outbox", ["return_mac"], unique=True)
    op.create_index(op.f("ix_outbox_assignment_id_id"), "outbox", ["assignment_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_assignment_id_id"), "outbox")
    op.drop_index("uq_outbox_return_mac", "outbox")
    for table, columns in {
        "outbox": ("version", "bounced_at", "return_mac"),
        "newsletters": tuple(column.name for column in reversed(NEWSLETTER)),
        "editions": ("arrived_text", "arrived_at"),
    }.items():
        for column in columns:
            op.drop_column(table, column)
    op.execute("DELETE FROM links WHERE kind <> 'page'")  # else they would open pages
    with made_anew("links") as batch:  # SQLite drops no column that a CHECK of its table names
        batch.drop_constraint(op.f("ck_links_kind_known"), type_="check")
        batch.drop_column("kind")
    for table in ("inbound_raw", "inbound", "spent"):
        op.drop_table(table)
    op.execute("UPDATE letters SET filed_as = 'answer' WHERE filed_as IN ('fine', 'wrong', 'yes')")
    change_checks("letters", filed_as(OF_EXPERT))
