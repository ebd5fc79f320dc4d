"""All commands of `readers-asked`. Those without a module of their own are here."""

import sys
from collections.abc import Sequence
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from app.settings.settings_table import reference_lines
from config import Unsafe, get_loopback_port, list_overridden, load

from ..answers.lifecycle import ANSWER, ASSIGNMENT
from ..core import permissions
from ..core.state_machine import list_moves
from ..crypto import keyring
from ..crypto.seal import Keys
from ..db import encryption
from ..db.migrate import NotMigrated, migrate
from ..db.sqlite import database_file
from ..editions.lifecycle import EDITION
from ..letters.lifecycle import LETTER
from ..mail.lifecycle import INBOUND, MAIL
from ..newsletters.lifecycle import NEWSLETTER
from ..questions.lifecycle import QUESTION, TRANSLATION, TRANSLATOR
from ..server import processes, startup_checks, worker
from ..web.current import db
from ..workflows.key_rotation import rotate
from . import mailroom as _mailroom  # noqa: F401 - its commands join `mail`
from .api import api
from .audit import audit
from .backup import backup, backup_key, restore
from .command_faults import is_setup_error, report_expected_errors, require_settings
from .counts import count_of
from .doctor import doctor
from .editions import editions
from .init import init
from .mail import mail
from .newsletters import newsletters
from .people import experts, staff
from .search import matching
from .transfer import export_newsletter, import_archive

MACHINES = (LETTER, QUESTION, ASSIGNMENT, ANSWER, TRANSLATION, TRANSLATOR, EDITION, NEWSLETTER, MAIL, INBOUND)
MOVE_COLUMNS = ("machine", "action", "from > to", "act", "needs", "tells")
ROLE_COLUMNS = ("role", "acts")

keys = AppGroup("keys", help="The secret keys that seal personal data.")


def _print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as Markdown."""
    for cells in (headers, ("---",) * len(headers), *rows):
        click.echo(f"| {' | '.join(cells)} |")


@click.command("lifecycle")
@click.option("--table", is_flag=True, help="Print the tables of roles and moves as Markdown.")
def lifecycle(table: bool) -> None:
    """Print the states of each noun and the number of moves between them."""
    if table:
        _print_table(ROLE_COLUMNS, permissions.list_roles())
        click.echo()
        _print_table(MOVE_COLUMNS, list_moves(MACHINES))
        return
    for machine in MACHINES:
        click.echo(f"{machine.noun}: {', '.join(machine.states)}; {len(machine.moves)} moves")


@click.command("settings")
def print_settings() -> None:
    """Print every setting with its meaning as Markdown, as in docs/configuration.md."""
    click.echo("\n".join(reference_lines()))


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Run web and worker together. Ctrl-C or SIGTERM stops both; if one of them ends, so does the other."""
    port = _check_before_serving()

    def print_url() -> None:
        url = current_app.config["BASE_URL"]
        at = f"{url}, for this machine alone" if get_loopback_port(url) else f"127.0.0.1:{port} for {url}"
        processes.say(f"Readers Asked runs at {at} (Ctrl-C stops it)")

    status = processes.serve(_get_app(), print_url, with_worker=True)
    processes.say("Stopped.")
    sys.exit(status)


@click.command("web")
@with_appcontext
def web() -> None:
    """Run the web pages only, in as many processes as WEB_CONCURRENCY says."""
    _check_before_serving()
    sys.exit(processes.serve(_get_app(), with_worker=False))


def _get_app() -> Flask:
    """Return the app itself. Other threads can't use `current_app`, a proxy that needs this command's context."""
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


def _check_before_serving() -> int:
    """Return the port to serve at. Raises ClickException if a check fails or the port is in use."""
    _check_before_starting(must_answer=True)
    for name in list_overridden():
        click.echo(
            f"NOTE: {name} is set in the environment, which overrides {current_app.config['ENV_FILE']}", err=True
        )
    port = int(current_app.config["PORT"])
    if not processes.is_free(port):
        raise click.ClickException(f"port {port} is in use: set PORT to another one, or stop the program that uses it")
    return port


def _check_before_starting(*, must_answer: bool) -> None:
    """Raise ClickException if `startup_checks` find a fault. With `must_answer`, a silent database is a fault too."""
    require_settings()
    try:
        startup_checks.check(current_app, must_answer)
    except Unsafe as error:
        raise click.ClickException(str(error)) from None


@click.command("worker")
@click.option("--once", is_flag=True, help="Perform every duty once and exit.")
@with_appcontext
def run_worker(once: bool) -> None:
    """Fetch, file and deliver mail, plan editions, follow up on missed deadlines, and erase what is due."""
    _check_before_starting(must_answer=False)
    worker.run(_get_app(), run_once=once)


@click.command("migrate")
@with_appcontext
def run_migrations() -> None:
    """Create the tables of the database, or migrate them to this version; existing data is kept.

    Prints each migration; if one fails, none is applied. While another process uses a table, it is retried for half a
    minute. Stop web and worker first.
    """
    steps: list[str] = []

    def say(line: str) -> None:
        is_step = line[:1].isdigit()  # the line of a step begins with its number; other lines report a failed attempt
        if is_step:
            steps.append(line)
        click.echo(line)

    try:
        migrate(db.url, say=say, key=db.file_key)
    except Exception as error:  # after any error, the database is unchanged
        if is_setup_error(error):
            raise
        if isinstance(error, NotMigrated):
            reason = str(error)
        else:
            step = f"The migration after {steps[-1].split()[0]}" if steps else "The first migration"
            reason = f"{step} failed: {type(error).__name__}."
        raise click.ClickException(f"The database is unchanged: no migration was applied. {reason}") from error
    click.echo("The tables are up to date." if steps else "The tables were already up to date.")
    if key_faults := startup_checks.check_and_record_keys(db):
        raise click.ClickException("the tables are up to date, but " + "\n  ".join(key_faults))


@click.command("convert-database")
def convert_database() -> None:
    """Encrypt or decrypt the SQLite file, as ENCRYPT_DATABASE says, or encrypt it with the newest of SECRET_KEYS.

    Stop web and worker first. It needs as much disk space again as the file has. The old file is deleted, but its
    blocks may stay on the disk until they are overwritten.
    """
    settings = load()
    file = database_file(settings["DATABASE_URL"])
    if file is None:
        raise click.ClickException("the database isn't an SQLite file (DATABASE_URL)")
    if encryption.is_encrypted(file) is None:
        raise click.ClickException(f"{file} doesn't exist, is empty, or can't be read")
    secrets = Keys(settings["SECRETS"])
    try:
        old_key = encryption.find_file_key(file, secrets)
    except encryption.UnreadableFile as error:
        raise click.ClickException(str(error)) from None
    new_key = encryption.derive_file_key(secrets) if settings["ENCRYPT_DATABASE"] else None
    if new_key == old_key:
        click.echo(f"Nothing to do: {file} is {'encrypted with the newest key' if new_key else 'not encrypted'}.")
        return
    try:
        encryption.convert(file, old_key, new_key)
    except encryption.NotConverted as error:
        raise click.ClickException(f"{file} was not converted: {error}. Nothing was changed.") from None
    click.echo(f"{file} is {'encrypted with the newest key' if new_key else 'no longer encrypted'}.")


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal everything again with the newest key.

    Older keys can then be removed from SECRET_KEYS. The database keeps them, sealed with the newest, because receipts,
    links and the record of received mails are hashes under them. People who are signed in may have to sign in again.
    """
    with click.progressbar(rotate(db), label="Sealing again") as steps:
        total = sum(steps)
    click.echo(f"{count_of(total, 'values')} sealed again with the newest key")
    with db.read() as session:
        stored_keys = keyring.list_stored_keys(session)
    if stored_keys:
        numbers = ", ".join(map(str, stored_keys))
        click.echo(
            f"Kept in the database for receipts and links, sealed with the newest: key {numbers}. "
            "After you have restarted web and worker, SECRET_KEYS no longer needs it."
        )
    if db.has_older_file_key:
        click.echo(
            "The database file itself is still encrypted with an older key: before you take that out, stop web and "
            "worker and run readers-asked convert-database."
        )


class UnusableSettings:
    """A stand-in for the database if the settings can't be used. Any access raises ClickException with the faults."""

    def __init__(self, unsafe: Unsafe) -> None:
        self._unsafe = unsafe

    def __getattr__(self, name: str) -> Any:
        raise click.ClickException(str(self._unsafe))


def without_settings(app: Flask, unsafe: Unsafe) -> Flask:
    """Return the app with its commands, some of which need no settings. It serves no requests."""

    def refuse(*_: Any) -> Any:
        raise unsafe

    app.extensions["database"] = UnusableSettings(unsafe)
    app.wsgi_app = refuse  # type: ignore[method-assign, assignment]
    register(app)
    return app


GROUPS = (keys, newsletters, staff, experts, editions, mail, matching, audit, api)
COMMANDS = (
    init,
    serve,
    web,
    run_worker,
    run_migrations,
    convert_database,
    doctor,
    backup,
    backup_key,
    restore,
    export_newsletter,
    import_archive,
    print_settings,
    lifecycle,
    *GROUPS,
)
for _command in COMMANDS:  # by now, the groups have all of their commands, including those of `mailroom`
    report_expected_errors(_command)


def register(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
