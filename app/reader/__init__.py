"""The readers' door: public, without an account, a cookie or a script."""

from . import (  # noqa: F401 - each hangs its views on the door
    also_ask,
    archive_pages,
    archive_search,
    ask_form,
    cards,
    feeds,
    framed,
    front_page,
    handbook,
    packed,
    receipt,
    report,
    short_address,
    sitemap,
    unsubscribe,
)
from .page_frame import reader

__all__ = ["reader"]
