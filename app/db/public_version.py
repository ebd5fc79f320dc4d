"""The tables behind readers' pages, and a version for each newsletter that changes whenever one of them does.

Cached pages (app/reader/copies.py) are valid for one version. Database triggers change it in the transaction of the
change itself, so no statement can bypass it, and every process sees the new version at its next request. They are
recreated after every migration, like those of the audit trail, since SQLite drops them when it rebuilds a table.

Versions are random, not counted: after a restore, a counter could repeat an old version with different contents.
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
    """A table that readers' pages are made from.

    `of` is an SQL expression for the key of the newsletter whose pages show a `{row}`; NULL means that none does.
    Changes to the columns in `but` are ignored, as no page shows them; with `only`, all but those columns are.
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
    # Pages only show how many letters ask a question, and a new letter doesn't belong to one yet.
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
# These only change in transactions that also change a table above.
ALONG = {"public_terms": "public_docs", "public_fts": "public_docs"}

DRAWN = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "replace(gen_random_uuid()::text, '-', '')"}
ROWS = {"INSERT": ("NEW",), "UPDATE": ("NEW", "OLD"), "DELETE": ("OLD",)}
SQLITE = """
CREATE TRIGGER {table}_is_seen_{event} AFTER {when} ON {table} BEGIN
{first} UPDATE public_versions SET version = {drawn} WHERE newsletter_id IN ({keys}); END
"""
# Once per transaction is enough. The triggers are deferred, so the row is only locked during the commit. Transactions
# that change several newsletters can deadlock there: `Database.write` retries the loser.
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
# A new newsletter gets its first version.
FIRST = {
    "sqlite": "INSERT INTO public_versions VALUES (NEW.id, {drawn});",
    "postgresql": "IF TG_OP = 'INSERT' THEN INSERT INTO public_versions VALUES (NEW.id, {drawn}); END IF;",
}


def unwatch(connection: Connection) -> None:
    """Drop the triggers, before tables are changed or restored."""
    is_sqlite = connection.dialect.name == "sqlite"
    for table in filter(inspect(connection).has_table, SEEN):
        if is_sqlite:
            for event in ROWS:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_seen_{event}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_seen ON {table}")
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table}_is_seen()")


def watch(connection: Connection) -> None:
    """Create the triggers, and give every newsletter a new version, since changes in between were not watched."""
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
    quote = connection.dialect.identifier_preparer.quote  # "right", say, is a reserved word
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
    """Return a newsletter's key and its current version, by its slug. Return None if there is none, or if the database
    doesn't answer.

    Every request for a cached page calls this, so it bypasses all of SQLAlchemy but its pool: 15 µs instead of 350.
    """
    try:
        pooled = database.looker.raw_connection()
    except Exception:  # rendering the page meets the same error and reports it
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
    """Return what `read_public_version` does, as seen by the transaction of a session."""
    row = session.connection().execute(text(f"{ASKED}:slug"), {"slug": slug}).one_or_none()
    return (row[0], row[1]) if row else None


def _version_query(is_sqlite: bool) -> str:
    return f"{ASKED}{'?' if is_sqlite else '%s'}"
