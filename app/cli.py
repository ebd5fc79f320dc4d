"""The commands: `flask lifecycle`, `migrate`, `newsletters`, `staff`, `editions`, `mail`, `keys`, `matching`, `worker`,
`doctor`, `backup` and `restore`.
"""

from collections.abc import Sequence
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from config import Unsafe

from . import permissions, worker
from .answers.lifecycle import ANSWER, ASSIGNMENT
from .backup.cli import backup, backup_key, restore
from .editions.cli import editions
from .editions.lifecycle import EDITION
from .indexing import run_index
from .letters.lifecycle import LETTER
from .lifecycle import as_rows
from .mail.cli import mail
from .mail.lifecycle import INBOUND, MAIL
from .mailroom.cli import doctor
from .matching.cli import matching
from .migrate import NotMigrated, migrate
from .newsletters.cli import newsletters
from .people.cli import experts, staff
from .questions.lifecycle import QUESTION
from .rotation import rotate
from .running import db

MACHINES = (LETTER, QUESTION, ASSIGNMENT, ANSWER, EDITION, MAIL, INBOUND)
matching.add_command(run_index)  # it knows the nouns, which matching does not
HEADS = ("machine", "action", "from > to", "act", "needs", "tells")
HEADS_OF_ROLES = ("role", "acts")

keys = AppGroup("keys", help="The secrets that seal what could name a person.")


def _print(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    click.echo("\n".join(f"| {' | '.join(row)} |" for row in (heads, ("---",) * len(heads), *rows)))


@click.command("lifecycle")
@click.option("--table", is_flag=True, help="Print the tables of roles and of moves as Markdown.")
def lifecycle(table: bool) -> None:
    """Print the policy of the house: what may happen to what, by whom."""
    if table:
        _print(HEADS_OF_ROLES, permissions.as_rows())
        click.echo()
        _print(HEADS, as_rows(MACHINES))
        return
    for machine in MACHINES:
        click.echo(f"{machine.noun}: {', '.join(machine.states)}; {len(machine.moves)} moves")


@click.command("worker")
@click.option("--once", is_flag=True, help="Do every duty one time and stop.")
def run_worker(once: bool) -> None:
    """Fetch, place and deliver mail, plan editions, settle silence, erase what has had its time."""
    worker.run(current_app._get_current_object(), once=once)  # type: ignore[attr-defined]


@click.command("migrate")
@with_appcontext
def run_migrations() -> None:
    """Make or change the tables so that they fit this version; what is there stays.

    Each step is told. They are made together or not at all. While somebody else uses a table it is tried again for half
    a minute; stop the web and the worker first.
    """
    url = db.url
    steps: list[str] = []

    def say(line: str) -> None:
        if line[:1].isdigit():  # the number of a step; else somebody is waited for
            steps.append(line)
        click.echo(line)

    try:
        migrate(url, say=say)
    except Exception as error:  # of whatever kind: what counts is that nothing was kept
        after = f"after {steps[-1].split()[0]}" if steps else "that came first"
        why = error if isinstance(error, NotMigrated) else f"The step {after} failed: {type(error).__name__}."
        raise click.ClickException(f"The database is as it was: no step was kept. {why}") from error
    click.echo("The tables fit this version." if steps else "The tables fit this version already.")


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal everything again with the newest key.

    Older keys can be taken out of SECRET_KEYS once their links have ended. With a key goes the memory of the mails that
    came under it: one whose letter was taken back could then come again, if somebody sent it again.
    """
    with click.progressbar(rotate(db), label="Sealing again") as steps:
        total = sum(steps)
    click.echo(f"{total} values sealed again with the newest key")


class Unset:
    """Stands where the database would, when the settings can't be used: whoever asks for it is told what to set."""

    def __init__(self, unsafe: Unsafe) -> None:
        self._unsafe = unsafe

    def __getattr__(self, name: str) -> Any:
        raise click.ClickException("the settings can't be used:\n  " + "\n  ".join(self._unsafe.faults))


def without_settings(app: Flask, unsafe: Unsafe) -> Flask:
    """An app that has commands and serves nothing."""

    def refuse(*_: Any) -> Any:
        raise unsafe

    app.extensions["database"] = Unset(unsafe)
    app.wsgi_app = refuse  # type: ignore[method-assign, assignment]
    register(app)
    return app


def register(app: Flask) -> None:
    groups = (keys, newsletters, staff, experts, editions, mail, matching)
    for command in (lifecycle, run_migrations, run_worker, doctor, backup, backup_key, restore, *groups):
        app.cli.add_command(command)
