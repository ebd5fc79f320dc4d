"""`make pictures`: takes the README's screenshots, from the running demo newsroom with a temporary database.

Each row of `PICTURES` is a screenshot: its page, the elements to click from there, the size and the colour scheme.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.required_programs import find_chromium

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"
PATIENCE = 300.0  # seconds for the demo's year and the first pages
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 760}
AT_WORK = ".row--mail"  # appears in the holding pen once the worker has placed the mails of the last hours


class Picture(NamedTuple):
    """A screenshot. `at` is a path or the label of a URL that the demo prints; `then` are elements to click in turn."""

    name: str
    at: str
    then: tuple[str, ...] = ()
    size: dict[str, int] = DESK
    scheme: str = "light"


PICTURES = (
    Picture("desk-edition", "/desk/shift-change/"),
    Picture("desk-letters", "/desk/shift-change/letters", (".row .text:lang(ar)",)),
    Picture("desk-question", "/desk/shift-change/questions", ("text=The Doctor on the Payroll",)),
    Picture("desk-ask", "/desk/shift-change/questions", ("text=The List of Forbidden Jobs", "text=Ask an expert")),
    Picture("desk-builder", "/desk/shift-change/", (".coming a",)),
    Picture("desk-insights", "/desk/shift-change/insights"),
    Picture("desk-pen", "/desk/shift-change/pen", (f"{AT_WORK} .text",)),
    Picture("desk-outbox", "/desk/shift-change/outbox", (".outbox td a",)),
    Picture("reader-answer", "/shift-change/answers", ("text=What the Auditor Doesn",)),
    Picture("reader-ask", "/shift-change/ask", size=PHONE),
    Picture("reader-home-fa", "/nafas/", size=PHONE),
    Picture("reader-ask-fa", "/nafas/ask", size=PHONE),
    Picture("expert-answer", "An expert who is writing an answer", size=PHONE, scheme="dark"),
    Picture("expert-check", "An expert whose answer is to be checked", size=PHONE),
)
EDITOR = "The desk of Shift Change, as its editor Tereza"


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Run the demo with its data in a folder. Yield its URL, and the URLs that it prints, by label."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"PORT": str(port), "DATABASE_URL": f"sqlite:///{folder / 'newsroom.db'}", "MAIL_FOLDER": str(folder)}
    command = (sys.executable, "-m", "demo.serve")
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - for mypy
    doors: dict[str, str] = {}
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := re.fullmatch(r"  (.+?)  +(http\S+)\n", line):
                doors[found[1]] = found[2]
            if line.startswith("Links that sign in"):
                break
        yield f"http://127.0.0.1:{port}", doors
    finally:
        process.terminate()
        process.wait()


def signed_in(browser: Browser, link: str, site: str) -> str:
    """Sign the editor in and wait until the worker has placed the mails. Return the browser's storage state."""
    page = browser.new_page()
    page.goto(link)
    page.get_by_role("button").first.click()
    page.wait_for_url("**/desk/**")
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        page.goto(f"{site}/desk/shift-change/pen")
        if page.locator(AT_WORK).count():
            break
        time.sleep(1)
    kept = page.context.storage_state()
    page.close()
    return kept  # type: ignore[return-value]


def take(page: Page, picture: Picture, site: str, doors: dict[str, str]) -> None:
    page.goto(doors.get(picture.at) or site + picture.at)
    for place in picture.then:
        page.locator(f"main >> {place}" if place != ".coming a" else place).first.click()
        page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=FOLDER / f"{picture.name}.png", animations="disabled")
    print(f"  {picture.name}: {(FOLDER / picture.name).with_suffix('.png').stat().st_size // 1000} kB", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (site, doors), sync_playwright() as player:
        browser = player.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        state = signed_in(browser, doors[EDITOR], site)
        for picture in PICTURES:
            page = browser.new_page(viewport=picture.size, color_scheme=picture.scheme, storage_state=state)  # type: ignore[arg-type]
            take(page, picture, site, doors)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
