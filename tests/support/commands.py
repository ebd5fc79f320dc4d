"""`readers-asked` as a person runs it: a process of its own in a folder of its own, with nothing else set."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import clock
from tests.support.source import ROOT

# What a newsroom answers in a script; all else has a usual value.
FIRST = {
    "--base-url": "https://ask.example.org", "--newsletter": "letter", "--name": "The Letter", "--language": "en",
    "--address": "desk@example.org", "--admin": "nora@example.org", "--admin-name": "Nora Lind",
}  # fmt: skip


def bare(folder: Path, **more: str) -> dict[str, str]:
    """A fresh shell's environment, with its home in a folder."""
    return {**clock.clock_environment(), "PATH": os.environ["PATH"], "HOME": str(folder), **more}


def options(changes: dict[str, str] | None = None) -> list[str]:
    """The options of `init` for a script."""
    return [part for pair in {**FIRST, **(changes or {})}.items() for part in pair]


def run(
    folder: Path, *arguments: str, program: tuple[str, ...] = (sys.executable, str(ROOT)), **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in `folder`. What it tells is text."""
    return subprocess.run(
        [*program, *arguments], cwd=folder, env=bare(folder, **more), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
