"""`readers-asked matching ...`: rebuilds the search indexes, and evaluates how well duplicates are found."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import func, select

from ..letters.models import Letter
from ..questions.models import Question
from ..search import semantic
from ..search.evaluating import (
    MATCHERS,
    BadLine,
    Figures,
    create_database,
    evaluate,
    index_stored,
    make_searcher,
    read_queries,
    read_stored,
)
from ..web.current import db
from ..workflows.indexing import rebuild_indexes
from .counts import count_of

matching = AppGroup("matching", help="Rebuild the search index, and evaluate how well duplicates are found.")
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@matching.command("evaluate", with_appcontext=False)
@click.argument("stored", type=EXISTING_FILE)
@click.argument("queries", type=EXISTING_FILE)
@click.option(
    "--matcher",
    type=click.Choice(MATCHERS),
    default="words",
    show_default=True,
    help="'fts' is plain full-text ranking, for comparison.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run_evaluate(stored: Path, queries: Path, matcher: str, as_json: bool) -> None:
    """Search STORED for each of QUERIES, and report how often the duplicate is found.

    Both are files of JSON lines: stored {"id", "text", "language"}, queries {"text", "language", "same_as": [ids]} with
    an empty list for a query without a duplicate. Needs no settings and no database; progress goes to standard error.
    """
    if matcher == semantic.NAME and not semantic.is_installed():
        raise click.ClickException("the matcher needs the extra `semantic`; docs/install.md says how to install it")
    try:
        with stored.open("rb") as lines:
            stored_rows = read_stored(stored.name, lines)
        with queries.open("rb") as lines:
            query_rows = read_queries(queries.name, lines, (row.id for row in stored_rows))
    except BadLine as error:
        raise click.ClickException(str(error)) from error
    with TemporaryDirectory() as folder:
        database = create_database(Path(folder))
        with click.progressbar(length=len(stored_rows), label="Storing", file=sys.stderr) as bar:
            for row_count in index_stored(database, stored_rows, matcher):
                bar.update(row_count)
        search = make_searcher(matcher, stored_rows)
        figures: Figures | None = None
        with (
            database.read() as session,
            click.progressbar(length=len(query_rows), label="Asking", file=sys.stderr) as bar,
        ):
            for figures in evaluate(query_rows, lambda text: search(session, text)):
                if figures is None:  # a query was evaluated; the figures come last
                    bar.update(1)
        database.close()
    if figures is not None:
        click.echo(json.dumps(figures.as_json()) if as_json else format_figures(figures))


def format_figures(figures: Figures) -> str:
    caught = "-" if figures.caught is None else f"{figures.caught:.3f}"
    shares = "  ".join(f"recall@{count} {share:.3f}" for count, share in figures.recall.items())
    return (
        f"{shares}  MRR {figures.mrr:.3f}\n"
        f"caught in the top 3 at 10 % false alarms: {caught}\n"
        f"a query: {figures.p50:.1f} ms (half of them), {figures.p95:.1f} ms (19 of 20)"
    )


@matching.command("index")
@with_appcontext
def run_index() -> None:
    """Rebuild the indexes of search and look-alikes. Only needed if they were lost: the worker keeps them current."""
    with db.read() as session:
        total = sum(session.scalar(select(func.count()).select_from(model)) or 0 for model in (Letter, Question))
    with click.progressbar(length=total, label="Indexing") as bar:
        for count in rebuild_indexes(db):
            bar.update(count)
    click.echo(f"{count_of(total, 'letters and questions')} indexed")
