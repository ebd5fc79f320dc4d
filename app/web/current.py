"""A proxy for the database of the current app, for requests and commands."""

from typing import cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..db.engine import Database

db = cast(Database, LocalProxy(lambda: current_app.extensions["database"]))
