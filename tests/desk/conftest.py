"""Fixtures for tests of the desk's pages."""

import pytest

from tests.support.desk import ComingEdition, Desk
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def coming_edition(nora: Desk, newsroom: Newsroom) -> ComingEdition:
    """The page of the coming edition, with empty slots."""
    return ComingEdition(nora, newsroom)
