"""The policy of the house as docs/lifecycle.md keeps it by hand."""

from pathlib import Path

from tests.support.required_rows import RequiredRows

GOLDEN = Path(__file__).parent.parent.parent / "docs" / "lifecycle.md"


def tables() -> list[tuple[str, ...]]:
    """Every row of every table of the hand-kept copy, behind the heading that it stands under."""
    rows, heading = [], ""
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").lower()
        elif line.startswith("|") and not line.startswith(("|---", "| action", "| role |")):
            rows.append((heading, *(cell.strip() for cell in line.strip("|").split("|"))))
    return rows


def golden() -> list[tuple[str, ...]]:
    return [row for row in tables() if row[0] != "roles"]


def golden_roles() -> RequiredRows[list[str]]:
    """The acts of each role; a test that asks for a role without a row fails with what to write."""
    return RequiredRows(
        "docs/lifecycle.md has no row for the role {name}: `flask lifecycle --table` prints it",
        {
            role: acts.split(", ") if acts else []
            for heading, role, acts in (row[:3] for row in tables())
            if heading == "roles"
        },
    )
