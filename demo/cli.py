"""The command `flask demo`: creates the demo newsroom without starting it, in any size."""

import os
import time
from collections.abc import Mapping
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import func, select

import config as configuration
from app.db.engine import Database, open_database
from app.db.migrate import migrate
from app.letters.models import Letter
from app.mail.reading import ParserClient
from app.mailroom.batch import settings_of
from app.mailroom.placing import place_due
from app.questions.models import Question
from app.workflows.indexing import rebuild_indexes

from .load import Progress, is_loaded, load
from .scale.fill import MOST, CannotGrow, check, grow

SECONDS = 10  # limit for parsing a mail
REAL = (
    "The demo newsroom is only for trying out, because its secret is public: set READERS_ASKED_ENV=demo for this "
    "command."
)


@click.command("demo")
@click.option(
    "--questions", type=click.IntRange(1, MOST), help="Add The Long Road, a newsletter with this many questions."
)
@click.option("--index", is_flag=True, help="Fill the search index now; otherwise the worker does it while it runs.")
@with_appcontext
def demo(questions: int | None, index: bool) -> None:
    """Fill a new database with the demo newsroom. Everybody in it is fictional, and no mail leaves this machine.

    With --questions it gets a third newsletter, with letters in nine languages over several years, to show a desk of
    that size. A newsroom that is not the demo's is left alone.
    """
    settings = _settings()
    database = open_database(settings)
    migrate(database.url)
    try:
        if questions is not None:
            check(database, questions)
        if not is_loaded(database):
            _with_bar("A year of the demo newsroom", lambda progress: load(database, progress))
            with ParserClient(SECONDS) as reading:  # place the mails of the last hours, as the worker would
                place_due(database, reading, settings_of(settings), 50)
        elif questions is None:
            raise CannotGrow("There is already a newsroom here; nothing was changed.")
        if questions is not None:
            _with_bar(f"The Long Road, {questions:,} questions", lambda progress: grow(database, questions, progress))
    except CannotGrow as cannot:
        raise click.ClickException(str(cannot)) from None
    if index:
        _with_bar("The search index", lambda progress: _index(database, progress))
    click.echo("Start it with: make run")


def _settings() -> Mapping[str, Any]:
    """Return the app's settings if it runs as the demo, or the demo's if there are none, as `make run` does."""
    if current_app.config.get("DEMO"):
        return current_app.config
    if os.environ.get("READERS_ASKED_ENV", "demo") != "demo" or "DEMO" in current_app.config:
        raise click.ClickException(REAL)
    try:
        return configuration.load({**os.environ, "READERS_ASKED_ENV": "demo"})
    except configuration.Unsafe as unsafe:
        raise click.ClickException(str(unsafe)) from None


def _index(database: Database, progress: Progress) -> None:
    with database.read() as session:
        counts = (session.scalar(select(func.count()).select_from(model)) or 0 for model in (Letter, Question))
        total, done = sum(counts), 0
    for some in rebuild_indexes(database):
        done += some
        progress(done, total)


def _with_bar(label: str, fill: Any) -> None:
    """Run `fill` with a progress bar, and print how long it took."""
    began = time.monotonic()
    with click.progressbar(length=1, label=label) as bar:

        def step(done: int, total: int) -> None:
            bar.length = total
            if done == total or done - bar.pos >= max(1, total // 200):
                bar.update(done - bar.pos)

        progress: Progress = step
        fill(progress)
    click.echo(f"{label}: {time.monotonic() - began:.0f} s")
