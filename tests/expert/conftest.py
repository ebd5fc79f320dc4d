"""What several tests of the experts' door begin with."""

import pytest
from flask import Flask

from tests.support.pages import Browser


@pytest.fixture
def leyla(app: Flask) -> Browser:
    """Leyla's browser, which has nothing open yet."""
    return Browser(app)
