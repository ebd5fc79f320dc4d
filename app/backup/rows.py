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
WAYS_IN = (BrowserSession, SignIn, PressKey, Upload)
# The worker builds these again from the texts.
COPIES = (Vector, *(table for collection in COLLECTIONS for table in (collection.docs, collection.terms)))
# Created again with the triggers (app/db/public_version.py).
DRAWN = (PublicVersion,)
LEFT_OUT = {"alembic_version", *(model.__tablename__ for model in (*WAYS_IN, *COPIES, *DRAWN))}
# Rows held in memory at a time, fewer for tables whose rows may hold a mail of 25 MB.
AT_ONCE = {sealed.table.__tablename__: sealed.batch for sealed in SEALED}
MANY = 500
MOST_BYTES = 4 * 1024 * 1024  # of the lines of one batch


def tables_of(connection: Connection) -> dict[str, Table]:
    """Return the tables that belong in a backup, as reflected from the database."""
    look = inspect(connection)
    return {
        name: Table(
            name,
            MetaData(),
            *(Column(column["name"], _column_type(column["type"])) for column in look.get_columns(name)),
            info={"key": look.get_pk_constraint(name)["constrained_columns"]},
        )
        for name in sorted(look.get_table_names())
        if name not in LEFT_OUT and not is_index(name)
    }


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
        at_once = min(AT_ONCE.get(name, MANY), MANY)
        for row in connection.execute(rows, execution_options={"yield_per": at_once}):
            yield line([_encode_value(value) for value in row])
            progress(1)


def _encode_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _get_decoder(column_type: TypeEngine[Any]) -> Callable[[Any], Any]:
    """Return the function that decodes a column's value from a line."""
    if isinstance(column_type, LargeBinary):
        return base64.b64decode
    if isinstance(column_type, UTCDateTime):
        return datetime.fromisoformat
    return date.fromisoformat if isinstance(column_type, Date) else lambda value: value


class BatchInserter:
    """Insert rows into the tables of an empty database in batches."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._tables = connection, tables_of(connection)
        self._table = ""
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._read: list[tuple[str, Callable[[Any], Any]]] = []

    def take(self, table: str, columns: list[str], raw_line: bytes) -> None:
        """Add a row's line to the batch of its table. Raises LookupError for an unknown table or column."""
        if table != self._table:
            self.put()
            self._table = table
            self._read = [(name, _get_decoder(self._tables[table].c[name].type)) for name in columns]
        values = zip(self._read, json.loads(raw_line), strict=True)
        self._rows.append({name: None if value is None else read(value) for (name, read), value in values})
        self._bytes += len(raw_line)
        if len(self._rows) >= MANY or self._bytes >= MOST_BYTES:
            self.put()

    def put(self) -> None:
        """Insert the current batch."""
        if self._rows:
            self._connection.execute(insert(self._tables[self._table]), self._rows)
        self._rows, self._bytes = [], 0

    def number_on(self) -> None:
        """Set PostgreSQL's sequences behind the ids that were inserted; SQLite does so by itself."""
        if self._connection.dialect.name == "postgresql":
            for name, table in self._tables.items():
                newest = self._connection.scalar(select(func.max(table.c.id))) if "id" in table.c else None
                if newest and newest > 0:
                    to = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :newest)")
                    self._connection.execute(to, {"name": name, "newest": newest})
