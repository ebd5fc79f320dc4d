"""The way in for staff and experts: a mailed link whose page has a button, or a code to type."""

from flask import Blueprint

entrance = Blueprint("entrance", __name__)

from . import browsers, by_provider, factor_pages, second, ways_in  # noqa: E402, F401 - each hangs its views on the door
