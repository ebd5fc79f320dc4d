"""Decision records in docs/adr are one page each, with the same three headings, and are all in the index."""

import re
from pathlib import Path

import pytest

from tests.support.source import ROOT, relative_name

FOLDER = ROOT / "docs/adr"
INDEX = FOLDER / "decisions.md"  # not README.md: the handbook serves each page of docs by its name, and has one
RECORDS = [path for path in sorted(FOLDER.glob("[0-9]*.md")) if path.name != "0033-names-table.md"]
HEADINGS = ["Context", "Decision", "Consequences"]
MOST_LINES = 60


def test_records_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=relative_name)
def test_a_record_is_one_page_with_context_decision_and_consequences(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"(?m)^## (.+)$", text) == HEADINGS
    assert len(text.splitlines()) <= MOST_LINES, "keep the decision and the figures that decided, drop the rest"


def test_the_index_lists_each_record_by_its_title() -> None:
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in RECORDS]
    listed = re.findall(r"(?m)^(\d+\. )\[(.+)\]\((\S+)\)", INDEX.read_text(encoding="utf-8"))
    assert [(number + title, name) for number, title, name in listed] == [
        (title, path.name) for title, path in zip(titles, RECORDS, strict=True)
    ]
