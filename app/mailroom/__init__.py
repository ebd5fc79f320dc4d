"""Incoming mail: receiving and storing it, then placing it with the same functions that the pages use.

The blueprint shows the demo's folder, to which mails are written instead of being sent.
"""

from flask import Blueprint

mailroom = Blueprint("mailroom", __name__, url_prefix="/mails")

from . import demo_folder  # noqa: E402, F401 - its views register themselves
