"""The options of a run, the settings of the measured servers, a description of the machine, and output."""

import base64
import os
import platform
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from .load_client import Pace

SECRET = bytes(range(32))
WriteLine = Callable[[str], None]


@dataclass(frozen=True)
class RunOptions:
    """The options of a run.

    `sizes` are numbers of questions in ascending order, `databases` are keys of `DATABASE_NAMES`. Filled databases are
    kept in `cache_folder` for the next run. Progress goes to `write_line`.
    """

    write_line: WriteLine
    sizes: tuple[int, ...]
    databases: tuple[str, ...]
    pace: Pace
    cache_folder: Path | None = None

    def with_smallest_size(self) -> "RunOptions":
        """Return these options with only the smallest size, for figures that don't depend on the amount of data."""
        return replace(self, sizes=self.sizes[:1])


def server_settings(url: str, folder: str) -> dict[str, str]:
    """Return the environment of a server with this database, without rate limits, and its mails in the folder."""
    return {
        "READERS_ASKED_ENV": "demo",
        "SECRET_KEYS": "1:" + base64.b64encode(SECRET).decode(),
        "DATABASE_URL": url,
        "BASE_URL": "http://127.0.0.1",
        "MAIL_FOLDER": f"{folder}/mail",
        "LIMITS": "0",
    }


def describe_machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, client on the same machine"
    )


def print_line(text: str) -> None:
    print(text, flush=True)


def print_progress(text: str) -> None:
    """Print a line to standard error, since standard output may be read by a program."""
    print(text, file=sys.stderr, flush=True)
