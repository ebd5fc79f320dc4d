"""What several tests of the desk's pages begin with."""

import pytest

from tests.support.cast import Newsroom
from tests.support.desk import Desk
from tests.support.edition_desk import Coming


@pytest.fixture
def coming(nora: Desk, newsroom: Newsroom) -> Coming:
    """The coming edition, in whose slots nothing stands yet."""
    return Coming(nora, newsroom)
