"""The expert's door: the page behind an assignment's link, and the page of own questions for who signs in."""

from . import assignment, check, dashboard, profile, replies, sheet  # noqa: F401 - each hangs its views on the door
from .frame import expert

__all__ = ["expert"]
