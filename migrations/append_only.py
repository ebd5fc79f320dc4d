"""The trail can be written to and read, never changed: the database itself refuses it.

A batch rebuild on SQLite makes a table anew and drops its triggers without a word, so they are made again after every
migration and not by one of them.
"""

from sqlalchemy import Connection, inspect

SQLITE = """
CREATE TRIGGER IF NOT EXISTS audit_is_append_only_{event} BEFORE {event} ON audit {when}
BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END
"""
# REPLACE deletes a row without firing the trigger of a DELETE, so an INSERT must not meet one.
TAKEN = "WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"
EVENTS = {"update": "", "delete": "", "insert": TAKEN}

# An event that is written again as it is (app/postgresql.py) changes nothing.
POSTGRESQL = """
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
IF TG_OP = 'UPDATE' THEN IF OLD::text = NEW::text THEN RETURN NEW; END IF; END IF;
RAISE EXCEPTION 'the trail is append-only';
END $$;
CREATE OR REPLACE TRIGGER audit_is_append_only_row BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE OR REPLACE TRIGGER audit_is_append_only_whole BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
"""


def protect(connection: Connection) -> None:
    """Make the triggers of the `audit` table, where there is one; otherwise leave nothing of them behind."""
    there = inspect(connection).has_table("audit")
    if connection.dialect.name == "sqlite":
        statements = [SQLITE.format(event=event, when=when) for event, when in EVENTS.items()] if there else []
    else:
        statements = [POSTGRESQL if there else "DROP FUNCTION IF EXISTS audit_is_append_only()"]
    for statement in statements:
        connection.exec_driver_sql(statement)
