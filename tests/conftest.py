"""Fixtures for all tests: a database on SQLite or PostgreSQL, a newsroom with its people, the app.

Each test gets a copy of a database that was migrated once: of a file on SQLite, of a template on PostgreSQL.
"""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from app.core import state_machine
from app.db.engine import Database
from app.db.migrate import migrate
from app.newsletters.models import Newsletter
from app.reader import copies
from app.server import worker
from app.web.setup import limiter
from tests.support import postgres, xdist_schedule
from tests.support.app import open_app
from tests.support.assignments import ExpertAssignment, ask_expert
from tests.support.databases import (
    DatabasePool,
    create_newsroom_at,
    file_lock,
    load_demo_year,
    postgres_copy,
    postgres_url,
)
from tests.support.desk import Desk
from tests.support.desk_people import hire_vera
from tests.support.processes import run_site, start_forked
from tests.support.sample_newsroom import Newsroom

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ["tests.support.clock", "tests.support.security_table"]
TESTS = Path(__file__).parent
VAR = TESTS.parent / "var"
SERVER, VAR_BEFORE = pytest.StashKey[ExitStack](), pytest.StashKey[set[str]]()
# Tests that run on SQLite only. Most are tests of pages, which show the results of functions that are tested on both
# databases. The queries of the pages run on both in house/test_gates.py, which opens every page and sends every form,
# in journeys/test_ask_to_print.py, and in tests marked both_databases, mostly of long lists with filters and pages.
# `make test-security` runs all tests of threats on both.
ON_ONE_DATABASE = ("desk", "entrance", "expert", "journeys", "reader", "translator", "test_measured_time.py")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with a database on both, except those in `ON_ONE_DATABASE` and those that name their database."""
    if "database_url" not in metafunc.fixturenames:
        return
    marks = list(metafunc.definition.iter_markers())
    if any(mark.name == "parametrize" and "database_url" in mark.args[0] for mark in marks):
        return
    path = metafunc.definition.path
    marks_for_both = {"both_databases", "threat"} if metafunc.config.getoption("threats") else {"both_databases"}
    has_mark_for_both = any(mark.name in marks_for_both for mark in marks)
    runs_on_both = has_mark_for_both or {path.parent.name, path.name}.isdisjoint(ON_ONE_DATABASE)
    metafunc.parametrize("database_url", ["sqlite", "postgresql"] if runs_on_both else ["sqlite"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start with the files that take longest, and deselect tests of the real Ghost unless `-m` mentions them."""
    if "ghost" not in config.getoption("markexpr"):
        deselected = [item for item in items if item.get_closest_marker("ghost")]
        items[:] = [item for item in items if item not in deselected]
        config.hook.pytest_deselected(items=deselected)
    items.sort(key=lambda item: xdist_schedule.rank_file(item.path.relative_to(TESTS).as_posix()))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exempt everything that is loaded so far from garbage collection, which took a sixth of all time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "xdist_schedule.FileSchedule | None":
    return xdist_schedule.FileSchedule(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    """Find or start one PostgreSQL server for all workers, which get its URL from the environment."""
    if not hasattr(config, "workerinput"):
        config.stash[VAR_BEFORE] = {path.name for path in VAR.glob("*")}
        stack = config.stash[SERVER] = ExitStack()
        os.environ[postgres.URL_VARIABLE] = stack.enter_context(postgres.find_or_start_server()) or ""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if the tests have created files in `var/`, where `make run` keeps its newsroom."""
    if VAR_BEFORE not in session.config.stash:
        return
    new_names = sorted({path.name for path in VAR.glob("*")} - session.config.stash[VAR_BEFORE])
    if new_names:
        print(f"\nThe tests have created files in {VAR.name}/, where they may not write: {', '.join(new_names)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].close()


@pytest.fixture(scope="session", autouse=True)
def quick_presses() -> Iterator[timedelta]:
    """Let tests take back a move as quickly as they press. Yields the pause that people have to make."""
    pause, state_machine.PAUSE = state_machine.PAUSE, timedelta(0)
    yield pause
    state_machine.PAUSE = pause


@pytest.fixture
def pause(quick_presses: timedelta, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """Ask for the pause between two opposite presses, as outside of tests."""
    monkeypatch.setattr(state_machine, "PAUSE", quick_presses)
    return quick_presses


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that are created once and used by every worker."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "newsroom.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def sqlite_newsroom(sqlite_template: Path) -> tuple[Path, Newsroom]:
    path = shutil.copy(sqlite_template, sqlite_template.with_name("founded.db"))
    return path, create_newsroom_at(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    with postgres_copy("template0") as name:
        migrate(postgres_url(name))
        yield name


@pytest.fixture(scope="session")
def postgres_newsroom(postgres_template: str) -> Iterator[tuple[str, Newsroom]]:
    with postgres_copy(postgres_template) as name:
        yield name, create_newsroom_at(postgres_url(name))


@pytest.fixture(scope="session")
def sqlite_year(sqlite_template: Path, shared_folder: Path) -> Path:
    """The file of the demo newsroom with its year until now, created once for all workers, to be copied."""
    path = shared_folder / "year.db"
    with file_lock(path.with_suffix(".lock")):
        if not path.exists():
            unfinished = shutil.copy(sqlite_template, path.with_suffix(".begun"))
            load_demo_year(f"sqlite:///{unfinished}")
            unfinished.rename(path)
    return path


@pytest.fixture(scope="session")
def postgres_year(postgres_template: str) -> Iterator[str]:
    with postgres_copy(postgres_template) as name:
        load_demo_year(postgres_url(name))
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        with TemporaryDirectory(prefix="empty-", dir=postgres.find_memory_folder()) as folder:
            yield f"sqlite:///{folder}/empty.db"
        return
    with postgres_copy("template0") as name:
        yield postgres_url(name)


@pytest.fixture(scope="session")
def database_pool() -> Iterator[DatabasePool]:
    """The databases of this worker, which its tests reuse."""
    with TemporaryDirectory(prefix="newsroom-", dir=postgres.find_memory_folder()) as folder, ExitStack() as stack:
        yield DatabasePool(Path(folder), stack)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_pool: DatabasePool) -> str:
    """The URL of a migrated database for this test, with the newsroom in it if the test uses that fixture."""
    with_newsroom = "newsroom" in request.fixturenames
    if request.param == "sqlite":
        return database_pool.copy_sqlite(
            request.getfixturevalue("sqlite_newsroom")[0]
            if with_newsroom
            else request.getfixturevalue("sqlite_template")
        )
    return database_pool.copy_postgres(
        request.getfixturevalue("postgres_newsroom")[0]
        if with_newsroom
        else request.getfixturevalue("postgres_template")
    )


@pytest.fixture
def database(database_url: str, database_pool: DatabasePool) -> Iterator[Database]:
    database = database_pool.get_database(database_url)
    yield database
    database.close()


@pytest.fixture
def newsroom(request: pytest.FixtureRequest, database: Database) -> Newsroom:
    """The Steppe Letter with its desk and experts, before the first letter."""
    newsroom: Newsroom = request.getfixturevalue("sqlite_newsroom" if database.is_sqlite else "postgres_newsroom")[1]
    return newsroom


@pytest.fixture
def nora(app: Flask, newsroom: Newsroom) -> Desk:
    """Nora, the editor of the Steppe Letter, at the desk."""
    return Desk(app, newsroom.nora)


@pytest.fixture
def ilya(app: Flask, newsroom: Newsroom) -> Desk:
    """Ilya, an assistant at the desk, who may neither approve nor send."""
    return Desk(app, newsroom.ilya)


@pytest.fixture
def vera(app: Flask, database: Database, newsroom: Newsroom) -> Desk:
    """Vera, the administrator, at the desk."""
    return Desk(app, hire_vera(database, newsroom))


@pytest.fixture
def one_minute_undo(database: Database, newsroom: Newsroom) -> None:
    """Give the desk one minute to undo an action, during which its mails wait."""
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "undo_seconds", 60))


@pytest.fixture
def salt(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Timur's question about the salt, with Leyla invited to answer it."""
    return ask_expert(database, newsroom)


@pytest.fixture(scope="session", autouse=True)
def share_url_builders() -> Iterator[None]:
    """Let all apps share the functions that Werkzeug compiles to build the URL of each rule.

    Compiling them for each app takes longer than most tests. They depend on nothing but the rule.
    """
    compile_builder, builders = Rule._compile_builder, {}

    def get_builder(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", get_builder)
        yield


@pytest.fixture(scope="session")
def bytecode_cache(shared_folder: Path) -> FileSystemBytecodeCache:
    """The compiled templates, shared by all workers."""
    folder = shared_folder / "compiled"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))


@pytest.fixture
def app(database: Database, database_pool: DatabasePool, bytecode_cache: FileSystemBytecodeCache) -> Iterator[Flask]:
    """The app on the database of this test. All tests of a worker share it; its settings are restored after each."""
    app = database_pool.get_app(database, bytecode_cache)
    settings = dict(app.config)
    shutil.rmtree(app.config["MAIL_FOLDER"], ignore_errors=True)
    Path(app.config["ERASURES"]).unlink(missing_ok=True)  # it knows the head of another test's trail
    limiter.enabled = False  # all apps of a process share the limiter, which `limited_client` enables
    yield app
    app.config.clear()
    app.config.update(settings)
    worker._transport.cache_clear()  # the cached transport depends on the settings
    app.extensions["database"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def limited_client(
    database: Database, tmp_path: Path, bytecode_cache: FileSystemBytecodeCache
) -> Iterator[FlaskClient]:
    """A client of an app with rate limits, as in production."""
    with open_app(database, tmp_path, bytecode_cache, limits="1") as app:
        yield app.test_client()


@pytest.fixture
def without_quarters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no copy end with the quarter of an hour, which may be over in the middle of a test."""
    monkeypatch.setattr(copies, "QUARTER", 10**12)


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    from tests.support.browsers import start_chromium  # a slow import, which most tests don't need

    with start_chromium() as browser:
        yield browser


@pytest.fixture
def site(database: Database, newsroom: Newsroom, tmp_path: Path) -> Iterator[str]:
    """The base URL of the product, served by its own processes."""
    with run_site(database.url, tmp_path / "mail", start_forked) as address:
        yield address
