"""The entry point for WSGI servers and `flask`: the app, with the command that creates the demo newsroom."""

import sys

import click

from app import create_app
from app.cli.command_faults import end_in_a_sentence
from app.server import startup_checks
from config import Unsafe
from demo.cli import demo

NOT_LOADED = 4  # exit status if the app can't be created

try:
    app = create_app()
    if click.get_current_context(silent=True) is None:  # commands do their own checks
        startup_checks.check(app, must_answer=False)
except Unsafe as unsafe:
    print(unsafe, file=sys.stderr, flush=True)
    sys.exit(NOT_LOADED)
end_in_a_sentence(demo)
app.cli.add_command(demo)  # here, as the demo imports the app and not the other way round
