"""The expert's door: the page behind an assignment's link, and the page of own questions for who signs in."""

from . import assignment_page, dashboard, profile, writing_page  # noqa: F401 - each hangs its views on the door
from .access import expert

__all__ = ["expert"]
