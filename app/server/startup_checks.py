"""Checks before web or worker start. Other commands skip them, since they are used to fix most of these faults."""

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
    """Raise `Unsafe` with all reasons not to start.

    A database that doesn't respond is a reason only with `must_answer`. Otherwise web and worker wait until it is back.
    """
    database: Database = app.extensions["database"]
    faults = [*_find_missing_catalogues()]
    if not app.config["DEMO"]:  # the demo has no secrets
        if app.debug:
            faults.append("FLASK_DEBUG is set, which shows code and values to visitors when a page fails: unset it")
        faults += [*_find_world_readable_files(app.config["ENV_FILE"], database)]
        faults += [*keyring.find_weak_keys(database.keyring)]
    try:
        faults += [*find_schema_faults(database)] or check_and_record_keys(database)
    except SQLAlchemyError as error:
        if must_answer:
            faults.append(describe_no_response(error))
    if faults:
        raise Unsafe(faults, REFUSED)


def describe_no_response(error: SQLAlchemyError) -> str:
    """Return a message with the reason that the driver gave, but without DATABASE_URL, which may contain a password."""
    cause = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
    return f"the database (DATABASE_URL) doesn't answer: {cause}"


def _find_missing_catalogues() -> Iterator[str]:
    if missing := missing_catalogues():
        yield f"the translations are not compiled ({', '.join(missing)}): run make install, or install the package anew"


def _find_world_readable_files(env_file: str, database: Database) -> Iterator[str]:
    """Yield a message if every user of this machine can read the settings file or the SQLite file."""
    paths = [Path(env_file) if env_file else None, database_file(database.url)]
    for path in paths:
        if path is not None and path.exists() and _is_accessible_to_others(path):
            yield f"{path} can be read by everybody on this machine: chmod 600 {path}"


def _is_accessible_to_others(path: Path) -> bool:
    """Return whether any user can read or write this file. The permissions of its folders count too."""
    can_reach = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
    can_open = bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    return can_reach and can_open


def find_schema_faults(database: Database) -> Iterator[str]:
    """Yield a message if the database is at another migration than this version. Raises SQLAlchemyError."""
    known_revisions = migrate.list_revisions()
    with database.reader.connect() as connection:
        revision = migrate.get_revision(connection)
    if revision is not None and revision not in known_revisions:
        yield f"the database is of a newer version than this program (migration {revision}): install that version"
    elif revision != known_revisions[-1]:
        yield f"the database is behind this program (migration {revision or 'none'}): run readers-asked migrate"


def check_and_record_keys(database: Database) -> list[str]:
    """Return a message for each key of SECRET_KEYS that is missing, or isn't the key that sealed this database.

    Keys that aren't recorded yet, as in a database from before keys were recorded, are tested by decrypting sealed
    values. If there are no faults, these keys are then recorded.
    """
    with database.read() as session:
        faults = [*keyring.find_key_faults(session)]
        if faults:
            return faults
        new_keys = keyring.list_unrecorded_keys(session)
        if not new_keys:
            return []
        undecryptable = {number for _column, number in key_rotation.find_undecryptable(session)}
        wrong_keys = sorted(undecryptable.intersection(new_keys))
    if not wrong_keys:
        with suppress(Busy):  # the next start records them
            database.write(keyring.record_keys)
    return [f"SECRET_KEYS: key {number} is not the one that this database was sealed with" for number in wrong_keys]
