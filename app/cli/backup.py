"""`readers-asked backup FILE` and `restore FILE`, and `backup-key FILE`, which creates a key pair for backups."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from ..audit.known_head import NO_HEAD, find_fault
from ..audit.models import ChainLink, Erasure
from ..backup import making, restoring
from ..backup.atomic_file import Changed, atomic_file
from ..backup.erasing_again import ERASURE_KINDS
from ..backup.erasure_list import ErasureListWriter, Erasures, NotOurList, read_list, write_head
from ..backup.packing import Identity, Recipient, UnreadableBackup, check_keys
from ..db.engine import Database
from ..db.fault_kinds import fault_code
from .command_faults import require_settings
from .counts import count_of

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
INCOMPLETE_ERASURES_WARNING = (
    "This restore brings back what readers withdrew and what the rules erased after that: texts, names, addresses, "
    "withdrawn pages. Look for a newer list: at ERASURES on the old machine, or beside a newer backup "
    "(--erasures FILE)."
)


@click.command("backup")
@click.argument("file", type=FILE)
@click.option(
    "--to", "keys", multiple=True, metavar="KEY", help="Seal it for this public key (age1… or ssh-…). Can be repeated."
)
@click.option("--replace", is_flag=True, help="Replace FILE once the new backup is complete.")
@with_appcontext
def backup(file: Path, keys: tuple[str, ...], replace: bool) -> None:
    """Write a snapshot of all the newsroom's data to FILE; web and worker may keep running.

    FILE.erasures, written beside it, lists what was erased; a later restore needs it. Neither file contains
    SECRET_KEYS, without which letters, addresses and texts can't be decrypted: keep a copy of them elsewhere.
    """
    database = get_database()
    recipients = [_parse_recipient(key) for key in keys]
    erasures_path = Path(current_app.config["ERASURES"])
    with report_errors(file, "Nothing was written.", can_replace=True):
        try:
            inspector = inspect(database.reader)
            if inspector.has_table(Erasure.__tablename__):  # before an upgrade, neither table may exist
                has_chain = inspector.has_table(ChainLink.__tablename__)
                ErasureListWriter(erasures_path).update(database, has_chain=has_chain)
        except OSError as error:
            click.echo(
                f"WARNING: the list of erasures at {erasures_path} can't be written ({error.strerror}).", err=True
            )
        with click.progressbar(length=1, label="Writing") as bar:

            def progress(row_count: int, total: int) -> None:
                bar.length = max(total, 1)
                bar.update(row_count)

            counts = making.create_backup(database, file, recipients, erasures_path, replace=replace, progress=progress)
    protection = f"sealed for {count_of(len(recipients), 'keys')}" if recipients else "NOT sealed"
    rows, size = count_of(sum(counts.values()), "rows"), file.stat().st_size
    click.echo(f"{rows} of {len(counts)} tables in {file}, {size} bytes, {protection}")


@click.command("backup-key")
@click.argument("file", type=FILE)
def backup_key(file: Path) -> None:
    """Create a key pair: write the secret key to FILE, and print the public one for `backup --to`.

    Anyone who has FILE can read every backup that was sealed for its public key; lose it and nobody can. Keep it away
    from the server.
    """
    import pyrage  # here and below, not at the top: other commands don't need it

    identity = pyrage.x25519.Identity.generate()
    with report_errors(file, "Nothing was written."), atomic_file(file) as key_file:
        key_file.write(f"# public key: {identity.to_public()}\n{identity}\n".encode())
    click.echo(identity.to_public())


@click.command("restore")
@click.argument("file", type=EXISTING_FILE)
@click.option("--key", type=EXISTING_FILE, help="The file with the secret key that FILE was sealed for.")
@click.option("--erasures", type=EXISTING_FILE, help="A list of erasures to use besides ERASURES and FILE.erasures.")
@click.option(
    "--without-erasures",
    is_flag=True,
    help="Don't ask for confirmation if the list of what was erased since the backup is missing or incomplete.",
)
@click.option("--check", is_flag=True, help="Read FILE to its end and report what is in it; change nothing.")
@with_appcontext
def restore(file: Path, key: Path | None, erasures: Path | None, without_erasures: bool, check: bool) -> None:
    """Fill an empty database from the backup FILE, made on SQLite or PostgreSQL, and migrate it to this version.

    The whole file is checked before the first row is written, and everything is restored or nothing. What was erased
    since the backup is erased again.
    """
    database = get_database()
    source = restoring.Source(file, _read_identities(key), database.keyring)
    with report_errors(file, "Nothing was restored."):
        if not check:
            restoring.refuse_unless_empty(database)
        with _progress_by_bytes(file, "Checking") as progress:
            manifest = restoring.check(source, progress)
        _print_manifest(manifest, database)
        if check:
            return
        paths = [Path(current_app.config["ERASURES"]), file.with_name(file.name + making.ERASURES_SUFFIX)]
        if erasures:
            paths.append(erasures)
        known_erasures = _load_erasures(paths, manifest, database, is_confirmed=without_erasures)
        lines = known_erasures.lines if known_erasures else frozenset()
        with _progress_by_bytes(file, "Restoring") as progress:
            restored = restoring.restore(source, manifest, database, lines, progress)
    click.echo(f"{count_of(sum(restored.rows.values()), 'rows')} of {len(restored.rows)} tables restored.")
    erased = [f"{count} {ERASURE_KINDS[kind].label}" for kind, count in restored.erased.items()]
    click.echo(f"Erased again: {', '.join(erased) or 'nothing that is in the backup'}.")
    if restored.waiting_mails:
        click.echo(
            f"{restored.waiting_mails} mails are waiting in the outbox; a worker sends them, even if they were sent "
            "before."
        )
    click.echo(
        "Everybody has to sign in again. People who were removed since the backup have access again: check the desk's "
        "people."
    )
    if known_erasures:
        _compare_heads(paths[0], known_erasures, database)


def _compare_heads(path: Path, known_erasures: Erasures, database: Database) -> None:
    """Note the newest head of these lists in the list at `path`, and warn if the restored chain lacks it."""
    acknowledgements = known_erasures.newest_head.acknowledgements
    heads = [head for head in known_erasures.heads if head.acknowledgements == acknowledgements]
    with database.read() as session:
        faults = {head: fault for head in heads if (fault := find_fault(session, head))}
    known_head = max(faults or heads)
    if known_head == NO_HEAD:
        return
    try:
        write_head(path, known_head, database.keyring)
    except OSError as error:
        click.echo(f"WARNING: the list of erasures at {path} can't be written ({error.strerror}).", err=True)
    if faults:
        click.echo(
            f"WARNING: the trail lacks events after the backup; {faults[known_head]}. The worker adds no event to the "
            "chain, and `doctor` reports it, until you run `readers-asked audit acknowledge`.",
            err=True,
        )


def get_database() -> Database:
    """Return the database of the app. Raises ClickException with the faults if the settings can't be used."""
    require_settings()
    return current_app.extensions["database"]  # type: ignore[no-any-return]


@contextmanager
def report_errors(file: Path, outcome: str, can_replace: bool = False) -> Iterator[None]:
    """Turn expected errors of the block into a ClickException, whose message ends with the sentence `outcome`.

    With `can_replace`, the message about a file that exists mentions the option --replace.
    """
    try:
        yield
    except FileExistsError:
        option = ", or use --replace" if can_replace else ""
        raise click.ClickException(f"{file} already exists. Choose another file{option}. {outcome}") from None
    except Changed:
        raise click.ClickException(
            f"The disk returned different bytes than were written: don't trust it. {outcome}"
        ) from None
    except making.UnusableDatabase as error:
        raise click.ClickException(f"{error} {outcome}") from None
    except NotOurList as error:
        raise click.ClickException(f"{error} is not a list of erasures of this newsroom. {outcome}") from None
    except (UnreadableBackup, restoring.NotEmpty) as error:
        raise click.ClickException(f"{error} {outcome}") from None
    except DBAPIError as error:  # its message could quote a reader
        cause = fault_code(error) or type(error).__name__
        raise click.ClickException(f"The database reported an error ({cause}). {outcome}") from None
    except OSError as error:
        why = "The disk is full" if error.errno in DISK_FULL_ERRORS else str(error.strerror)
        raise click.ClickException(f"{why} ({error.filename or file.parent}). {outcome}") from None


@contextmanager
def _progress_by_bytes(file: Path, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, and yield the function that advances it by a number of bytes of the file."""
    with click.progressbar(length=max(file.stat().st_size, 1), label=label) as bar:
        yield bar.update


def _parse_recipient(key: str) -> Recipient:
    import pyrage

    key_type = pyrage.ssh if key.startswith("ssh-") else pyrage.x25519
    try:
        return key_type.Recipient.from_str(key.strip())
    except pyrage.RecipientError:
        raise click.UsageError(
            "--to must be a public key like age1… (from `readers-asked backup-key FILE`) or ssh-ed25519 …"
        ) from None


def _read_identities(key_file: Path | None) -> list[Identity]:
    if key_file is None:
        return []
    import pyrage

    content = key_file.read_bytes()
    try:
        if b"PRIVATE KEY" in content:
            return [pyrage.ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode().splitlines()]
        return [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise click.UsageError(
            "--key must be a file with a secret key: a line AGE-SECRET-KEY-1…, or a private key of OpenSSH"
        ) from None


def _print_manifest(manifest: dict[str, Any], database: Database) -> None:
    rows = manifest["rows"]
    tables = ("newsletters", "letters", "questions", "answers", "people")
    counts = ", ".join(f"{rows[table]} {table}" for table in tables if table in rows)
    click.echo(
        f"Backup of {_format_time(manifest['at'])}, by Readers Asked {manifest['version']} (migration "
        f"{manifest['revision']}, {manifest['database']}): {counts}."
    )
    if missing := check_keys(manifest, database.keyring):
        click.echo(
            f"WARNING: SECRET_KEYS lacks key {', '.join(map(str, missing))}, which the newsroom had: what was sealed "
            "with it can't be opened.",
            err=True,
        )


def _load_erasures(
    paths: list[Path], manifest: dict[str, Any], database: Database, *, is_confirmed: bool
) -> Erasures | None:
    """Return the union of the lists in these files, or None if there is no list.

    If the union may be incomplete, print warnings, and ask for confirmation unless `is_confirmed`. Raises
    `UnreadableBackup` if the user refuses, or if there is no terminal to ask.
    """
    # Read all of them before anything is printed: an unreadable list ends the restore.
    lists = [(path, read_list(path, database.keyring)) for path in paths]
    known: Erasures | None = None
    for path, erasures in lists:
        if not erasures:
            continue
        complete_to = f"{erasures.complete_to:%Y-%m-%d %H:%M:%S}"
        click.echo(f"{path}: {count_of(len(erasures.lines), 'erasures')}, complete to {complete_to} UTC")
        known = known | erasures if known else erasures
    warnings = _list_warnings(known, paths, manifest, database)
    if not warnings:
        return known
    for warning in warnings:
        click.echo(f"WARNING: {warning}", err=True)
    click.echo(INCOMPLETE_ERASURES_WARNING, err=True)
    if not is_confirmed and sys.stdin.isatty():
        is_confirmed = click.confirm("Restore anyway?", err=True)
    if not is_confirmed:
        raise UnreadableBackup("Use --without-erasures to restore anyway.")
    return known


def _list_warnings(
    known: Erasures | None, paths: list[Path], manifest: dict[str, Any], database: Database
) -> list[str]:
    """Return the reasons why the list of erasures may be incomplete."""
    backup_time = datetime.fromisoformat(manifest["at"])
    warnings = []
    if known is None:
        warnings.append(
            f"No list of erasures was found ({', '.join(map(str, paths))}); "
            f"the backup is of {_format_time(manifest['at'])}."
        )
    elif known.complete_to <= backup_time:
        warnings.append(f"The newest list of erasures is no newer than the backup of {_format_time(manifest['at'])}.")
    if known:
        unknown_keys = {key_number for key_number, _hash in known.lines} - set(database.keyring.numbers)
        if unknown_keys:
            numbers = ", ".join(map(str, sorted(unknown_keys)))
            warnings.append(f"The list has erasures under keys that SECRET_KEYS lacks (key {numbers}).")
    return warnings


def _format_time(timestamp: str) -> str:
    return f"{datetime.fromisoformat(timestamp):%Y-%m-%d %H:%M} UTC"
