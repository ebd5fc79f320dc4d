"""What the docs hold: sections, tables, blocks of commands, the threat model, and the policy of docs/lifecycle.md."""

import re
from pathlib import Path

from tests.support.required_rows import RequiredRows
from tests.support.source import ROOT

THREAT_MODEL = ROOT / "docs" / "threat-model.md"


def find_section(heading: str, level: int = 2, text: str = "") -> str:
    """Return what stands under a heading, up to the next one of its level. ValueError where there is none."""
    mark = "#" * level
    _before, found, after = f"\n{text or THREAT_MODEL.read_text(encoding='utf-8')}".partition(f"\n{mark} {heading}\n")
    if not found:
        raise ValueError(f"no heading {heading!r}")
    return re.split(rf"\n#{{1,{level}}} ", after)[0]


def list_table_rows(text: str) -> list[list[str]]:
    """Return the cells of the table in a text, without its head."""
    drawn = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in drawn[2:]]


def list_threats() -> tuple[str, ...]:
    """Return the names of all threats, in the order of the page."""
    return tuple(row[0] for row in list_table_rows(find_section("What is tried, and what holds it")))


THREATS = list_threats()


def list_code_blocks(page: str, heading: str, *kinds: str) -> list[str]:
    """The blocks of these kinds ("sh", "env", "" where none is named) between a heading of a page and the next one."""
    parts = re.split(r"^##+ ", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    part = next((part for part in parts if part.startswith(f"{heading}\n")), "")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind in kinds]


def list_shell_blocks(page: str, heading: str) -> list[str]:
    """The shell blocks under a heading of a page."""
    return list_code_blocks(page, heading, "", "sh")


LIFECYCLE = Path(__file__).parent.parent.parent / "docs" / "lifecycle.md"


def list_lifecycle_rows() -> list[tuple[str, ...]]:
    """Every row of every table of the hand-kept copy, behind the heading that it stands under."""
    rows, heading = [], ""
    for line in LIFECYCLE.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").lower()
        elif line.startswith("|") and not line.startswith(("|---", "| action", "| role |")):
            rows.append((heading, *(cell.strip() for cell in line.strip("|").split("|"))))
    return rows


def list_policy_rows() -> list[tuple[str, ...]]:
    return [row for row in list_lifecycle_rows() if row[0] != "roles"]


def list_role_acts() -> RequiredRows[list[str]]:
    """The acts of each role; a test that asks for a role without a row fails with what to write."""
    return RequiredRows(
        "docs/lifecycle.md has no row for the role {name}: `flask lifecycle --table` prints it",
        {
            role: acts.split(", ") if acts else []
            for heading, role, acts in (row[:3] for row in list_lifecycle_rows())
            if heading == "roles"
        },
    )
