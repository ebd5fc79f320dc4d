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

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.support.required_programs import find_chromium

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"
MAX_WAIT = 300.0  # seconds until the worker has placed the mails
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 760}
PEN_ROW = ".row--mail"  # appears in the holding pen once the worker has placed the mails of the last hours


class Picture(NamedTuple):
    """A screenshot. `page` is a path or the label of a URL that the demo prints.

    `clicks` are selectors of elements to click in turn. Each is searched in the main part of the page, or in the whole
    page if it begins with "html".
    """

    name: str
    page: str
    clicks: tuple[str, ...] = ()
    size: dict[str, int] = DESK
    scheme: str = "light"


PICTURES = (
    Picture("desk-edition", "/desk/shift-change/"),
    Picture("desk-letters", "/desk/shift-change/letters", (".row .text:lang(ar)",)),
    Picture("desk-question", "/desk/shift-change/questions", ("text=The Doctor on the Payroll",)),
    Picture("desk-ask", "/desk/shift-change/questions", ("text=The List of Forbidden Jobs", "text=Ask an expert")),
    Picture("desk-builder", "/desk/shift-change/", ("html .coming section a",)),
    Picture("desk-insights", "/desk/shift-change/insights"),
    Picture("desk-pen", "/desk/shift-change/pen", (f"{PEN_ROW} .text",)),
    Picture("desk-outbox", "/desk/shift-change/outbox", (".outbox td a",)),
    Picture("reader-answer", "/shift-change/answers", ("text=What the Auditor Doesn",)),
    Picture("reader-ask", "/shift-change/ask", size=PHONE),
    Picture("reader-home-fa", "/nafas/", size=PHONE),
    Picture("reader-ask-fa", "/nafas/ask", size=PHONE),
    Picture("expert-answer", "An expert who is writing an answer", size=PHONE, scheme="dark"),
    Picture("expert-check", "An expert whose answer is to be checked", size=PHONE),
)
EDITOR_LABEL = "The desk of Shift Change, as its editor Tereza"


@contextmanager
def run_demo(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Run the demo with its data in a folder. Yield its URL, and the URLs that it prints, by label."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"PORT": str(port), "DATABASE_URL": f"sqlite:///{folder / 'newsroom.db'}", "MAIL_FOLDER": str(folder)}
    command = (sys.executable, "-m", "demo.serve")
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - for mypy
    urls: dict[str, str] = {}
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            if match := re.fullmatch(r"  (.+?)  +(http\S+)\n", line):
                urls[match[1]] = match[2]
            if line.startswith("Links that sign in"):
                break
        yield f"http://127.0.0.1:{port}", urls
    finally:
        process.terminate()
        process.wait()


def sign_in(browser: Browser, link: str, site: str) -> StorageState:
    """Sign the editor in and wait until the worker has placed the mails. Return the browser's storage state."""
    page = browser.new_page()
    page.goto(link)
    page.get_by_role("button").first.click()
    page.wait_for_url("**/desk/**")
    deadline = time.monotonic() + MAX_WAIT
    while time.monotonic() < deadline:
        page.goto(f"{site}/desk/shift-change/pen")
        if page.locator(PEN_ROW).count():
            break
        time.sleep(1)
    state = page.context.storage_state()
    page.close()
    return state


def take_picture(page: Page, picture: Picture, site: str, urls: dict[str, str]) -> None:
    page.goto(urls.get(picture.page) or site + picture.page)
    for selector in picture.clicks:
        page.locator(selector if selector.startswith("html") else f"main >> {selector}").first.click()
        page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    path = FOLDER / f"{picture.name}.png"
    page.screenshot(path=path, animations="disabled")
    print(f"  {picture.name}: {path.stat().st_size // 1000} kB", flush=True)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        run_demo(Path(folder)) as (site, urls),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        state = sign_in(browser, urls[EDITOR_LABEL], site)
        for picture in PICTURES:
            page = browser.new_page(viewport=picture.size, color_scheme=picture.scheme, storage_state=state)  # type: ignore[arg-type]
            take_picture(page, picture, site, urls)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
