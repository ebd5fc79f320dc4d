"""The door for incoming mail: it fetches, stores and places mails, through the same functions as the pages use.

In the demo it also shows the folder to which mails are written instead of being sent.
"""

from flask import Blueprint

mailroom = Blueprint("mailroom", __name__, url_prefix="/mails")

from . import demo_folder  # noqa: E402, F401 - it registers its views
