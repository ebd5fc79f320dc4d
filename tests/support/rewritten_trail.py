"""What somebody with the database does to trail and chain."""

from sqlalchemy import Connection, text

from app.db.engine import Database

EVENTS = "SELECT id FROM audit WHERE id {} 0 ORDER BY id"


def keys_of(database: Database, selection: str) -> list[int]:
    with database.read() as session:
        return list(session.scalars(text(EVENTS.format(selection))))


def unguarded(database: Database, *statements: str) -> None:
    """Write as whoever has the database does: the triggers go first."""
    with database.writer.begin() as connection:
        for table in ("audit", "chain_links"):
            _disarm(connection, table)
        for statement in statements:
            connection.exec_driver_sql(statement)


def _disarm(connection: Connection, table: str) -> None:
    if connection.dialect.name == "sqlite":
        for event in ("update", "delete", "insert"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_is_append_only_{event}")
    else:
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
