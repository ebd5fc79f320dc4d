"""The machine that a newsroom runs on, and an empty one that its backup is restored on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.db.engine import Database
from tests.support.databases import address_of, postgres_copy
from tests.support.machines import Machine, opened


@pytest.fixture
def old(app: Flask, database: Database, tmp_path: Path) -> Iterator[Machine]:
    """Where the newsroom has worked so far."""
    with opened(app, database.url, tmp_path / "lists" / "erasures") as machine:
        yield machine


@pytest.fixture
def new(app: Flask, database: Database, tmp_path: Path) -> Iterator[Machine]:
    """Another one with nothing in its database, which is of the same kind, and the list from the old one."""
    if database.is_sqlite:
        with opened(app, f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "lists" / "erasures") as machine:
            yield machine
        return
    with postgres_copy("template0") as name, opened(app, address_of(name), tmp_path / "lists" / "erasures") as machine:
        yield machine
