"""The blocks of commands and settings of README, CONTRIBUTING and docs/, as they stand there."""

import re

from tests.support.source import ROOT


def blocks(page: str, heading: str, *kinds: str) -> list[str]:
    """The blocks of these kinds ("sh", "env", "" where none is named) between a heading of a page and the next one."""
    parts = re.split(r"^##+ ", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    part = next((part for part in parts if part.startswith(f"{heading}\n")), "")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind in kinds]


def shell_blocks(page: str, heading: str) -> list[str]:
    """The shell blocks under a heading of a page."""
    return blocks(page, heading, "", "sh")
