"""What a WSGI server and `flask` load: the app, and the command that fills it with the demo newsroom."""

import sys

import click

from app import create_app
from app.cli.command_faults import end_in_a_sentence
from app.server import startup_checks
from config import Unsafe
from demo.cli import demo

NOT_LOADED = 4  # the status of a program that could not be loaded

try:
    app = create_app()
    if click.get_current_context(silent=True) is None:  # a command says itself what it needs
        startup_checks.check(app, must_answer=False)
except Unsafe as unsafe:
    print(unsafe, file=sys.stderr, flush=True)
    sys.exit(NOT_LOADED)
end_in_a_sentence(demo)
app.cli.add_command(demo)  # the demo is made of the whole app, which knows nothing of it
