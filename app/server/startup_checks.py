"""Reasons to refuse to start the server. Commands run nevertheless, since most of these faults are fixed by one."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from config import Unsafe

from ..crypto import keyring
from ..db import migrate
from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..db.sqlite import database_file
from ..text.translation import missing_catalogues
from ..workflows import key_rotation

REFUSED = "Readers Asked doesn't start"


def check(app: Flask, must_answer: bool = True) -> None:
    """Raise `Unsafe` with all reasons at once.

    A database that doesn't answer is a reason only if it `must_answer`: an existing server will come back by itself,
    and pages can wait for it.
    """
    database: Database = app.extensions["database"]
    faults = [*_unreadable_words()]
    if not app.config["DEMO"]:  # the demo has no secrets
        faults += [*_readable_by_all(app.config["ENV_FILE"], database), *keyring.find_weak_keys(database.keyring)]
    try:
        faults += [*shape_faults(database)] or key_faults(database)
    except SQLAlchemyError as error:
        faults += [unanswered(error)] if must_answer else []
    if faults:
        raise Unsafe(faults, REFUSED)


def unanswered(error: SQLAlchemyError) -> str:
    """Describe why the database doesn't answer, without its URL, which may hold a password."""
    cause = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
    return f"the database (DATABASE_URL) doesn't answer: {cause}"


def _unreadable_words() -> Iterator[str]:
    if missing := missing_catalogues():
        yield f"the translations are not compiled ({', '.join(missing)}): run make install, or install the package anew"


def _readable_by_all(settings: str, database: Database) -> Iterator[str]:
    for path in filter(None, (Path(settings) if settings else None, database_file(database.url))):
        if path.exists() and _is_open(path):
            yield f"{path} can be read by everybody on this machine: chmod 600 {path}"


def _is_open(path: Path) -> bool:
    """Return whether any user could read or write this file, considering the permissions of its folders too."""
    reached = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
    return reached and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


def shape_faults(database: Database) -> Iterator[str]:
    """Yield a message if the database is at another migration than this version. Raises SQLAlchemyError."""
    known = migrate.list_revisions()
    with database.reader.connect() as connection:
        found = migrate.get_revision(connection)
    if found is not None and found not in known:
        yield f"the database is of a newer version than this program (migration {found}): install that version"
    elif found != known[-1]:
        yield f"the database is behind this program (migration {found or 'none'}): run readers-asked migrate"


def key_faults(database: Database) -> list[str]:
    """Return a message for each secret of the settings that is wrong for this database or missing; if there are none,
    record the new secrets.

    If any are new, which they also are in a database from before secrets were recorded, sealed values are opened to
    test them.
    """
    with database.read() as session:
        found = [*keyring.find_key_faults(session)]
        if found or not (new := keyring.list_unrecorded_keys(session)):
            return found
        wrong = sorted({number for _column, number in key_rotation.find_undecryptable(session)}.intersection(new))
    if not wrong:
        with suppress(Busy):  # the next start records them
            database.write(keyring.record_keys)
    return [f"SECRET_KEYS: key {number} is not the one that this database was sealed with" for number in wrong]
