"""A wording that was cleared although it is still a reader's own words says why. Held letters stand in an order, those
of a flood together, and a whole crowd of them is filed by one press.
"""

import sqlalchemy as sa
from alembic import op

from migrations.checks import made_anew

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_letters_crowds", ["newsletter_id", "standing", "crowd", "id"], "state = 'held'"),
    ("ix_letters_unsorted", ["newsletter_id"], "state = 'held' AND standing = 0"),
)


def upgrade() -> None:
    op.add_column("question_texts", sa.Column("own_words_reason", sa.String(length=400), nullable=True))
    for name in ("standing", "crowd"):
        op.add_column("letters", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    for name, columns, rule in INDEXES:
        where = sa.text(rule)
        op.create_index(name, "letters", columns, unique=False, postgresql_where=where, sqlite_where=where)
    op.create_table(
        "sweeps",
        sa.Column("crowd", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_sweeps_newsletter_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sweeps_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        sa.UniqueConstraint("newsletter_id", "crowd", name=op.f("uq_sweeps_newsletter_id_crowd")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("sweeps")
    for name, _columns, _rule in INDEXES:
        op.drop_index(name, table_name="letters")
    with made_anew("letters") as batch:
        batch.drop_column("standing")
        batch.drop_column("crowd")
    op.drop_column("question_texts", "own_words_reason")
