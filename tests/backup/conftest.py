"""The machine of a newsroom, and an empty one to restore its backup on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.db.engine import Database
from tests.support.commands import Installation, open_installation
from tests.support.databases import postgres_copy, postgres_url


@pytest.fixture
def old_machine(app: Flask, database: Database, tmp_path: Path) -> Iterator[Installation]:
    """The machine with the newsroom."""
    with open_installation(app, database.url, tmp_path / "lists" / "erasures") as machine:
        yield machine


@pytest.fixture
def new_machine(app: Flask, database: Database, tmp_path: Path) -> Iterator[Installation]:
    """Another machine, with an empty database of the same kind, and the list of erasures of the old one."""
    if database.is_sqlite:
        with open_installation(app, f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "lists" / "erasures") as machine:
            yield machine
        return
    with (
        postgres_copy("template0") as name,
        open_installation(app, postgres_url(name), tmp_path / "lists" / "erasures") as machine,
    ):
        yield machine
