"""The trail and its chain can be written to and read, never changed: the database itself refuses it.

A batch rebuild on SQLite makes a table anew and drops its triggers without a word, so they are made again after every
migration and not by one of them.
"""

from sqlalchemy import Connection, inspect

PROTECTED = {"audit": "id", "chain_links": "number"}  # tables, each with its key
SQLITE = """
CREATE TRIGGER IF NOT EXISTS {table}_is_append_only_{event} BEFORE {event} ON {table} {when}
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END
"""
# REPLACE deletes a row without firing the trigger of a DELETE, so an INSERT must not meet one.
TAKEN = "WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
EVENTS = {"update": "", "delete": "", "insert": TAKEN}

# An event that is written again as it is (app/db/postgresql.py) changes nothing.
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
    """Make the triggers of the protected tables that there are; where there is none, leave nothing of them behind."""
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
