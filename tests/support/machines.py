"""A newsroom's machine with its commands: a database, a list of erasures, and backups that go from one to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result
from flask import Flask

from app.backup.erasure_list import Keeper
from app.crypto.seal import Keys
from app.db.engine import Database
from tests.support.app import BASE_URL, SECRETS


@dataclass
class Machine:
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

    def done(self, *words: Any) -> str:
        """Type a command that goes well and return what it said."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return str(result.output)

    def refused(self, *words: Any) -> str:
        """Type a command that is refused in a sentence, without a traceback, and return what it said."""
        result = self.run(*words)
        assert (result.exit_code, type(result.exception)) in ((1, SystemExit), (2, SystemExit)), result.output
        return str(result.output)

    def keep_list(self) -> None:
        """Let the worker write the list of erasures."""
        Keeper(self.erasures).keep(self.database)


@contextmanager
def opened(app: Flask, url: str, erasures: Path, secrets: dict[int, bytes] = SECRETS) -> Iterator[Machine]:
    """A machine with the database at `url`."""
    database = Database(url, Keys(secrets), BASE_URL)
    try:
        yield Machine(app, database, erasures)
    finally:
        database.close()
