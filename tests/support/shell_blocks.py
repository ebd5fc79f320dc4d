"""The shell blocks of README, CONTRIBUTING and docs/, as they stand there."""

import re

from tests.support.source import ROOT


def shell_blocks(page: str, heading: str) -> list[str]:
    """The shell blocks under a heading of a page."""
    part = (ROOT / page).read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
