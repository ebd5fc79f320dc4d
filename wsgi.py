"""What a WSGI server and `flask` load: the app, and the command that fills it with the demo newsroom."""

from app import create_app
from demo.cli import demo

app = create_app()
app.cli.add_command(demo)  # the demo is made of the whole app, which knows nothing of it
