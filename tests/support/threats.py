"""The threats of docs/threat-model.md, as its tables name them."""

import re

from tests.support.source import ROOT

MODEL = ROOT / "docs" / "threat-model.md"


def part(heading: str, level: int = 2, text: str = "") -> str:
    """Return what stands under a heading, up to the next one of its level. ValueError where there is none."""
    mark = "#" * level
    _before, found, after = f"\n{text or MODEL.read_text(encoding='utf-8')}".partition(f"\n{mark} {heading}\n")
    if not found:
        raise ValueError(f"no heading {heading!r}")
    return re.split(rf"\n#{{1,{level}}} ", after)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the table in a text, without its head."""
    drawn = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in drawn[2:]]


def threats() -> tuple[str, ...]:
    """Return the names of all threats, in the order of the page."""
    return tuple(row[0] for row in rows(part("What is tried, and what holds it")))


THREATS = threats()
