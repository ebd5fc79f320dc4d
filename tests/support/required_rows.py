"""Tables of tests that need a row for each of something: a missing row fails with advice where to add it."""

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

import pytest

Row = TypeVar("Row")


class RequiredRows(dict[str, Row]):
    """The rows of a table. Looking up a missing one fails the test with `advice` instead of a KeyError.

    `advice` says where to add a row; {name} in it stands for the missing name.
    """

    def __init__(self, advice: str, rows: Mapping[str, Row]) -> None:
        super().__init__(rows)
        self.advice = advice

    def __missing__(self, name: str) -> NoReturn:
        pytest.fail(self.advice.format(name=repr(name)), pytrace=False)


def compare_names(names: Iterable[str], rows: Iterable[str], *, missing: str, surplus: str) -> list[str]:
    """Return a sentence for each name without a row, and for each row without a name.

    {name} in the sentences `missing` and `surplus` stands for the name.
    """
    required, present = list(names), list(rows)
    return [
        *(missing.format(name=repr(name)) for name in required if name not in present),
        *(surplus.format(name=repr(name)) for name in present if name not in required),
    ]
