"""The readers' door: public, without an account, a cookie or a script."""

from . import also_ask, archive_pages, archive_search, ask_form, feeds, front_page, receipt, report, unsubscribe  # noqa: F401 - each hangs its views on the door
from .page_frame import reader

__all__ = ["reader"]
