"""`make run`: starts a newsroom to try out, in one command.

Migrates the database, fills it with the demo newsroom if it is empty, runs web and worker together, and prints the URLs
to open.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("READERS_ASKED_ENV", "demo")

from sqlalchemy import make_url

import config as configuration
from app import create_app
from app.cli.command_faults import EXPECTED_ERRORS, describe_error
from app.db.engine import Database
from app.db.migrate import migrate
from app.server.processes import is_free, say, serve
from demo.entry_urls import list_entry_urls
from demo.loader import get_stale_edition_time, has_newsroom, load_newsroom


def print_progress(done: int, total: int) -> None:
    """Print the progress: in a terminal on one line that is overwritten, otherwise a line for each tenth."""
    line = f"  a year of the demo newsroom: {done * 100 // total} %"
    if sys.stdout.isatty():
        print(f"\r{line}", end="\n" if done == total else "", flush=True)
    elif done * 10 // total > (done - 1) * 10 // total:
        say(line)


def prepare_database(database: Database, erasures: Path) -> None:
    """Migrate the database, and load the demo newsroom if there is no newsroom yet.

    Then also delete the list of `erasures`: it is of a database that was deleted, whose trail the new one lacks.
    """
    migrate(database.url, key=database.file_key)
    if not has_newsroom(database):
        erasures.unlink(missing_ok=True)
        load_newsroom(database, print_progress)


def print_welcome(database: Database) -> None:
    """Print the URLs to open, and a warning if the demo is too old."""
    entries = list_entry_urls(database)
    width = max(len(label) for label, _ in entries)
    say(f"\nReaders Asked runs at {database.base_url}/ (Ctrl-C stops it)\n")
    for label, url in entries:
        say(f"  {label.ljust(width)}  {url}")
    say("\nLinks that sign in work once; each start prints new ones.")
    if sent_at := get_stale_edition_time(database):
        say(
            f"\nThis demo's last edition was sent on {sent_at:%d %B %Y}, so much of it is overdue. To start afresh, "
            f"stop\nit, delete the database ({make_url(database.url).database}), and run it again."
        )


def main() -> int:
    try:
        settings = configuration.load()
        port = int(settings["PORT"])
        if not is_free(port):
            say(f"Port {port} is in use. Choose another one: make run PORT={port + 1}")
            return 1
        app = create_app(settings)
        database: Database = app.extensions["database"]
        prepare_database(database, Path(settings["ERASURES"]))
    except KeyboardInterrupt:
        say("\nStopped before anything was started.")
        return 130
    except EXPECTED_ERRORS as error:
        message = describe_error(error)
        if message is None:
            raise
        say(message)
        return 2
    try:
        return serve(app, lambda: print_welcome(database), with_worker=True)
    finally:
        database.close()
        say("Stopped.")


if __name__ == "__main__":
    sys.exit(main())
