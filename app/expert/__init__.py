"""The pages for experts: an assignment, opened by link or after signing in, and their dashboard and profile."""

from . import assignment_page, dashboard, photo, profile, removal, writing_page  # noqa: F401 - each registers its views
from .access import expert

__all__ = ["expert"]
