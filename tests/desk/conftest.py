"""What several tests of the desk's pages begin with."""

import pytest

from tests.support.cast import Newsroom
from tests.support.desk import ComingEdition, Desk


@pytest.fixture
def coming(nora: Desk, newsroom: Newsroom) -> ComingEdition:
    """The coming edition, in whose slots nothing stands yet."""
    return ComingEdition(nora, newsroom)
