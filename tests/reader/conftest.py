"""Fixtures of the tests that drive Chromium and Firefox alike."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.support.browsers import BrowserDriver, open_chromium, open_firefox, start_firefox


@pytest.fixture(scope="module")
def firefox() -> Iterator[Any]:
    with start_firefox() as firefox:
        yield firefox


@pytest.fixture
def driver(request: pytest.FixtureRequest, browser: str, page_cache: bool, scripts: bool) -> Iterator[BrowserDriver]:
    way: AbstractContextManager[BrowserDriver] = (
        open_chromium(request.getfixturevalue("chromium"), page_cache, scripts)
        if browser == "chromium"
        else open_firefox(request.getfixturevalue("firefox"), page_cache, scripts)
    )
    with way as driver:
        yield driver
