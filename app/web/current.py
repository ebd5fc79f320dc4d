"""The database of the app that runs, for whatever it serves: a request, a command."""

from typing import cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..db.engine import Database

db = cast(Database, LocalProxy(lambda: current_app.extensions["database"]))
