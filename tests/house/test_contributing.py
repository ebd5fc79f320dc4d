"""What CONTRIBUTING.md and docs/glossary.md promise to somebody new."""

import re
import subprocess
import sys

from app.cli import MACHINES
from tests.support.source import ROOT

GLOSSARY = ROOT / "docs/glossary.md"


def rows() -> list[list[str]]:
    lines = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_glossary_is_in_order_and_says_something_of_each_word() -> None:
    words = [row[0] for row in rows()]
    assert words == sorted(words)
    assert [row for row in rows() if len(row) != 3 or not row[2].endswith((".", ")."))] == []


def test_each_machine_of_the_house_is_in_the_glossary() -> None:
    known = {row[0] for row in rows()}
    assert [
        f"say in docs/glossary.md what a {machine.noun!r} is" for machine in MACHINES if machine.noun not in known
    ] == []


def test_the_one_hook_of_pre_commit_is_make_check() -> None:
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", config], check=True, cwd=ROOT)
    entries = re.findall(r"entry: (.*)", config.read_text())
    assert entries == ["make check"]
