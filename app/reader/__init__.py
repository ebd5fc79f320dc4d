"""The readers' door: public, without an account, a cookie or a script."""

from . import (  # noqa: F401 - each hangs its views on the door
    also_ask,
    archive_pages,
    archive_search,
    ask_form,
    feeds,
    front_page,
    handbook,
    receipt,
    report,
    unsubscribe,
)
from .page_frame import reader

__all__ = ["reader"]
