"""Encryption of the SQLite file with SQLCipher, if the setting ENCRYPT_DATABASE is 1.

SQLCipher encrypts every page of the file and of its log with AES-256, and authenticates it with HMAC-SHA512
(https://www.zetetic.net/sqlcipher/design/). The key is derived from a secret of SECRET_KEYS, so a stolen file reveals
nothing without the settings: no text, no name, no time, and no index. Queries and the schema are the same as without.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from ..crypto.seal import Keys

PLAIN_HEADER = (
    b"SQLite format 3\0"  # the first bytes of a file that isn't encrypted (https://sqlite.org/fileformat.html)
)
CONVERTED_SUFFIX = ".converting"  # of the file that `convert` fills, beside the old one
BUSY_TIMEOUT = 2_000  # milliseconds for which `convert` waits for the last connection of others to close


class UnreadableFile(Exception):
    """Raised if the SQLite file isn't as ENCRYPT_DATABASE says, or no secret opens it. The message says what to do."""


class NotConverted(Exception):
    """Raised by `convert`, which then left the file as it was. The message says why."""


def get_driver(key: bytes | None) -> Any:
    """Return the DB-API module for an encrypted file, or for a plain one if `key` is None.

    Raises `UnreadableFile` if the extra `encryption` isn't installed.
    """
    if key is None:
        return sqlite3
    try:
        from sqlcipher3 import dbapi2
    except ImportError:
        raise UnreadableFile(
            "an encrypted database needs the extra `encryption`; docs/install.md says how to install it"
        ) from None
    return dbapi2


def connect(file: Path | str, key: bytes | None, **options: Any) -> Any:
    """Open a connection of the driver to a file with this key, or to a plain one if it is None."""
    connection = get_driver(key).connect(str(file), **options)
    if key:
        connection.execute(f'PRAGMA key = "{_quote(key)}"')
    return connection


def _quote(key: bytes) -> str:
    """Return the key as SQLCipher takes it without deriving another one from it."""
    return f"x'{key.hex()}'"


def create_sqlite_engine(url: str, key: bytes | None, **options: Any) -> Engine:
    """Create an engine for a plain file, or for one encrypted with `key`."""
    engine = create_engine(url, module=get_driver(key), **options)
    if key:
        event.listen(engine, "do_connect", lambda _dialect, _record, args, kwargs: connect(args[0], key, **kwargs))
    return engine


def derive_file_key(keys: Keys, number: int | None = None) -> bytes:
    """Return the key of a file that is encrypted with secret `number`, by default with the newest."""
    return keys.derive("database file", number)


def is_encrypted(file: Path) -> bool | None:
    """Return whether a file is encrypted, or None if it is missing, empty or unreadable."""
    try:
        with file.open("rb") as opened:
            header = opened.read(len(PLAIN_HEADER))
    except OSError:  # if it is there and can't be read, the driver says why
        return None
    return header != PLAIN_HEADER if header else None


def find_file_key(file: Path, keys: Keys) -> bytes | None:
    """Return the key that opens an encrypted file, None if it isn't encrypted, or the newest key if there is no file.

    Raises `UnreadableFile` if it was encrypted with a secret that `keys` lack.
    """
    state = is_encrypted(file)
    if state is None:
        return derive_file_key(keys)
    if not state:
        return None
    for number in sorted(keys.configured_numbers, reverse=True):
        key = derive_file_key(keys, number)
        if _opens(file, key):
            return key
    raise UnreadableFile(
        f"{file} can't be decrypted with any of SECRET_KEYS: put back the key that was taken out. "
        "If it isn't a database of Readers Asked, DATABASE_URL names the wrong file"
    )


def _opens(file: Path, key: bytes) -> bool:
    driver = get_driver(key)
    with closing(connect(file, key)) as connection:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
        connection.execute("PRAGMA cipher_log_level = NONE")  # otherwise SQLCipher reports a wrong key on stderr
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema")
        except driver.DatabaseError:
            return False
        else:
            return True
        finally:
            connection.execute("PRAGMA cipher_log_level = ERROR")  # SQLCipher's default, for the whole process


def open_as_set(file: Path, keys: Keys, *, encrypts: bool) -> bytes | None:
    """Return the key to open a file with, or None for a plain one; `encrypts` is the setting ENCRYPT_DATABASE.

    Raises `UnreadableFile` if the file isn't as the setting says, or no secret opens it.
    """
    state = is_encrypted(file)
    if state is not None and state is not encrypts:
        raise UnreadableFile(
            f"{file} is{'' if state else ' not'} encrypted: set it to {int(state)}, or stop web and worker and run "
            "readers-asked convert-database"
        )
    return find_file_key(file, keys) if encrypts else None


def convert(file: Path, old_key: bytes | None, new_key: bytes | None) -> None:
    """Rewrite a file with another key, or as a plain one if `new_key` is None.

    A new file is written beside it and then takes its place, so an interruption leaves the old one. The blocks of the
    old file are freed, not wiped. Raises `NotConverted` if another process uses the file, or if it is damaged or the
    disk is full.
    """
    driver = get_driver(old_key or new_key)  # SQLCipher's driver opens plain files too
    converted = file.with_name(file.name + CONVERTED_SUFFIX)
    converted.unlink(missing_ok=True)  # of an attempt that was killed
    try:
        os.close(os.open(converted, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(driver.connect(str(file), isolation_level=None)) as connection:
            _take_alone(connection, old_key)
            connection.execute(
                "ATTACH DATABASE ? AS converted KEY ?", (str(converted), _quote(new_key) if new_key else "")
            )
            connection.execute("SELECT sqlcipher_export('converted')").fetchall()
            connection.execute("DETACH DATABASE converted")
        with closing(connect(converted, new_key)) as connection:
            if (found := connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise NotConverted(found)
        os.replace(converted, file)
    except driver.Error as error:
        is_busy = getattr(error, "sqlite_errorcode", None) == driver.SQLITE_BUSY
        raise NotConverted("it is in use: stop web and worker" if is_busy else str(error)) from error
    finally:
        converted.unlink(missing_ok=True)


def _take_alone(connection: Any, key: bytes | None) -> None:
    """Open the file for this connection alone, and move the log into it. Fails while another connection is open."""
    if key:
        connection.execute(f'PRAGMA key = "{_quote(key)}"')
    for pragma in (f"busy_timeout={BUSY_TIMEOUT}", "locking_mode=EXCLUSIVE", "journal_mode=DELETE"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")
