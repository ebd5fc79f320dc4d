"""The tables of a database as lines, and lines as rows of another one, whatever revision and kind the two are."""

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
from .packing import line

# Sign-ins, and rows that live for an hour, aren't restored: whoever was signed out since stays signed out.
SHORT_LIVED = (BrowserSession, SignIn, PressKey, Upload)
# The worker builds these again from the texts.
INDEXES = (Vector, *(table for collection in COLLECTIONS for table in (collection.docs, collection.terms)))
# The triggers' table: its row is created again together with them (app/db/public_version.py).
TRIGGER_TABLES = (PublicVersion,)
LEFT_OUT = {"alembic_version", *(model.__tablename__ for model in (*SHORT_LIVED, *INDEXES, *TRIGGER_TABLES))}
MOST_ROWS = 500  # held in memory at a time
MOST_BYTES = 4 * 1024 * 1024  # of the lines of one batch
# Fewer rows are held in memory of tables whose rows may hold a mail of 25 MB.
MOST_ROWS_OF = {sealed.table.__tablename__: min(sealed.batch, MOST_ROWS) for sealed in SEALED}


def tables_of(connection: Connection) -> dict[str, Table]:
    """Return the tables that belong in a backup, as reflected from the database."""
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


def counts_of(connection: Connection, tables: dict[str, Table]) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {name: connection.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()}


def lines_of(connection: Connection, tables: dict[str, Table], progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield each table's name and columns, and its rows; `progress` is called for each row."""
    for name, table in tables.items():
        yield line({"table": name, "columns": table.columns.keys()})
        rows = select(table).order_by(*(table.c[key] for key in table.info["key"]))
        batch_size = MOST_ROWS_OF.get(name, MOST_ROWS)
        for row in connection.execute(rows, execution_options={"yield_per": batch_size}):
            yield line([_encode_value(value) for value in row])
            progress(1)


def _encode_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date):  # or a datetime, which is one too
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
    """Insert rows into the tables of an empty database in batches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tables = tables_of(connection)
        self._table = ""  # of the current batch
        self._decoders: list[tuple[str, Callable[[Any], Any]]] = []  # with the columns of the current batch, in order
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

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
        self._bytes += len(raw_line)
        if len(self._rows) >= MOST_ROWS or self._bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Insert the current batch."""
        if self._rows:
            self._connection.execute(insert(self._tables[self._table]), self._rows)
        self._rows = []
        self._bytes = 0

    def set_sequences(self) -> None:
        """Set PostgreSQL's sequences to the last ids that were inserted; SQLite does so by itself."""
        if self._connection.dialect.name != "postgresql":
            return
        set_sequence = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :newest)")
        for name, table in self._tables.items():
            if "id" not in table.c:
                continue
            newest = self._connection.scalar(select(func.max(table.c.id)))
            if newest and newest > 0:
                self._connection.execute(set_sequence, {"name": name, "newest": newest})
