"""The readers' pages: public pages that need no account, cookie or JavaScript."""

from . import archive_pages, ask_form, feeds, framed, front_page, handbook, receipt, report, sitemap, unsubscribe  # noqa: F401 - each registers its views
from .page_frame import reader

__all__ = ["reader"]
