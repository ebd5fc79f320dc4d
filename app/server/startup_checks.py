"""Reasons not to serve the newsroom as things are. Commands run all the same: most of these are mended by one."""

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
from ..db.sqlite import file_of
from ..text.translation import missing_catalogues
from ..workflows import key_rotation

REFUSED = "Readers Asked doesn't start"


def check(app: Flask, must_answer: bool = True) -> None:
    """Raise `Unsafe` with every reason at once.

    A database that doesn't answer is one of them only where it `must_answer`: a server that is there comes back by
    itself, and pages can wait for it.
    """
    database: Database = app.extensions["database"]
    faults = [*_unreadable_words()]
    if not app.config["DEMO"]:  # which has no secret
        faults += [*_readable_by_all(app.config["ENV_FILE"], database), *keyring.find_weak_keys(database.ring)]
    try:
        faults += [*shape_faults(database)] or key_faults(database)
    except SQLAlchemyError as error:
        faults += [unanswered(error)] if must_answer else []
    if faults:
        raise Unsafe(faults, REFUSED)


def unanswered(error: SQLAlchemyError) -> str:
    """Say why a database can't be asked, without its address, which may hold a password."""
    cause = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
    return f"the database (DATABASE_URL) doesn't answer: {cause}"


def _unreadable_words() -> Iterator[str]:
    if missing := missing_catalogues():
        yield f"the translations are not compiled ({', '.join(missing)}): run make install, or install the package anew"


def _readable_by_all(settings: str, database: Database) -> Iterator[str]:
    """Name what everybody on this machine could read."""
    for path in filter(None, (Path(settings) if settings else None, file_of(database.url))):
        if path.exists() and _is_open(path):
            yield f"{path} can be read by everybody on this machine: chmod 600 {path}"


def _is_open(path: Path) -> bool:
    """Return whether anybody could read this file, or write into it, through the folders that it lies in."""
    reached = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
    return reached and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


def shape_faults(database: Database) -> Iterator[str]:
    """Say where the tables are not those of this version."""
    known = migrate.revisions()
    with database.reader.connect() as connection:
        found = migrate.revision_of(connection)
    if found is not None and found not in known:
        yield f"the database is of a newer version than this program (migration {found}): install that version"
    elif found != known[-1]:
        yield f"the database is behind this program (migration {found or 'none'}): run readers-asked migrate"


def key_faults(database: Database) -> list[str]:
    """Say which keys of the settings are wrong for this database, or missing; where none is, note those that are new.

    A database of before keys were noted is asked whether what is in it opens.
    """
    with database.read() as session:
        found = [*keyring.faults(session)]
        if found or not (new := keyring.list_unrecorded_keys(session)):
            return found
        wrong = sorted({number for _column, number in key_rotation.find_undecryptable(session)}.intersection(new))
    if not wrong:
        with suppress(Busy):  # the next start notes them
            database.write(keyring.record_keys)
    return [f"SECRET_KEYS: key {number} is not the one that this database was sealed with" for number in wrong]
