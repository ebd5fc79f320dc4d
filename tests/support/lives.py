"""A process that lives again and again: each line that it is given is one life, and each line that it says how that ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Lives:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def live(self, words: object) -> str:
        """One life, as these words say; tells how it ended."""
        asks = self._process.stdin
        assert asks is not None
        asks.write(f"{words}\n")
        asks.flush()
        return self.says()

    def says(self) -> str:
        """The next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def lives(module: str, *arguments: str) -> Iterator[Lives]:
    """The lives that a module of tests/support leads, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.support.{module}", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": "."},
    ) as process:  # fmt: skip
        yield Lives(process)
        assert process.stdin is not None
        process.stdin.close()
