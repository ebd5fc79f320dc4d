"""The app as the tests create it: the demo's settings with a base URL and cookies as in production."""

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
# The demo itself accepts only local base URLs.
TEST_SETTINGS = {
    "BASE_URL": BASE_URL,
    "SECRETS": SECRETS,
    "TESTING": True,
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_NAME": "__Host-desk",
}
# The smallest environment with which the production app starts.
PRODUCTION_SETTINGS = {
    "SECRET_KEYS": "1:" + base64.b64encode(SECRETS[1]).decode(),
    "BASE_URL": "https://ask.example.org",
    "MAIL_FROM": "desk@example.org",
}


@contextmanager
def open_app(
    database: Database, folder: Path, bytecode_cache: FileSystemBytecodeCache, limits: str, redis_url: str = ""
) -> Iterator[Flask]:
    """Create the app, with mails and erasures in `folder`; `limits` is the setting LIMITS."""
    from app import create_app

    settings = configuration.load(
        {
            "READERS_ASKED_ENV": "demo",
            "DATABASE_URL": database.url,
            "MAIL_FOLDER": str(folder / "mail"),
            "ERASURES": str(folder / "erasures"),
            "LIMITS": limits,
            "REDIS_URL": redis_url,
        }
    )
    app = create_app({**settings, **TEST_SETTINGS})
    app.jinja_env.bytecode_cache = bytecode_cache
    yield app
    app.extensions["database"].close()
