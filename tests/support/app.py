"""The app as the tests open it: the demo’s settings at an address as in production."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache

import config as configuration
from app.db.engine import Database

SECRETS = {1: b"a secret of the newsroom, thirty-two bytes"}
BASE_URL = "https://ask.newsroom.example"
# The demo's settings at an address as in production, which the demo itself refuses.
TEST_SETTINGS = {
    "BASE_URL": BASE_URL,
    "SECRETS": SECRETS,
    "TESTING": True,
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_NAME": "__Host-desk",
}
# The least that production needs.
PRODUCTION_SETTINGS = {
    "SECRET_KEYS": "1:" + base64.b64encode(SECRETS[1]).decode(),
    "BASE_URL": "https://ask.example.org",
    "MAIL_FROM": "desk@example.org",
}


@contextmanager
def open_app(database: Database, folder: Path, compiled: FileSystemBytecodeCache, limits: str) -> Iterator[Flask]:
    from app import create_app

    settings = configuration.load(
        {
            "READERS_ASKED_ENV": "demo",
            "DATABASE_URL": database.url,
            "MAIL_FOLDER": str(folder / "mail"),
            "ERASURES": str(folder / "erasures"),
            "LIMITS": limits,
        }
    )
    made = create_app({**settings, **TEST_SETTINGS})
    made.jinja_env.bytecode_cache = compiled
    yield made
    made.extensions["database"].close()
