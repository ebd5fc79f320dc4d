"""Database triggers that make the audit trail and its chain append-only.

A batch rebuild on SQLite recreates a table and silently drops its triggers. So they are recreated after every migration
instead of by one of them.
"""

from sqlalchemy import Connection, inspect

PROTECTED = {"audit": "id", "chain_links": "number"}  # tables, each with its key
SQLITE = """
CREATE TRIGGER IF NOT EXISTS {table}_is_append_only_{event} BEFORE {event} ON {table} {when}
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END
"""
# REPLACE deletes a row without firing the DELETE trigger, so an INSERT is refused if a row with its key exists.
TAKEN = "WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
EVENTS = {"update": "", "delete": "", "insert": TAKEN}

# An update that leaves an event unchanged is allowed: app/db/postgresql.py rewrites rows that way.
FUNCTION = """
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
IF TG_OP = 'UPDATE' THEN IF OLD::text = NEW::text THEN RETURN NEW; END IF; END IF;
RAISE EXCEPTION 'the trail is append-only';
END $$
"""
POSTGRESQL = """
CREATE OR REPLACE TRIGGER {table}_is_append_only_row BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE OR REPLACE TRIGGER {table}_is_append_only_whole BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
"""


def protect(connection: Connection) -> None:
    """Create the triggers of those protected tables that exist; if none does, drop the function on PostgreSQL."""
    there = {table: key for table, key in PROTECTED.items() if inspect(connection).has_table(table)}
    if connection.dialect.name == "sqlite":
        statements = [
            SQLITE.format(table=table, event=event, when=when.format(table=table, key=key))
            for table, key in there.items()
            for event, when in EVENTS.items()
        ]
    elif there:
        statements = [FUNCTION, *(POSTGRESQL.format(table=table) for table in there)]
    else:
        statements = ["DROP FUNCTION IF EXISTS audit_is_append_only()"]
    for statement in statements:
        connection.exec_driver_sql(statement)
