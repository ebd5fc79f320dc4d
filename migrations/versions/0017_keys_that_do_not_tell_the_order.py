"""Lists of letters follow the time of arrival, and no longer keys, which are drawn where only the day is kept. The counts
of terms stand in the order of the terms, and not in that in which they came.

Letters that are there keep their keys.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Each with its columns before the place of a letter, and of which rows it is kept.
INDEXES = (
    ("ix_letters_newsletter_id_channel_state", ("newsletter_id", "channel", "state"), None),
    ("ix_letters_newsletter_id_language_state", ("newsletter_id", "language", "state"), None),
    ("ix_letters_question_id", ("question_id",), None),
    ("ix_letters_edition", ("about_edition_id", "newsletter_id", "state"), "about_edition_id IS NOT NULL"),
    ("ix_letters_filed", ("newsletter_id", "filed_as", "state"), "filed_as IS NOT NULL"),
    ("ix_letters_held", ("newsletter_id", "held_reason"), "state = 'held'"),
    ("ix_letters_alike", ("newsletter_id", "state"), "alike"),
    ("ix_letters_unindexed", (), "indexed_version <> version"),
)
BEFORE = {"ix_letters_edition": ("about_edition_id", "state")}  # where it had others
NAME = "order forgotten"
TERMS = ("desk_terms", "public_terms")


def by(place: tuple[str, ...]) -> None:
    """Make the indexes of letters end with these columns."""
    for name, columns, rule in INDEXES:
        other = ("id",) if len(place) == 2 else ("received_at", "id")
        before = BEFORE.get(name, columns) if place == ("id",) else columns
        named = rule is None
        op.drop_index(f"{name}_{'_'.join(other)}" if named else name, table_name="letters")
        op.create_index(
            op.f(f"{name}_{'_'.join(place)}") if named else name,
            "letters",
            [*before, *place],
            postgresql_where=text(rule) if rule else None,
            sqlite_where=text("alike = 1" if rule == "alike" else rule) if rule else None,
        )


def terms(with_rowid: bool) -> None:
    """SQLite keeps a table without an integer key in the order in which its rows came, unless it has no other key."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TERMS:
            kept = {"sqlite_with_rowid": with_rowid}
            with op.batch_alter_table(name, recreate="always", table_kwargs=kept):
                pass


def begin() -> None:
    """Say from when on the order of days is forgotten, and on PostgreSQL from which transaction on."""
    here, number, moment = op.get_bind(), 0, datetime.now(UTC)
    if here.dialect.name == "sqlite":
        moment = moment.replace(tzinfo=None)
    else:
        number = here.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")) or 0
    columns = sa.column("name"), sa.column("seen_at", sa.DateTime(timezone=True)), sa.column("number")
    row = {"name": NAME, "seen_at": moment, "number": number}
    op.execute(sa.insert(sa.table("sightings", *columns)).values(row))


def upgrade() -> None:
    begin()
    by(("received_at", "id"))
    op.drop_index(op.f("ix_letters_newsletter_id_state_id"), table_name="letters")
    terms(with_rowid=False)


def downgrade() -> None:
    op.execute(text("DELETE FROM sightings WHERE name = :name").bindparams(name=NAME))
    terms(with_rowid=True)
    op.create_index(op.f("ix_letters_newsletter_id_state_id"), "letters", ["newsletter_id", "state", "id"])
    by(("id",))
