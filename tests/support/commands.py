"""Commands of `readers-asked`: as a process in an empty environment, or in an installation with its own database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
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
from tests.support.processes import run_forked
from tests.support.source import ROOT

# The options of `init` that have no default.
INIT_ANSWERS = {
    "--base-url": "https://ask.example.org", "--newsletter": "letter", "--name": "The Letter", "--language": "en",
    "--address": "desk@example.org", "--admin": "nora@example.org", "--admin-name": "Nora Lind",
}  # fmt: skip


def bare_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a new shell with this home folder, and further variables."""
    return {**clock.clock_environment(), "PATH": os.environ["PATH"], "HOME": str(folder), **variables}


def init_options(changes: dict[str, str] | None = None) -> list[str]:
    """Return the options with which `init` asks no questions; `changes` replace values of `INIT_ANSWERS`."""
    answers = INIT_ANSWERS | (changes or {})
    return list(chain.from_iterable(answers.items()))


def run_command(
    folder: Path, *arguments: str, program: tuple[str, ...] = (sys.executable, str(ROOT)), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with further environment variables; return its status and output."""
    return subprocess.run(
        [*program, *arguments], cwd=folder, env=bare_environment(folder, **variables), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def run_forked_command(
    folder: Path, *arguments: str, program: tuple[str, ...] = (str(ROOT),), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command like `run_command`, forked from a process that has the product loaded.

    It ends without closing its databases: their logs stay.
    """
    return run_forked((*program, *arguments), bare_environment(folder, **variables), folder)


@dataclass
class Installation:
    """An installation of the program: its commands use this database and this list of erasures."""

    app: Flask
    database: Database
    erasures: Path

    def run(self, *arguments: Any) -> Result:
        previous = self.app.extensions["database"], self.app.config["ERASURES"]
        self.app.extensions["database"], self.app.config["ERASURES"] = self.database, str(self.erasures)
        try:
            return self.app.test_cli_runner().invoke(args=[*map(str, arguments)])
        finally:
            self.app.extensions["database"], self.app.config["ERASURES"] = previous

    def run_ok(self, *arguments: Any) -> str:
        """Run a command that succeeds, and return its output."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return str(result.output)

    def run_refused(self, *arguments: Any) -> str:
        """Run a command that exits with an error message instead of a traceback, and return its output."""
        result = self.run(*arguments)
        assert (result.exit_code, type(result.exception)) in ((1, SystemExit), (2, SystemExit)), result.output
        return str(result.output)

    def write_erasure_list(self) -> None:
        """Update the list of erasures, as the worker does."""
        ErasureListWriter(self.erasures).update(self.database)


@contextmanager
def open_installation(
    app: Flask, url: str, erasures: Path, secrets: dict[int, bytes] = SECRETS
) -> Iterator[Installation]:
    """Open an installation with the database at `url`."""
    database = Database(url, Keys(secrets), BASE_URL)
    try:
        yield Installation(app, database, erasures)
    finally:
        database.close()


def record_sighting(database: Database, time: datetime | None = None, duty: str = "place mail") -> None:
    """Record that a worker has done a duty, now or at `time`."""
    database.write(lambda session: sightings.record_sightings(session, {f"{sightings.DUTY}{duty}": 1}), time)
