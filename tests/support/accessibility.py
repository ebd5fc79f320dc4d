"""What axe finds in a page, by day and by night."""

import re
from collections.abc import Iterator

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# By night the colours are others, and all else is as by day; in a window of another width the colours are the same.
COLOURS = ["color-contrast", "link-in-text-block"]
IN_FULL = {"light": {}, "dark": {"runOnly": COLOURS}}
WITHOUT_COLOURS = {"light": {"rules": {rule: {"enabled": False} for rule in COLOURS}}}
RUN = """async options => (await axe.run(document, { resultTypes: ['violations'], ...options })).violations.map(
    fault => [fault.id, fault.nodes.slice(0, 3).map(node => node.html)])"""
CHANGING = re.compile(r"[\w.-]{12,}|\d+")  # keys, tokens, ports and times: the same page for whoever looks
_without_fault: set[tuple[object, str]] = set()
_colours_looked_at: set[str] = set()


def faults(page: Page) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each fault of an open page: the colour scheme, axe's name of it, and up to three places.

    Two ways through the desk come by the same pages: one that had no fault is not looked over again, if nothing in it is
    another and its window is as large; in a window of another size it is looked over but for its colours.
    """
    stands = CHANGING.sub("…", page.content())
    looks = (tuple((page.viewport_size or {}).values()), stands)
    if looks in _without_fault:
        return
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = False
    for scheme, options in (WITHOUT_COLOURS if stands in _colours_looked_at else IN_FULL).items():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for name, places in page.evaluate(RUN, options):
            found = True
            yield scheme, name, places
    if not found:
        _without_fault.add(looks)
        _colours_looked_at.add(stands)
