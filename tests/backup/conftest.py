"""The machine that a newsroom runs on, and an empty one that its backup is restored on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.db.engine import Database
from tests.support.commands import Installation, open_installation
from tests.support.databases import postgres_copy, postgres_url


@pytest.fixture
def old(app: Flask, database: Database, tmp_path: Path) -> Iterator[Installation]:
    """Where the newsroom has worked so far."""
    with open_installation(app, database.url, tmp_path / "lists" / "erasures") as machine:
        yield machine


@pytest.fixture
def new(app: Flask, database: Database, tmp_path: Path) -> Iterator[Installation]:
    """Another one with nothing in its database, which is of the same kind, and the list from the old one."""
    if database.is_sqlite:
        with open_installation(app, f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "lists" / "erasures") as machine:
            yield machine
        return
    with (
        postgres_copy("template0") as name,
        open_installation(app, postgres_url(name), tmp_path / "lists" / "erasures") as machine,
    ):
        yield machine
