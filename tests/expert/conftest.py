"""Fixtures for tests of the experts' pages."""

import pytest
from flask import Flask

from tests.support.pages import Browser


@pytest.fixture
def leyla(app: Flask) -> Browser:
    """Leyla's browser, without an open page."""
    return Browser(app)
