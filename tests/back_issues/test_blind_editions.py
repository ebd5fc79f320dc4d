"""Editions by somebody who had not read the importer, in two sets: what is found of each set may only grow.

Mend what set a shows, and measure on set b whether that helps with editions that nobody looked at. Goals: 95 of 100 Q&As,
92 of 100 answers exact, 85 of 100 names, nothing false.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.back_issues.finding import to_json_dict
from app.back_issues.reading_issues import read_issues
from tests.support.source import ROOT

EDITIONS = ROOT / "tests" / "support" / "back_issues_blind"
PLAIN_MARKS = str.maketrans("’“”", '\'""')


class Figures(NamedTuple):
    """Numbers of Q&As: in the editions, found, found with the exact answer, with the exact name, and false ones."""

    total: int
    found: int
    exact: int
    named: int
    false: int


FIGURES = {"a": Figures(36, 20, 15, 6, 6), "b": Figures(37, 24, 16, 14, 5)}


def normalize(text: str | None) -> str:
    return " ".join((text or "").split()).translate(PLAIN_MARKS)


def list_found(edition: Path) -> list[dict[str, Any]]:
    issues = read_issues(edition.name, edition.read_bytes())
    return [to_json_dict(qa, edition.name) for issue in issues for qa in issue.found_qas]


def measure(folder: Path) -> Figures:
    total = found = exact = named = false = 0
    for yardstick in folder.glob("*.json"):
        edition = yardstick.with_suffix("")
        if not edition.exists():  # an edition in JSON, whose yardstick is another file
            continue
        left = list_found(edition)
        for expected in json.loads(yardstick.read_text(encoding="utf-8")):
            total += 1
            blocks = [block for block in left if normalize(block["question"]) == normalize(expected["question"])]
            blocks.sort(key=lambda block: block["lead_in"]["name"] != expected["lead_in"]["name"])
            if not blocks:
                continue
            left.remove(blocks[0])
            found += 1
            exact += normalize(" ".join(blocks[0]["answer"])) == normalize(" ".join(expected["answer"]))
            named += normalize(blocks[0]["lead_in"]["name"]) == normalize(expected["lead_in"]["name"])
        false += len(left)
    return Figures(total, found, exact, named, false)


@pytest.mark.parametrize("name", FIGURES)
def test_as_much_is_found_as_before(name: str) -> None:
    assert measure(EDITIONS / name) == FIGURES[name]
