"""The readers' pages: public pages that need no account, cookie or JavaScript."""

from . import (  # noqa: F401 - each registers its views
    archive_pages,
    archive_search,
    ask_form,
    feeds,
    forgetting,
    framed,
    front_page,
    handbook,
    oembed,
    receipt,
    report,
    sitemap,
    unsubscribe,
)
from .page_frame import reader

__all__ = ["reader"]
