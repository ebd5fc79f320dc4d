"""What several tests of the desk's pages begin with."""

import pytest

from tests.support.desk import ComingEdition, Desk
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def coming(nora: Desk, newsroom: Newsroom) -> ComingEdition:
    """The coming edition, in whose slots nothing stands yet."""
    return ComingEdition(nora, newsroom)
