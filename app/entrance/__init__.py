"""The way in for staff and experts: a mailed link whose page has a button, or a code to type."""

from flask import Blueprint

entrance = Blueprint("entrance", __name__)

from . import browsers, by_provider, login, two_factor  # noqa: E402, F401 - each hangs its views on the door
