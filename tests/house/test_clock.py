"""One clock: the product asks it in one place, and a run of the tests gives it to all that the tests start."""

import ast
import re
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
from tests.support.commands import bare_environment
from tests.support.processes import FORKSERVER
from tests.support.required_programs import skip_without
from tests.support.source import ROOT, list_code, parse_module, relative_name

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUN = timedelta(days=1)  # a run of the tests takes minutes; a debugger may hold it for hours
NEAR = timedelta(minutes=1)
SAYS = "from app.core.clock import utc_now; print(utc_now().isoformat())"


@pytest.fixture
def require_fake_clock() -> None:
    if not clock.is_clock_faked():
        skip_without("libfaketime: this run goes by the machine's own date (apt-get install faketime)")


@pytest.mark.usefixtures("require_fake_clock")
def test_a_run_begins_at_its_clock_and_time_goes_on() -> None:
    first = utc_now()
    assert clock.get_clock().start <= first < clock.get_clock().start + RUN
    assert first <= utc_now()


@pytest.mark.usefixtures("require_fake_clock")
def test_a_command_with_an_environment_of_its_own_has_it(tmp_path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SAYS],
        cwd=ROOT,
        env=bare_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert abs(datetime.fromisoformat(said.strip()) - utc_now()) < NEAR


def _send_time(tells) -> None:
    tells.send(utc_now())


@pytest.mark.usefixtures("require_fake_clock")
def test_a_process_that_is_forked_off_has_it() -> None:
    hears, tells = FORKSERVER.Pipe(duplex=False)
    child = FORKSERVER.Process(target=_send_time, args=(tells,))
    child.start()
    assert abs(hears.recv() - utc_now()) < NEAR
    child.join()


@pytest.mark.usefixtures("require_fake_clock")
def test_the_server_has_it(site: str) -> None:
    with urlopen(f"{site}/healthz") as answer:  # noqa: S310 - an address of ours
        assert abs(parsedate_to_datetime(answer.headers["Date"]) - utc_now()) < NEAR


@pytest.mark.browser
@pytest.mark.usefixtures("require_fake_clock")
def test_a_browser_has_it(chromium: "Browser") -> None:
    page = chromium.new_page()
    shown = datetime.fromisoformat(page.evaluate("new Date().toISOString()"))
    page.close()
    assert abs(shown - utc_now()) < NEAR


# --- Nothing else is asked ---

ASKED = {
    "app/core/clock.py": "the one place",
    "tests/support/clock.py": "what sets the clock",
    "app/mail/mime_message.py": "it writes down the date that a message has",
    "bench/machines.py": "it prints the hour beside what it does",
    "migrations/versions/0005_people_at_the_desk.py": "a record",
    "migrations/versions/0016_newsletters_pause_and_end.py": "a record",
    "migrations/versions/0017_keys_that_do_not_tell_the_order.py": "a record",
    "migrations/versions/0042_counts_and_marks_that_tell_no_time.py": "a record",
}
READS = {
    *(f"datetime.{each}" for each in ("datetime.now", "datetime.today", "datetime.utcnow", "date.today")),
    *(f"time.{each}" for each in ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime", "clock_gettime")),
    "email.utils.formatdate", "email.utils.localtime", "uuid.uuid1",
}  # fmt: skip
IN_SQL = re.compile(r"\bnow\(\)|\bCURRENT_(?:TIMESTAMP|DATE|TIME)\b|datetime\('now'")


def _reads(module: ast.AST) -> Iterator[str]:
    """The calls by which code learns the date, by their whole names, whatever they were imported as; and those in SQL."""
    called = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            called |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            called |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute | ast.Name):
            first, _, rest = ast.unparse(node).partition(".")
            name = f"{called.get(first, first)}.{rest}".rstrip(".")
            if name in READS:
                yield name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"\s*[A-Z]+ ", node.value):
            yield from IN_SQL.findall(node.value)


@pytest.mark.parametrize(
    ("code", "results"),
    [
        ("from datetime import datetime; datetime.now(UTC)", ["datetime.datetime.now"]),
        ("from datetime import datetime as d; d.now()", ["datetime.datetime.now"]),
        ("import datetime as dt; dt.date.today()", ["datetime.date.today"]),
        ("import time; clock = time.time", ["time.time"]),
        ("from time import time as t; t()", ["time.time"]),
        ("import time; time.strftime('%H')", ["time.strftime"]),
        ("from email.utils import formatdate; formatdate()", ["email.utils.formatdate"]),
        ("execute('UPDATE outbox SET due_at = now()')", ["now()"]),
        ("import time; time.monotonic()", []),
        ("from app.db.session import now; now(session)", []),
    ],
)
def test_the_reader_of_dates_sees_each_way(code: str, results: list[str]) -> None:
    assert list(_reads(ast.parse(code))) == results


def test_nothing_else_reads_the_date() -> None:
    """`app.db.session.now` asks for the session's time, `app.core.clock.utc_now` for the clock's; `today` of tests/support/clock.py is a day."""
    wrong = {
        f"{relative_name(path)}: {call}"
        for path in list_code(".py")
        if relative_name(path) not in ASKED
        for call in _reads(parse_module(path))
    }
    assert not wrong, "Ask the session for its time, or `utc_now()` of app/core/clock.py:\n" + "\n".join(sorted(wrong))
