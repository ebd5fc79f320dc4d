"""Commands of `readers-asked`: as a process with nothing else set, or in an installation with its own database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from click.testing import Result
from flask import Flask

from app.backup.erasure_list import ErasureListWriter
from app.crypto.seal import Keys
from app.db.engine import Database
from app.watching import sightings
from tests.support import clock
from tests.support.app import BASE_URL, SECRETS
from tests.support.source import ROOT

# What a newsroom answers in a script; all else has a usual value.
INIT_ANSWERS = {
    "--base-url": "https://ask.example.org", "--newsletter": "letter", "--name": "The Letter", "--language": "en",
    "--address": "desk@example.org", "--admin": "nora@example.org", "--admin-name": "Nora Lind",
}  # fmt: skip


def bare_environment(folder: Path, **more: str) -> dict[str, str]:
    """A fresh shell's environment, with its home in a folder."""
    return {**clock.clock_environment(), "PATH": os.environ["PATH"], "HOME": str(folder), **more}


def init_options(changes: dict[str, str] | None = None) -> list[str]:
    """The options of `init` for a script."""
    return [part for pair in {**INIT_ANSWERS, **(changes or {})}.items() for part in pair]


def run_command(
    folder: Path, *arguments: str, program: tuple[str, ...] = (sys.executable, str(ROOT)), **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in `folder`. What it tells is text."""
    return subprocess.run(
        [*program, *arguments], cwd=folder, env=bare_environment(folder, **more), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@dataclass
class Installation:
    """Where commands are typed; each finds this database and this list."""

    app: Flask
    database: Database
    erasures: Path

    def run(self, *words: Any) -> Result:
        """Type a command and return how it went."""
        before = self.app.extensions["database"], self.app.config["ERASURES"]
        self.app.extensions["database"], self.app.config["ERASURES"] = self.database, str(self.erasures)
        try:
            return self.app.test_cli_runner().invoke(args=[*map(str, words)])
        finally:
            self.app.extensions["database"], self.app.config["ERASURES"] = before

    def run_ok(self, *words: Any) -> str:
        """Type a command that goes well and return what it said."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return str(result.output)

    def run_refused(self, *words: Any) -> str:
        """Type a command that is refused in a sentence, without a traceback, and return what it said."""
        result = self.run(*words)
        assert (result.exit_code, type(result.exception)) in ((1, SystemExit), (2, SystemExit)), result.output
        return str(result.output)

    def write_erasure_list(self) -> None:
        """Let the worker write the list of erasures."""
        ErasureListWriter(self.erasures).update(self.database)


@contextmanager
def open_installation(
    app: Flask, url: str, erasures: Path, secrets: dict[int, bytes] = SECRETS
) -> Iterator[Installation]:
    """A machine with the database at `url`."""
    database = Database(url, Keys(secrets), BASE_URL)
    try:
        yield Installation(app, database, erasures)
    finally:
        database.close()


def record_sighting(database: Database, at: datetime | None = None, duty: str = "place mail") -> None:
    """A worker has done a duty now, or `at`."""
    database.write(lambda session: sightings.record_sightings(session, {f"{sightings.DUTY}{duty}": 1}), at)
