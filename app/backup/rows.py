"""Conversion of a database's rows to the lines of a backup, and of lines to rows of another database.

The tables are reflected from the database, so that this works for every revision, on SQLite and PostgreSQL.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from ..db.public_version import PublicVersion
from ..db.types import UTCDateTime
from ..forms.models import PressKey
from ..people.models import BrowserSession, SignIn, Upload
from ..search.models import COLLECTIONS, Vector, is_index
from ..workflows.key_rotation import SEALED
from .packing import encode_line

# Sign-ins, and rows that live for an hour, aren't backed up: people who were signed out since must stay signed out.
SHORT_LIVED = (BrowserSession, SignIn, PressKey, Upload)
# The worker rebuilds these from the texts.
INDEXES = (Vector, *(table for collection in COLLECTIONS for table in (collection.docs, collection.terms)))
# The rows of this table are created together with the triggers (app/db/public_version.py).
TRIGGER_TABLES = (PublicVersion,)
LEFT_OUT = {"alembic_version", *(model.__tablename__ for model in (*SHORT_LIVED, *INDEXES, *TRIGGER_TABLES))}
BATCH_ROWS = 500  # rows in memory at a time
BATCH_BYTES = 4 * 1024 * 1024  # bytes of lines whose rows are inserted together
# Fewer rows at a time are read from tables whose rows may have a mail of 25 MB.
BATCH_ROWS_BY_TABLE = {sealed.table.__tablename__: min(sealed.batch, BATCH_ROWS) for sealed in SEALED}


def reflect_tables(connection: Connection) -> dict[str, Table]:
    """Return the tables that belong in a backup by name, with the names of their key columns in `info["key"]`."""
    inspector = inspect(connection)
    tables = {}
    for name in sorted(inspector.get_table_names()):
        if name in LEFT_OUT or is_index(name):
            continue
        columns = [Column(column["name"], _column_type(column["type"])) for column in inspector.get_columns(name)]
        primary_key = inspector.get_pk_constraint(name)["constrained_columns"]
        tables[name] = Table(name, MetaData(), *columns, info={"key": primary_key})
    return tables


def _column_type(reflected_type: TypeEngine[Any]) -> TypeEngine[Any]:
    return UTCDateTime() if isinstance(reflected_type, DateTime) else reflected_type


def count_rows(connection: Connection, tables: dict[str, Table]) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {name: connection.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()}


def iter_lines(connection: Connection, tables: dict[str, Table], progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield a line for each table and for each of its rows. `progress` is called with 1 after each row."""
    for name, table in tables.items():
        yield encode_line({"table": name, "columns": table.columns.keys()})
        query = select(table).order_by(*(table.c[key] for key in table.info["key"]))
        batch_size = BATCH_ROWS_BY_TABLE.get(name, BATCH_ROWS)
        for row in connection.execute(query, execution_options={"yield_per": batch_size}):
            yield encode_line([_encode_value(value) for value in row])
            progress(1)


def _encode_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date):  # includes datetime, a subclass
        return value.isoformat()
    return value


def _get_decoder(column_type: TypeEngine[Any]) -> Callable[[Any], Any]:
    """Return the function that decodes a column's value from a line."""
    if isinstance(column_type, LargeBinary):
        return base64.b64decode
    if isinstance(column_type, UTCDateTime):
        return datetime.fromisoformat
    if isinstance(column_type, Date):
        return date.fromisoformat
    return lambda value: value


class BatchInserter:
    """Inserts rows into the tables of an empty database in batches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables = reflect_tables(connection)
        # The current batch: its table, the table's columns and their decoders in the order of the values, and its rows.
        self._table = ""
        self._decoders: list[tuple[str, Callable[[Any], Any]]] = []
        self._rows: list[dict[str, Any]] = []
        self._byte_count = 0

    def add(self, table: str, columns: list[str], raw_line: bytes) -> None:
        """Add a row's line to the batch of its table. Raises LookupError for an unknown table or column."""
        if table != self._table:
            self.flush()
            self._table = table
            self._decoders = [(name, _get_decoder(self._tables[table].c[name].type)) for name in columns]
        row = {}
        for (name, decode), value in zip(self._decoders, json.loads(raw_line), strict=True):
            row[name] = None if value is None else decode(value)
        self._rows.append(row)
        self._byte_count += len(raw_line)
        if len(self._rows) >= BATCH_ROWS or self._byte_count >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Insert the current batch."""
        if self._rows:
            self._connection.execute(insert(self._tables[self._table]), self._rows)
        self._rows = []
        self._byte_count = 0

    def set_sequences(self) -> None:
        """Set PostgreSQL's sequences to the highest IDs that were inserted; SQLite does so by itself."""
        if self._connection.dialect.name != "postgresql":
            return
        set_sequence = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :newest)")
        for name, table in self._tables.items():
            if "id" not in table.c:
                continue
            highest_id = self._connection.scalar(select(func.max(table.c.id)))
            if highest_id and highest_id > 0:  # random keys are negative (db/drawn_keys.py)
                self._connection.execute(set_sequence, {"name": name, "newest": highest_id})
