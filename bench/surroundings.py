"""The environment shared by all parts of the bench: options of the run, the servers' settings, the machine, output."""

import base64
import os
import platform
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from .load import Pace

SECRET = bytes(range(32))
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """The options of a run. Filled databases are kept in the folder `kept`, for the next run."""

    say: Say
    sizes: tuple[int, ...]
    databases: tuple[str, ...]
    pace: Pace
    kept: Path | None = None

    def at_the_smallest(self) -> "Run":
        """Return these options with only the smallest size, for figures that don't depend on the amount of data."""
        return replace(self, sizes=self.sizes[:1])


def environment(url: str, folder: str) -> dict[str, str]:
    return {
        "READERS_ASKED_ENV": "demo",
        "SECRET_KEYS": "1:" + base64.b64encode(SECRET).decode(),
        "DATABASE_URL": url,
        "BASE_URL": "http://127.0.0.1",
        "MAIL_FOLDER": f"{folder}/mail",
        "LIMITS": "0",
    }


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, client on the same machine"
    )


def say(text: str) -> None:
    print(text, flush=True)


def aside(text: str) -> None:
    """Print progress to standard error, since standard output may be read by a program."""
    print(text, file=sys.stderr, flush=True)
