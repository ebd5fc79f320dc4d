"""Mail as a door: it fetches, stores and places what comes in, and calls the same verbs as the pages.

In the demo it shows the folder that mails are written to instead of being sent.
"""

from flask import Blueprint

mailroom = Blueprint("mailroom", __name__, url_prefix="/mails")

from . import demo_folder  # noqa: E402, F401 - it hangs its views on the door
