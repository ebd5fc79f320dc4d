"""Empty the index of the readers' search, and find translations by their language.

The worker fills the index again, with names, translations and the words that it has.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_item_translations_language_item_id"), "item_translations", ["language", "item_id"])
    empty_public_index()


def downgrade() -> None:
    op.drop_index(op.f("ix_item_translations_language_item_id"), table_name="item_translations")
    empty_public_index()  # an older version would not take the words out of the counts


def empty_public_index() -> None:
    for statement in (
        "UPDATE questions SET indexed_version = 0 WHERE id IN (SELECT noun_id FROM public_docs WHERE noun = 'question')",
        "DELETE FROM vectors WHERE kept_in = 'public'",
        "DELETE FROM public_docs",
        "DELETE FROM public_terms",
        "DELETE FROM public_fts",
    ):
        op.execute(sa.text(statement))
