"""What every test can ask for: a database of its own on SQLite and on PostgreSQL, a newsroom with its people, the app.

A database is a copy of one that was migrated once: of a file on SQLite, of a template on PostgreSQL.
"""

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from app.db import Database
from app.migrate import migrate
from app.seal import Keys
from tests.support import postgres
from tests.support.app import BASE_URL, SECRETS, opened_app
from tests.support.cast import Newsroom
from tests.support.databases import address_of, postgres_copy, with_people
from tests.support.desk_browser import DeskBrowser
from tests.support.missing import without
from tests.support.serving import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SERVER = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Find or start one server for all workers; they learn of it by their environment."""
    if not hasattr(config, "workerinput"):
        stack = config.stash[SERVER] = ExitStack()
        os.environ[postgres.NAMED] = stack.enter_context(postgres.server()) or ""


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "newsroom.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def sqlite_founded(sqlite_template: Path) -> tuple[Path, Newsroom]:
    path = shutil.copy(sqlite_template, sqlite_template.with_name("founded.db"))
    return path, with_people(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    with postgres_copy("template0") as name:
        migrate(address_of(name))
        yield name


@pytest.fixture(scope="session")
def postgres_founded(postgres_template: str) -> Iterator[tuple[str, Newsroom]]:
    with postgres_copy(postgres_template) as name:
        yield name, with_people(address_of(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with postgres_copy("template0") as name:
        yield address_of(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database that nobody else uses; with the newsroom in it where the test asks for one."""
    founded = "newsroom" in request.fixturenames
    if request.param == "sqlite":
        path = request.getfixturevalue("sqlite_founded")[0] if founded else request.getfixturevalue("sqlite_template")
        with TemporaryDirectory(prefix="newsroom-", dir=postgres.in_memory()) as folder:
            yield f"sqlite:///{shutil.copy(path, Path(folder) / 'newsroom.db')}"
        return
    template = (
        request.getfixturevalue("postgres_founded")[0] if founded else request.getfixturevalue("postgres_template")
    )
    with postgres_copy(template) as name:
        yield address_of(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Keys(SECRETS), BASE_URL)
    yield opened
    opened.close()


@pytest.fixture
def newsroom(request: pytest.FixtureRequest, database: Database) -> Newsroom:
    """The Steppe Letter with its desk and experts; nobody has asked anything yet."""
    made: Newsroom = request.getfixturevalue("sqlite_founded" if database.is_sqlite else "postgres_founded")[1]
    return made


@pytest.fixture
def nora(app: Flask, database: Database, newsroom: Newsroom) -> DeskBrowser:
    """Nora at the desk of the Steppe Letter, which she edits."""
    return DeskBrowser(app, database, newsroom.nora, newsroom.slug)


@pytest.fixture
def ilya(app: Flask, database: Database, newsroom: Newsroom) -> DeskBrowser:
    """Ilya beside her: he prepares, and neither approves nor sends."""
    return DeskBrowser(app, database, newsroom.ilya, newsroom.slug)


@pytest.fixture(scope="session", autouse=True)
def addresses_made_once() -> Iterator[None]:
    """All apps have the same addresses. Werkzeug writes and compiles a function for each of them anew, which takes longer
    than most tests; the function looks at nothing but the address, so that one of them serves all apps."""
    make, made = Rule._compile_builder, {}

    def once(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, repr(rule.defaults), append_unknown)
        if key not in made:
            made[key] = make(rule, append_unknown)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", once)
        yield


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Every test has an app of its own; its templates are compiled once."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("compiled")))


@pytest.fixture
def app(database: Database, tmp_path: Path, compiled: FileSystemBytecodeCache) -> Iterator[Flask]:
    with opened_app(database, tmp_path, compiled, limits="0") as made:
        yield made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def limited(database: Database, tmp_path: Path, compiled: FileSystemBytecodeCache) -> Iterator[FlaskClient]:
    """A client of an app that counts tries, as it does in production."""
    with opened_app(database, tmp_path, compiled, limits="1") as made:
        yield made.test_client()


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A real browser: Debian's, never a download of the test tools."""
    path = shutil.which("chromium")
    if path is None:
        without("chromium")
    from playwright.sync_api import sync_playwright  # not above: most tests need no browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-quic"])
        yield browser
        browser.close()


@pytest.fixture
def site(database: Database, newsroom: Newsroom, tmp_path: Path) -> Iterator[str]:
    """Where the app is really served, by the server of the product."""
    secrets = ",".join(f"{number}:{base64.b64encode(secret).decode()}" for number, secret in SECRETS.items())
    with served(database.url, tmp_path / "mail", secrets) as address:
        yield address
