"""Fixtures of the journeys: a connection to the app that can be cut, and an expert's phone and laptop."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext

from app.db.engine import Database
from tests.support.assignments import ExpertAssignment
from tests.support.desk import ComingEdition, Desk
from tests.support.desk_browsers import Desks
from tests.support.network_faults import CuttableConnection
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def connection(app: Flask) -> Iterator[CuttableConnection]:
    # Browsers reject the cookie's usual name without TLS.
    app.config.update(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_NAME="desk")
    connection = CuttableConnection(app)
    yield connection
    connection.cut()


@pytest.fixture
def desks(chromium: Browser, database: Database, connection: CuttableConnection) -> Iterator[Desks]:
    """Browsers of the desk's people."""
    desks = Desks(chromium, database, connection)
    yield desks
    for one in desks.contexts:
        one.close()


@pytest.fixture
def coming_edition(nora: Desk, newsroom: Newsroom) -> ComingEdition:
    """The page of the coming edition, with empty slots."""
    return ComingEdition(nora, newsroom)


@pytest.fixture
def address(connection: CuttableConnection, salt: ExpertAssignment) -> str:
    """The URL of the assignment's page."""
    return f"http://127.0.0.1:{connection.port}{salt.link}"


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
