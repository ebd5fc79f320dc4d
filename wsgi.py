"""The entry point for WSGI servers and `flask`: creates `app`, and adds the command that creates the demo newsroom."""

import sys

import click

from app import create_app
from app.cli.command_faults import report_expected_errors
from app.core.memory_dumps import forbid_memory_dumps
from app.letters.flood_ranking import load_tables
from app.server import startup_checks
from config import Unsafe
from demo.cli import demo

CANNOT_CREATE_APP = 4  # exit status

try:
    app = create_app()
    if not app.config.get("DEMO"):  # the app of a command that has no settings has no DEMO either
        forbid_memory_dumps()
    is_command = click.get_current_context(silent=True) is not None
    if not is_command:  # each command makes the checks that it needs
        startup_checks.check(app, must_answer=False)
        load_tables()  # `processes.serve` does it for `readers-asked web` and `serve`
except Unsafe as error:
    print(error, file=sys.stderr, flush=True)
    sys.exit(CANNOT_CREATE_APP)
report_expected_errors(demo)
app.cli.add_command(demo)  # here, because the app must not import the demo
