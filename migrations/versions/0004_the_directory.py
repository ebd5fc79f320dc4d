"""The directory: what experts are found and compared by, how much they take on, who was merged, and the ladder.

SQLite makes `experts` and `assignments` anew, because a key to another row can't be added to a table that is there.
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op
from babel import Locale, UnknownLocaleError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What `app.people.naming` was when this was written; a later change of it fills the columns again.
CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "ђ": "dj", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "і": "i", "ј": "j", "к": "k", "л": "l", "љ": "lj", "м": "m", "н": "n", "њ": "nj", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "ћ": "c", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "џ": "dj", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "ә": "a", "ғ": "gh", "қ": "q", "ң": "ng",
    "ө": "o", "ұ": "u", "ү": "u", "һ": "h", "ҳ": "h", "ҷ": "j",
}  # fmt: skip
LATIN = {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ə": "a", "ß": "ss"}
SOUNDS = (
    ("shch", "s"), ("dzh", "j"), ("sh", "s"), ("zh", "j"), ("dj", "j"), ("kh", "h"), ("gh", "g"), ("ch", "c"),
    ("ts", "c"), ("ph", "f"), ("ks", "x"), ("q", "k"), ("w", "v"), ("y", "i"), ("iu", "u"), ("ia", "a"), ("ie", "e"),
)  # fmt: skip


def fold(text: str) -> str:
    bare = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    latin = bare.translate(str.maketrans(CYRILLIC | LATIN)).replace("'", "").replace("’", "").replace("_", " ")
    return " ".join(re.findall(r"\w+", latin))


def sounds(word: str) -> str:
    word = "h" + word[1:] if word.startswith("x") else word
    for written, sound in SOUNDS:
        word = word.replace(written, sound)
    return re.sub(r"([^\W\d_])\1+", r"\1", word)


def alike(name: str) -> str:
    words = [sounds(word) for word in fold(name).split()]
    return " ".join(sorted(words, key=lambda word: (-len(word), word)))[:200]


BY_SIGNS = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
CHECKS = {
    "experts": {"at_once_sane": "at_once BETWEEN 1 AND 99", "merged_into_another": "merged_into_id <> id"},
    "assignments": {
        "after_another": "after_id <> id",
        "step_is_on_ladder": (
            "COALESCE(NOT (step_at IS NOT NULL), TRUE) OR COALESCE(after_id IS NOT NULL, FALSE)"
        ),
    },
}  # fmt: skip
COLUMNS = {
    "experts": (
        sa.Column("at_once", sa.Integer()),
        sa.Column("merged_into_id", sa.Integer()),
        sa.Column("folded", BY_SIGNS, nullable=False, server_default=""),
        sa.Column("alike", BY_SIGNS, nullable=False, server_default=""),
        sa.Column("words", sa.Text(), nullable=False, server_default=""),
    ),
    "assignments": (sa.Column("after_id", sa.Integer()), sa.Column("step_at", sa.DateTime(timezone=True))),
}
TO_ITSELF = {"experts": "merged_into_id", "assignments": "after_id"}


def named(code: str) -> str:
    try:
        return fold(Locale.parse(code.replace("-", "_")).get_display_name("en") or "")
    except (UnknownLocaleError, ValueError):
        return ""


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        with op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": True}) as batch:
            for column in columns:
                batch.add_column(column)
            key = TO_ITSELF[table]
            batch.create_foreign_key(op.f(f"fk_{table}_{key}"), table, [key], ["id"])
            for name, rule in CHECKS[table].items():
                batch.create_check_constraint(op.f(f"ck_{table}_{name}"), rule)
    op.create_index(op.f("ix_experts_folded_id"), "experts", ["folded", "id"])
    op.create_index(op.f("ix_experts_alike_id"), "experts", ["alike", "id"])
    op.create_table(
        "expert_topics",
        sa.Column("expert_id", sa.Integer(), nullable=False),
        sa.Column("term", sa.String(60), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_expert_topics_expert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expert_topics")),
        sa.UniqueConstraint("expert_id", "term", name=op.f("uq_expert_topics_expert_id_term")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_expert_topics_term_expert_id"), "expert_topics", ["term", "expert_id"])
    op.create_table(
        "namesakes",
        sa.Column("one_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("said_by_id", sa.Integer(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_namesakes_in_order")),
        sa.ForeignKeyConstraint(["one_id"], ["experts.id"], name=op.f("fk_namesakes_one_id")),
        sa.ForeignKeyConstraint(["other_id"], ["experts.id"], name=op.f("fk_namesakes_other_id")),
        sa.ForeignKeyConstraint(["said_by_id"], ["people.id"], name=op.f("fk_namesakes_said_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_namesakes")),
        sa.UniqueConstraint("one_id", "other_id", name=op.f("uq_namesakes_one_id_other_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "uploads",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.ForeignKeyConstraint(["newsletter_id"], ["newsletters.id"], name=op.f("fk_uploads_newsletter_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_uploads_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("public_id", name=op.f("uq_uploads_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_uploads_person_id"), "uploads", ["person_id"])
    op.create_index(op.f("ix_uploads_ends_at"), "uploads", ["ends_at"])
    fill()


def fill() -> None:
    """Make for the experts who are there what is made for new ones."""
    experts = sa.table("experts", *map(sa.column, ("id", "person_id", "title", "organisation", "place", "credit_line", "folded", "alike", "words")),
                       sa.column("topics", sa.JSON), sa.column("languages", sa.JSON))  # fmt: skip
    people = sa.table("people", sa.column("id"), sa.column("name"))
    topics = sa.table("expert_topics", sa.column("expert_id"), sa.column("term"))
    connection = op.get_bind()
    rows = connection.execute(sa.select(people.c.name, experts).where(people.c.id == experts.c.person_id)).all()
    for row in rows:
        said = (row.name, row.title, row.organisation, row.place, row.credit_line, *row.topics, *row.languages)
        codes = "".join(f" {named(code)} ={fold(code).replace(' ', '-')}=" for code in row.languages)
        made = {"folded": fold(row.name)[:200], "alike": alike(row.name), "words": fold(" ".join(said)) + codes}
        connection.execute(sa.update(experts).where(experts.c.id == row.id).values(**made))
        for term in {fold(topic)[:60] for topic in row.topics} - {""}:
            connection.execute(sa.insert(topics).values(expert_id=row.id, term=term))


def downgrade() -> None:
    for table in ("uploads", "namesakes", "expert_topics"):
        op.drop_table(table)
    op.drop_index(op.f("ix_experts_alike_id"), "experts")
    op.drop_index(op.f("ix_experts_folded_id"), "experts")
    for table, columns in COLUMNS.items():
        with op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": True}) as batch:
            for name in CHECKS[table]:
                batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
            batch.drop_constraint(op.f(f"fk_{table}_{TO_ITSELF[table]}"), type_="foreignkey")
            for column in columns:
                batch.drop_column(column.name)
