"""Readers of the docs: sections, tables and code blocks of pages, the threat model, the tables of docs/lifecycle.md."""

import re
from functools import cache

from tests.support.required_rows import RequiredRows
from tests.support.source import ROOT

THREAT_MODEL = ROOT / "docs" / "threat-model.md"


def find_section(heading: str, level: int = 2, text: str = "") -> str:
    """Return the text under a heading, up to the next heading of this or a higher level.

    `text` is Markdown, by default the threat model. Raises ValueError if it has no such heading.
    """
    text = text or THREAT_MODEL.read_text(encoding="utf-8")
    mark = "#" * level
    _before, separator, after = f"\n{text}".partition(f"\n{mark} {heading}\n")
    if not separator:
        raise ValueError(f"no heading {heading!r}")
    return re.split(rf"\n#{{1,{level}}} ", after)[0]


def list_table_rows(text: str) -> list[list[str]]:
    """Return the cells of the Markdown table in a text by row, without its head."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def list_threats() -> tuple[str, ...]:
    """Return the names of all threats, in the order of the threat model."""
    return tuple(row[0] for row in list_table_rows(find_section("What is tried, and what holds it")))


THREATS = list_threats()


def list_code_blocks(page: str, heading: str, *kinds: str) -> list[str]:
    """Return the code blocks under a heading of a page, up to the next heading.

    `kinds` are the languages of blocks, such as "sh" or "env"; "" is a block without a language.
    """
    parts = re.split(r"^##+ ", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    part = next((part for part in parts if part.startswith(f"{heading}\n")), "")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    return [text for kind, text in blocks if kind in kinds]


def list_shell_blocks(page: str, heading: str) -> list[str]:
    """Return the shell blocks under a heading of a page."""
    return list_code_blocks(page, heading, "", "sh")


LIFECYCLE = ROOT / "docs" / "lifecycle.md"
LIMITS_HEADING = "how long a reader's words are kept"


@cache
def list_lifecycle_rows() -> tuple[tuple[str, ...], ...]:
    """Return the rows of all tables of docs/lifecycle.md, each with its heading in lower case as the first cell."""
    rows: list[tuple[str, ...]] = []
    heading = ""
    for line in LIFECYCLE.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").lower()
        elif line.startswith("|") and not line.startswith(("|---", "| action", "| role |", "| state of the letter")):
            rows.append((heading, *(cell.strip() for cell in line.strip("|").split("|"))))
    return tuple(rows)


@cache
def list_policy_rows() -> tuple[tuple[str, ...], ...]:
    return tuple(row for row in list_lifecycle_rows() if row[0] not in ("roles", LIMITS_HEADING))


@cache
def list_role_acts() -> RequiredRows[list[str]]:
    """Return the permissions of each role in docs/lifecycle.md; a missing role fails with instructions."""
    acts_by_role: dict[str, list[str]] = {}
    for heading, role, acts, *_rest in list_lifecycle_rows():
        if heading == "roles":
            acts_by_role[role] = acts.split(", ") if acts else []
    return RequiredRows(
        "docs/lifecycle.md has no row for the role {name}: `readers-asked lifecycle --table` prints it", acts_by_role
    )
