"""The command `readers-asked demo`: creates the demo newsroom without starting it, in any size."""

import os
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

from .loader import has_newsroom, load_newsroom
from .progress import Progress, run_with_progress_bar
from .scale.generator import MAX_QUESTIONS, CannotGenerate, check_can_generate, generate_newsletter

PARSER_TIMEOUT = 10  # seconds per mail
MAX_PLACED_MAILS = 50  # more than the demo has
NOT_THE_DEMO = (
    "The demo newsroom is only for trying out, because its secret is public: set READERS_ASKED_ENV=demo for this "
    "command."
)


@click.command("demo")
@click.option(
    "--questions",
    type=click.IntRange(1, MAX_QUESTIONS),
    help="Add The Long Road, a newsletter with this many questions.",
)
@click.option("--index", is_flag=True, help="Fill the search index now; otherwise the worker does it while it runs.")
@with_appcontext
def demo(questions: int | None, index: bool) -> None:
    """Fill a new database with the demo newsroom. Everybody in it is fictional, and no mail leaves this machine.

    With --questions it gets a third newsletter, with letters in nine languages over several years, to show a desk of
    that size. A newsroom that is not the demo's is left alone.
    """
    settings = _get_demo_settings()
    database = open_database(settings)
    migrate(database.url, key=database.file_key)
    try:
        _fill_database(database, settings, questions)
    except CannotGenerate as error:
        raise click.ClickException(str(error)) from None
    if index:
        run_with_progress_bar("The search index", lambda progress: _fill_index(database, progress))
    click.echo("Start it with: make run")


def _fill_database(database: Database, settings: Mapping[str, Any], questions: int | None) -> None:
    if questions is not None:
        check_can_generate(database, questions)
    if not has_newsroom(database):
        run_with_progress_bar("A year of the demo newsroom", lambda progress: load_newsroom(database, progress))
        with ParserClient(PARSER_TIMEOUT) as reading:  # place the mails of the last hours, as the worker would
            place_due(database, reading, settings_of(settings), MAX_PLACED_MAILS)
    elif questions is None:
        raise click.ClickException("There is already a newsroom here; nothing was changed.")
    if questions is not None:
        run_with_progress_bar(
            f"The Long Road, {questions:,} questions",
            lambda progress: generate_newsletter(database, questions, progress),
        )


def _get_demo_settings() -> Mapping[str, Any]:
    """Return the app's settings if it runs as the demo, or the demo's if there are none, as `make run` does."""
    if current_app.config.get("DEMO"):
        return current_app.config
    if os.environ.get("READERS_ASKED_ENV", "demo") != "demo" or "DEMO" in current_app.config:
        raise click.ClickException(NOT_THE_DEMO)
    try:
        return configuration.load({**os.environ, "READERS_ASKED_ENV": "demo"})
    except configuration.Unsafe as error:
        raise click.ClickException(str(error)) from None


def _fill_index(database: Database, progress: Progress) -> None:
    with database.read() as session:
        total = sum(session.scalar(select(func.count()).select_from(model)) or 0 for model in (Letter, Question))
    done = 0
    for count in rebuild_indexes(database):
        done += count
        progress(done, total)
