"""What axe finds in a page, by day and by night."""

import re
from collections.abc import Iterator

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# By night the colours are others, and all else is as by day.
SCHEMES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
RUN = """async options => (await axe.run(document, { resultTypes: ['violations'], ...options })).violations.map(
    fault => [fault.id, fault.nodes.slice(0, 3).map(node => node.html)])"""
CHANGING = re.compile(r"[\w.-]{12,}|\d+")  # keys, tokens, ports and times: the same page for whoever looks
_without_fault: set[str] = set()


def faults(page: Page) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each fault of an open page: the colour scheme, axe's name of it, and up to three places.

    Two ways through the desk come by the same pages: one that had no fault is not looked over again, if nothing in it is
    another and its window is as large.
    """
    looks = f"{page.viewport_size} {CHANGING.sub('…', page.content())}"
    if looks in _without_fault:
        return
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = False
    for scheme, options in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for name, places in page.evaluate(RUN, options):
            found = True
            yield scheme, name, places
    if not found:
        _without_fault.add(looks)
