"""Visits of pages years later, in a process with its clock moved forward, and a new key in addition to the old one."""

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
    """Visit pages one after the other, each a dict with `path` and optionally the `data` of a form.

    `cookie` is the cookie of the browser, as "name=value".
    """
    request = {"url": database_url, "folder": str(folder), "visits": visits, "cookie": cookie}
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.years_later"], cwd=ROOT, env=clock.environment_after(years * YEAR), input=json.dumps(request),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    *responses, timestamp = json.loads(result.stdout)
    assert abs(timestamp - (utc_now() + years * YEAR).timestamp()) < 60
    return [FoundPage(status, location, Page(text)) for status, location, text in responses]


def main() -> None:
    import config as configuration
    from app import create_app

    request = json.load(sys.stdin)
    environ = {
        "READERS_ASKED_ENV": "demo",
        "DATABASE_URL": request["url"],
        "MAIL_FOLDER": request["folder"],
        "LIMITS": "0",
    }
    secrets = {**SECRETS, 2: os.urandom(32)}
    client = create_app({**configuration.load(environ), **TEST_SETTINGS, "SECRETS": secrets}).test_client()
    if request["cookie"]:
        client.set_cookie(*request["cookie"].split("=", 1), domain="localhost", secure=True)
    responses: list[Any] = []
    for visit in request["visits"]:
        method = "POST" if "data" in visit else "GET"
        response = client.open(visit["path"], method=method, data=visit.get("data"), base_url=LOCALHOST)
        responses.append((response.status_code, response.headers.get("Location", ""), response.text))
    print(json.dumps([*responses, utc_now().timestamp()]))


if __name__ == "__main__":
    main()
