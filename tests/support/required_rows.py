"""Tables that need a row for each of something: a row that somebody forgot is named in a sentence, with its place."""

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

import pytest

Row = TypeVar("Row")


class RequiredRows(dict[str, Row]):
    """The rows of a table in a test. A missing one fails the test that looks for it with `advice`, not with KeyError.

    `advice` says where a row is to be added; {name} in it is what has none.
    """

    def __init__(self, advice: str, rows: Mapping[str, Row]) -> None:
        super().__init__(rows)
        self.advice = advice

    def __missing__(self, name: str) -> NoReturn:
        pytest.fail(self.advice.format(name=repr(name)), pytrace=False)


def compare_names(names: Iterable[str], rows: Iterable[str], *, missing: str, surplus: str) -> list[str]:
    """Return a sentence for each name without a row, and for each row without a name.

    {name} in `missing` and `surplus` is the name that the sentence is about.
    """
    needed, present = list(names), list(rows)
    return [
        *(missing.format(name=repr(name)) for name in needed if name not in present),
        *(surplus.format(name=repr(name)) for name in present if name not in needed),
    ]
