"""How the newsroom behaves, told with a cast: Timur and Dana ask, Leyla answers, Nora edits, Ilya helps her.

The rooms mirror app/: what tests app/letters lies in letters/. desk/ tests app/editor, house/ what holds for all rooms, demo/ the
demo newsroom, journeys/ the product as it is served, in a real browser. support/ has the cast and the tools that tests share.
"""

import pytest

pytest.register_assert_rewrite("tests.support")  # an assertion in there shows what it compared, as one in a test does
