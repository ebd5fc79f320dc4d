"""The accessibility statement says no more than the tests that it names look at."""

import re

import pytest

from tests.support.source import ROOT

STATEMENT = (ROOT / "docs" / "accessibility.md").read_text()
ROWS = [line.strip("|").split("|") for line in STATEMENT.splitlines() if line.startswith("|") and "`tests/" in line]


def test_the_table_has_its_rows() -> None:
    assert len(ROWS) > 8


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2].strip())
def test_what_is_said_to_be_tested_is_looked_at_there(row: list[str]) -> None:
    what, where, by = row
    sources = [(ROOT / name).read_text() for name in re.findall(r"`(tests/[^`]+)`", by)]
    whole = "\n".join(sources)
    for width in re.findall(r"\b(320|390|640|1280|1440)\b", what + where):
        assert width in whole, width
    if what.strip() in ("axe-core finds nothing, by day and by night", "the same"):
        assert re.search(r"find_accessibility_faults|check_accessibility|\.check_page\(", whole)
    if "keyboard" in what:
        assert all("keyboard" in source or "by_key" in source for source in sources)


def test_what_was_not_tested_is_said() -> None:
    not_tested = STATEMENT.partition("\n## What was not tested\n")[2].partition("\n## ")[0]
    for one in ("screen reader", "NVDA", "VoiceOver", "Voice control", "high contrast"):
        assert one in not_tested
