"""A version for each newsletter, which changes with every change to a table that readers' pages are made from.

Letters are none of these: a page that showed something of them would tell its other readers when somebody wrote. Nor
is a row that no page shows, such as a question that is neither shown nor published: pages that are made anew take
longer, so its change would tell that, and when, somebody took a letter back.

Cached pages (app/reader/copies.py) are valid for one version. Database triggers set a new one in the same transaction,
so that no statement can bypass them, and every process sees it at its next request. The triggers are recreated after
every migration, like those of the audit trail, since SQLite drops them when it rebuilds a table.

Versions are random, not counted: after a restore, a counter could repeat an old version with different contents.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, ForeignKey, String, inspect, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .declarative import Base
from .engine import Database


class PublicVersion(Base):
    """The current version of a newsletter's public pages."""

    __tablename__ = "public_versions"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(String(32))


@dataclass(frozen=True)
class WatchedTable:
    """A table that readers' pages are made from.

    `newsletter_expr` is an SQL expression for the key of the newsletter whose pages show a `{row}`, or NULL if none
    does. An UPDATE counts if it sets a column that isn't `ignored`, or if `only` is set, a column in `only`.
    """

    newsletter_expr: str = "{row}.newsletter_id"
    ignored: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


# Readers see a question that is shown, with its current wording, and one that is published, with its item and answers.
# A change that shows or publishes a question, or gives it another wording, is one of its own row.
_IS_SEEN = "({row}.shown_at IS NOT NULL AND {row}.merged_into_id IS NULL OR {row}.published_at IS NOT NULL)"
_SEEN_TEXT = (
    "(SELECT q.newsletter_id FROM questions q WHERE q.id = {row}.question_id AND q.text_id = {row}.id AND "
    "(q.shown_at IS NOT NULL AND q.merged_into_id IS NULL OR q.published_at IS NOT NULL))"
)
_BY_QUESTION = "(SELECT newsletter_id FROM questions WHERE id = {row}.question_id AND published_at IS NOT NULL)"
_BY_ITEM = (
    "(SELECT q.newsletter_id FROM edition_items i JOIN questions q ON q.id = i.question_id"
    " WHERE i.id = {row}.item_id AND q.published_at IS NOT NULL)"
)
_BY_ANSWER = (
    "(SELECT q.newsletter_id FROM answers a JOIN questions q ON q.id = a.question_id"
    " WHERE a.id = {row}.answer_id AND q.published_at IS NOT NULL)"
)
WATCHED_TABLES = {
    "newsletters": WatchedTable("{row}.id", ignored=("version",)),
    "former_names": WatchedTable(),
    "newsletter_texts": WatchedTable(ignored=("version",)),
    "topics": WatchedTable(),
    "expert_pages": WatchedTable(),
    "shown_photos": WatchedTable(),
    "questions": WatchedTable(
        f"CASE WHEN {_IS_SEEN} THEN {{row}}.newsletter_id END", ignored=("version", "indexed_version", "position")
    ),
    "question_texts": WatchedTable(_SEEN_TEXT),
    "question_topics": WatchedTable(_BY_QUESTION),
    "editions": WatchedTable(ignored=("version", "slots")),
    "edition_items": WatchedTable(_BY_QUESTION),
    "item_translations": WatchedTable(_BY_ITEM),
    "answers": WatchedTable(_BY_QUESTION, ignored=("version",)),
    "answer_texts": WatchedTable(_BY_ANSWER),
    "corrections": WatchedTable(),
    "public_docs": WatchedTable(ignored=("embedded",)),
    "verdicts": WatchedTable(),
    "vectors": WatchedTable("CASE WHEN {row}.kept_in = 'public' THEN {row}.newsletter_id END"),
}
# Tables that need no trigger, each with a watched table that changes in the same transactions.
DEPENDENT_TABLES = {"public_terms": "public_docs", "public_fts": "public_docs", "expert_photos": "shown_photos"}

RANDOM_VERSION = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "replace(gen_random_uuid()::text, '-', '')"}
# An SQLite trigger has one event, and can read these rows.
ROWS_OF_EVENT = {"INSERT": ("NEW",), "UPDATE": ("NEW", "OLD"), "DELETE": ("OLD",)}
SQLITE_TRIGGER = """
CREATE TRIGGER {table}_is_seen_{event} AFTER {when} ON {table} BEGIN
{first} UPDATE public_versions SET version = {drawn} WHERE newsletter_id IN ({keys}); END
"""
# Once per transaction is enough. The triggers are deferred, so the row is only locked during the commit. Transactions
# that change several newsletters can deadlock there: `Database.write` retries the loser.
POSTGRESQL_TRIGGER = """
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
# Inserts the first version of a new newsletter; part of the triggers of `newsletters`.
INSERT_FIRST_VERSION = {
    "sqlite": "INSERT INTO public_versions VALUES (NEW.id, {drawn});",
    "postgresql": "IF TG_OP = 'INSERT' THEN INSERT INTO public_versions VALUES (NEW.id, {drawn}); END IF;",
}


def drop_triggers(connection: Connection) -> None:
    """Drop the triggers, before tables are changed or restored."""
    is_sqlite = connection.dialect.name == "sqlite"
    inspector = inspect(connection)
    for table in WATCHED_TABLES:
        if not inspector.has_table(table):  # an older revision may lack it
            continue
        if is_sqlite:
            for event in ROWS_OF_EVENT:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_seen_{event}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_seen ON {table}")
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table}_is_seen()")


def create_triggers(connection: Connection) -> None:
    """Create the triggers. Give every newsletter a new version: without triggers, changes went unnoticed."""
    random_version = RANDOM_VERSION[connection.dialect.name]
    for table in WATCHED_TABLES:
        for statement in _trigger_statements(connection, table):
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql("DELETE FROM public_versions")
    connection.exec_driver_sql(f"INSERT INTO public_versions SELECT id, {random_version} FROM newsletters")  # noqa: S608


def _trigger_statements(connection: Connection, table: str) -> list[str]:
    """Return the statements that create a table's triggers: three on SQLite, one on PostgreSQL."""
    watched = WATCHED_TABLES[table]
    dialect = connection.dialect.name
    column_names = [column["name"] for column in inspect(connection).get_columns(table)]
    counted_columns = watched.only or [name for name in column_names if name not in watched.ignored]
    quote = connection.dialect.identifier_preparer.quote  # "right", for example, is a reserved word
    update = f"UPDATE OF {', '.join(map(quote, counted_columns))}"
    newsletter_of = {row: watched.newsletter_expr.format(row=row) for row in ("NEW", "OLD")}
    params = {"table": table, "drawn": RANDOM_VERSION[dialect]}
    insert_first = INSERT_FIRST_VERSION[dialect].format(**params) if table == "newsletters" else ""
    if dialect != "sqlite":
        return [
            POSTGRESQL_TRIGGER.format(
                **params, new=newsletter_of["NEW"], old=newsletter_of["OLD"], update=update, first=insert_first
            )
        ]
    return [
        SQLITE_TRIGGER.format(
            **params,
            event=event,
            when=update if event == "UPDATE" else event,
            first=insert_first if event == "INSERT" else "",
            keys=", ".join(newsletter_of[row] for row in rows),
        )
        for event, rows in ROWS_OF_EVENT.items()
    ]


# Each caller appends a placeholder for the slug.
VERSION_QUERY = (
    "SELECT n.id, v.version FROM newsletters n JOIN public_versions v ON v.newsletter_id = n.id WHERE n.slug = "
)
Version = tuple[int, str]  # a newsletter's key, and its version


def read_public_version(database: Database, slug: str) -> Version | None:
    """Return the key and the current version of the newsletter with this slug.

    Return None if there is no such newsletter, or if the database doesn't answer. Every request for a cached page calls
    this, so it uses nothing of SQLAlchemy but the connection pool: it takes 15 µs instead of 350.
    """
    query = f"{VERSION_QUERY}{'?' if database.is_sqlite else '%s'}"
    try:
        connection = database.polling_engine.raw_connection()
    except Exception:  # rendering the page will raise the same error and report it
        return None
    try:
        row = connection.driver_connection.execute(query, (slug,)).fetchone()  # type: ignore[union-attr]
    except Exception:
        is_disconnected = not database.is_sqlite and connection.driver_connection.closed  # type: ignore[union-attr]
        connection.invalidate()
        if is_disconnected:
            database.dispose_idle_connections()
        return None
    connection.close()
    return (row[0], row[1]) if row else None


def get_public_version(session: Session, slug: str) -> Version | None:
    """Return the same as `read_public_version`, as the transaction of a session sees it."""
    row = session.connection().execute(text(f"{VERSION_QUERY}:slug"), {"slug": slug}).one_or_none()
    return (row[0], row[1]) if row else None
