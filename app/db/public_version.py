"""The tables that readers' pages are made of, and a version for each newsletter that changes with any of them.

Served copies of pages (app/reader/copies.py) are good for one version. Triggers of the database change it, in the
transaction of the change itself: whoever writes to one of these tables, by whatever statement, can't forget it, and
every process sees it at its next request. They are made again after every migration, like those of the trail, since
SQLite drops them with a table that is made anew.

A version is drawn by lot and counts nothing, so that after a restore no old one comes back with other words.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, ForeignKey, String, inspect, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .declarative import Base
from .engine import Database


class PublicVersion(Base):
    __tablename__ = "public_versions"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(String(32))


@dataclass(frozen=True)
class WatchedTable:
    """A table that readers' pages show something of.

    `of` is an SQL expression of the newsletter whose pages do, for a `{row}`; without a value nobody's do. `but` are
    columns that no page shows and that change often; where `only` is given, all others are such.
    """

    of: str = "{row}.newsletter_id"
    but: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


_BY_QUESTION = "(SELECT newsletter_id FROM questions WHERE id = {row}.question_id)"
_BY_ITEM = (
    "(SELECT q.newsletter_id FROM edition_items i JOIN questions q ON q.id = i.question_id WHERE i.id = {row}.item_id)"
)
SEEN = {
    "newsletters": WatchedTable("{row}.id", but=("version",)),
    "former_names": WatchedTable(),
    "newsletter_texts": WatchedTable(but=("version",)),
    "topics": WatchedTable(),
    "expert_pages": WatchedTable(),
    "questions": WatchedTable(but=("version", "indexed_version")),
    "question_texts": WatchedTable(_BY_QUESTION),
    "question_topics": WatchedTable(_BY_QUESTION),
    # How many ask a question is all that is shown of letters; what readers send belongs to no question at first.
    "letters": WatchedTable(
        "CASE WHEN {row}.question_id IS NOT NULL THEN {row}.newsletter_id END",
        only=("question_id", "newsletter_id", "state"),
    ),
    "editions": WatchedTable(but=("version",)),
    "edition_items": WatchedTable(_BY_QUESTION),
    "item_translations": WatchedTable(_BY_ITEM),
    "answers": WatchedTable(but=("version",)),
    "answer_texts": WatchedTable("(SELECT newsletter_id FROM answers WHERE id = {row}.answer_id)"),
    "corrections": WatchedTable(),
    "public_docs": WatchedTable(but=("embedded",)),
    "verdicts": WatchedTable(),
    "vectors": WatchedTable("CASE WHEN {row}.kept_in = 'public' THEN {row}.newsletter_id END"),
}
# These change in the transactions that change a table above, and no otherwise.
ALONG = {"public_terms": "public_docs", "public_fts": "public_docs"}

DRAWN = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "replace(gen_random_uuid()::text, '-', '')"}
ROWS = {"INSERT": ("NEW",), "UPDATE": ("NEW", "OLD"), "DELETE": ("OLD",)}
SQLITE = """
CREATE TRIGGER {table}_is_seen_{event} AFTER {when} ON {table} BEGIN
{first} UPDATE public_versions SET version = {drawn} WHERE newsletter_id IN ({keys}); END
"""
# Once a transaction is enough. Triggers wait for its end, so that nobody waits longer for the row than a commit takes.
# Two that change several newsletters can meet in a ring there: `Database.write` runs the loser again.
POSTGRESQL = """
CREATE OR REPLACE FUNCTION {table}_is_seen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE one integer; other integer; BEGIN
IF TG_OP <> 'DELETE' THEN one := {new}; {first} END IF;
IF TG_OP <> 'INSERT' THEN other := {old}; END IF;
UPDATE public_versions SET version = {drawn}
WHERE newsletter_id IN (one, other) AND xmin <> pg_current_xact_id()::xid;
RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER {table}_is_seen AFTER INSERT OR DELETE OR {update} ON {table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {table}_is_seen()
"""
# A newsletter has its version from the beginning.
FIRST = {
    "sqlite": "INSERT INTO public_versions VALUES (NEW.id, {drawn});",
    "postgresql": "IF TG_OP = 'INSERT' THEN INSERT INTO public_versions VALUES (NEW.id, {drawn}); END IF;",
}


def unwatch(connection: Connection) -> None:
    """Take the triggers off: before tables are changed, or filled with what was there before."""
    is_sqlite = connection.dialect.name == "sqlite"
    for table in filter(inspect(connection).has_table, SEEN):
        if is_sqlite:
            for event in ROWS:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_seen_{event}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_seen ON {table}")
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table}_is_seen()")


def watch(connection: Connection) -> None:
    """Put the triggers on, and draw each newsletter's version anew: what was changed meanwhile was not watched."""
    dialect = connection.dialect.name
    drawn = DRAWN[dialect]
    for table in SEEN:
        for statement in _triggers(connection, table):
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql("DELETE FROM public_versions")
    connection.exec_driver_sql(f"INSERT INTO public_versions SELECT id, {drawn} FROM newsletters")  # noqa: S608


def _triggers(connection: Connection, table: str) -> list[str]:
    seen, dialect = SEEN[table], connection.dialect.name
    columns = [column["name"] for column in inspect(connection).get_columns(table)]
    quote = connection.dialect.identifier_preparer.quote  # "right" is a word of SQL
    named = seen.only or [name for name in columns if name not in seen.but]
    update = f"UPDATE OF {', '.join(map(quote, named))}"
    keys = {row: seen.of.format(row=row) for row in ("NEW", "OLD")}
    about = {"table": table, "drawn": DRAWN[dialect]}
    first = FIRST[dialect].format(**about) if table == "newsletters" else ""
    if dialect != "sqlite":
        return [POSTGRESQL.format(**about, new=keys["NEW"], old=keys["OLD"], update=update, first=first)]
    return [
        SQLITE.format(
            **about,
            event=event,
            when=update if event == "UPDATE" else event,
            first=first if event == "INSERT" else "",
            keys=", ".join(keys[row] for row in rows),
        )
        for event, rows in ROWS.items()
    ]


ASKED = "SELECT n.id, v.version FROM newsletters n JOIN public_versions v ON v.newsletter_id = n.id WHERE n.slug = "
Version = tuple[int, str]  # of a newsletter's key


def read_public_version(database: Database, slug: str) -> Version | None:
    """Return the key of the newsletter that has this short name, and its version of now; None where there is none, or
    the database does not answer.

    It is asked at each request for a copy, so past all of SQLAlchemy but its pool: 15 microseconds instead of 350.
    """
    try:
        pooled = database.looker.raw_connection()
    except Exception:  # whoever makes the page meets the same, and says so in words
        return None
    try:
        asked = _version_query(database.is_sqlite)
        row = pooled.driver_connection.execute(asked, (slug,)).fetchone()  # type: ignore[union-attr]
    except Exception:
        is_gone = not database.is_sqlite and pooled.driver_connection.closed  # type: ignore[union-attr]
        pooled.invalidate()
        if is_gone:
            database.lost()
        return None
    pooled.close()
    return (row[0], row[1]) if row else None


def get_public_version(session: Session, slug: str) -> Version | None:
    """Return the same as a session's transaction sees it."""
    row = session.connection().execute(text(f"{ASKED}:slug"), {"slug": slug}).one_or_none()
    return (row[0], row[1]) if row else None


def _version_query(is_sqlite: bool) -> str:
    return f"{ASKED}{'?' if is_sqlite else '%s'}"
