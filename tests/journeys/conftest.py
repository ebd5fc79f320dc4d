"""What journeys begin with: a way to us that can be cut, and for an expert's a phone and a laptop."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext

from tests.support.assignments import ExpertAssignment
from tests.support.network_faults import CuttableLine


@pytest.fixture
def line(app: Flask) -> Iterator[CuttableLine]:
    # Without TLS: a browser keeps no cookie of such a name there.
    app.config.update(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_NAME="desk")
    line = CuttableLine(app)
    yield line
    line.cut()


@pytest.fixture
def address(line: CuttableLine, salt: ExpertAssignment) -> str:
    """The assignment's page."""
    return f"http://127.0.0.1:{line.port}{salt.link}"


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    yield context
    context.close()


@pytest.fixture
def laptop(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()
