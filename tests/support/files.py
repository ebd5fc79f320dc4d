"""The files of a database, byte by byte, as a thief of them would look."""

from pathlib import Path

from sqlalchemy import text

from app.db.engine import Database
from app.db.secure_delete import Rewriter
from tests.support.waiting import until


def bytes_of(database: Database) -> bytes:
    """All that stands in the files of a database. Nothing is tidied up first."""
    if database.is_sqlite:
        path = Path(database.url.removeprefix("sqlite:///"))
        return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text("CHECKPOINT")
        )  # what PostgreSQL holds in memory has to stand in its files to be seen there
        rows = connection.execute(
            text(
                "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class "
                "WHERE relkind IN ('r', 'i', 't') AND pg_relation_filepath(oid) IS NOT NULL"
            )
        )
        return b"".join(bytes(row[0]) for row in rows)


def standing(database: Database, *words: str | bytes) -> list[str | bytes]:
    """Those of some words that stand in the files."""
    written = bytes_of(database)
    return [word for word in words if (word.encode() if isinstance(word, str) else word) in written]


def left(database: Database, *words: str | bytes) -> list[str | bytes]:
    """Those that stand there still when the erasure is over: on PostgreSQL the worker has a part in it.

    It learns of changed rows from the server's statistics, which come a second later.
    """
    if not database.is_sqlite:
        rewriter = Rewriter()

        def gone() -> bool:
            rewriter.rewrite(database)
            return not standing(database, *words)

        until(gone, "what was erased to leave the files of PostgreSQL")
    return standing(database, *words)
