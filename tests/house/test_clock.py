"""One clock: the product asks it in one place, and a run of the tests gives it to all that the tests start."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from app.core.clock import utc_now
from tests.support import clock
from tests.support.commands import bare
from tests.support.forks import FORKS
from tests.support.missing import without
from tests.support.source import ROOT, code, named, tree

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUN = timedelta(days=1)  # a run of the tests takes minutes; a debugger may hold it for hours
NEAR = timedelta(minutes=1)
SAYS = "from app.core.clock import utc_now; print(utc_now().isoformat())"


@pytest.fixture(autouse=True)
def fixed() -> None:
    if not clock.is_fixed():
        without("libfaketime: this run goes by the machine's own date (apt-get install libfaketime)")


def test_a_run_begins_at_its_clock_and_time_goes_on() -> None:
    first = utc_now()
    assert clock.chosen().start <= first < clock.chosen().start + RUN
    assert first <= utc_now()


def test_a_command_with_an_environment_of_its_own_has_it(tmp_path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SAYS], cwd=ROOT, env=bare(tmp_path), capture_output=True, text=True, check=True
    ).stdout
    assert abs(datetime.fromisoformat(said.strip()) - utc_now()) < NEAR


def _tell(tells) -> None:
    tells.send(utc_now())


def test_a_process_that_is_forked_off_has_it() -> None:
    hears, tells = FORKS.Pipe(duplex=False)
    child = FORKS.Process(target=_tell, args=(tells,))
    child.start()
    assert abs(hears.recv() - utc_now()) < NEAR
    child.join()


def test_the_server_has_it(site: str) -> None:
    with urlopen(f"{site}/healthz") as answer:  # noqa: S310 - an address of ours
        assert abs(parsedate_to_datetime(answer.headers["Date"]) - utc_now()) < NEAR


@pytest.mark.browser
def test_a_browser_has_it(chromium: "Browser") -> None:
    page = chromium.new_page()
    shown = datetime.fromisoformat(page.evaluate("new Date().toISOString()"))
    page.close()
    assert abs(shown - utc_now()) < NEAR


# --- Nothing else is asked ---

ASKED = {
    "app/core/clock.py": "the one place",
    "tests/support/clock.py": "what sets the clock",
    "migrations/versions/0005_people_at_the_desk.py": "a record",
    "migrations/versions/0017_keys_that_do_not_tell_the_order.py": "a record",
}
READS = {
    "datetime": {"now", "today", "utcnow"}, "date": {"today"}, "time": {"time", "time_ns", "localtime", "gmtime", "ctime"},
}  # fmt: skip


def _reads(module: ast.AST) -> Iterator[str]:
    """The calls by which code learns the date."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in READS.get(node.value.id, ()):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{alias.name}" for alias in node.names if alias.name in READS["time"])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("at = datetime.now(UTC)", ["datetime.now"]), ("at = date.today()", ["date.today"]), ("clock=time.time", ["time.time"]),
        ("from time import time, sleep", ["time.time"]), ("at = time.monotonic()", []), ("at = now(session)", []),
    ],
)  # fmt: skip
def test_the_reader_of_dates_sees_each_way(line: str, found: list[str]) -> None:
    assert list(_reads(ast.parse(line))) == found


def test_nothing_else_reads_the_date() -> None:
    """`app.db.now` asks for the session's time, `app.core.clock.utc_now` for the clock's; `today` of tests/support/clock.py is a day."""
    wrong = {
        f"{named(path)}: {call}" for path in code(".py") if named(path) not in ASKED for call in _reads(tree(path))
    }
    assert wrong == set()
