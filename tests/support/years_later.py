"""Pages as they are found years later, by a process whose clock is that much ahead and whose house has changed its key since."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from app.core.clock import utc_now
from tests.support import clock
from tests.support.app import SECRETS, TEST_SETTINGS
from tests.support.pages import Page
from tests.support.source import ROOT

YEAR = timedelta(days=365.25)
LOCALHOST = "https://localhost"


class FoundPage(NamedTuple):
    status: int
    location: str
    page: Page


def visit_years_later(
    years: int, database_url: str, folder: Path, visits: list[dict[str, Any]], cookie: str = ""
) -> list[FoundPage]:
    """Make visits one after the other, each with `path` and perhaps the `data` of a form; `cookie` is "name=value" of a browser."""
    told = {"url": database_url, "folder": str(folder), "visits": visits, "cookie": cookie}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.years_later"], cwd=ROOT, env=clock.environment_after(years * YEAR), input=json.dumps(told),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *found, moment = json.loads(done.stdout)
    assert abs(moment - (utc_now() + years * YEAR).timestamp()) < 60
    return [FoundPage(status, location, Page(text)) for status, location, text in found]


def main() -> None:
    import config as configuration
    from app import create_app

    told = json.load(sys.stdin)
    environ = {"READERS_ASKED_ENV": "demo", "DATABASE_URL": told["url"], "MAIL_FOLDER": told["folder"], "LIMITS": "0"}
    secrets = {**SECRETS, 2: os.urandom(32)}
    client = create_app({**configuration.load(environ), **TEST_SETTINGS, "SECRETS": secrets}).test_client()
    if told["cookie"]:
        client.set_cookie(*told["cookie"].split("=", 1), domain="localhost", secure=True)
    found: list[Any] = []
    for visit in told["visits"]:
        method = "POST" if "data" in visit else "GET"
        answer = client.open(visit["path"], method=method, data=visit.get("data"), base_url=LOCALHOST)
        found.append((answer.status_code, answer.headers.get("Location", ""), answer.text))
    print(json.dumps([*found, utc_now().timestamp()]))


if __name__ == "__main__":
    main()
