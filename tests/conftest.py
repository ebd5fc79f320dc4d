"""What every test can ask for: a database of its own on SQLite and on PostgreSQL, a newsroom with its people, the app.

A database is a copy of one that was migrated once: of a file on SQLite, of a template on PostgreSQL.
"""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from app.db.engine import Database
from app.db.migrate import migrate
from app.newsletters.models import Newsletter
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
# The rooms of pages: a page shows what nouns and verbs give, and those are tested on both databases. What a page asks by itself
# is asked of both too: by the walk over every page and press (house/test_gates.py), by the main job in a browser
# (journeys/test_ask_to_print.py), and by tests marked both_databases, whose
# subject are long lists that are narrowed down and paged.
# `make test-security` asks both of all that holds a threat, the thousands of requests among them whose times are compared.
ON_ONE_DATABASE = ("desk", "entrance", "expert", "journeys", "reader", "translator", "test_measured_time.py")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that has a database on both, one of a page on SQLite, and one that names its database on that."""
    if "database_url" not in metafunc.fixturenames:
        return
    marks = list(metafunc.definition.iter_markers())
    if any(mark.name == "parametrize" and "database_url" in mark.args[0] for mark in marks):
        return
    path = metafunc.definition.path
    of_a_page = not {path.parent.name, path.name}.isdisjoint(ON_ONE_DATABASE)
    asked = "threat" if metafunc.config.getoption("threats") else "both_databases"
    both = not of_a_page or any(mark.name in ("both_databases", asked) for mark in marks)
    metafunc.parametrize("database_url", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and leave out what needs the real Ghost unless it is asked for."""
    if "ghost" not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker("ghost")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: xdist_schedule.rank_file(item.path.relative_to(TESTS).as_posix()))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector pass over all that is loaded now: it stays to the end, and walking it again and again took a sixth of
    all time."""
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
    """Find or start one server for all workers; they learn of it by their environment."""
    if not hasattr(config, "workerinput"):
        config.stash[VAR_BEFORE] = {path.name for path in VAR.glob("*")}
        stack = config.stash[SERVER] = ExitStack()
        os.environ[postgres.URL_VARIABLE] = stack.enter_context(postgres.find_or_start_server()) or ""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if the tests have made files where the newsroom of `make run` lies: it would meet what isn't its own."""
    made = sorted(path.name for path in VAR.glob("*")) if VAR_BEFORE in session.config.stash else []
    if new := [name for name in made if name not in session.config.stash[VAR_BEFORE]]:
        print(f"\nThe tests have made files in {VAR.name}/, where they may not write: {', '.join(new)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is made once and used by every worker."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "newsroom.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def sqlite_founded(sqlite_template: Path) -> tuple[Path, Newsroom]:
    path = shutil.copy(sqlite_template, sqlite_template.with_name("founded.db"))
    return path, create_newsroom_at(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    with postgres_copy("template0") as name:
        migrate(postgres_url(name))
        yield name


@pytest.fixture(scope="session")
def postgres_founded(postgres_template: str) -> Iterator[tuple[str, Newsroom]]:
    with postgres_copy(postgres_template) as name:
        yield name, create_newsroom_at(postgres_url(name))


@pytest.fixture(scope="session")
def sqlite_year(sqlite_template: Path, shared: Path) -> Path:
    """The demo newsroom after its year until now, lived through once for all workers; to be copied."""
    path = shared / "year.db"
    with file_lock(path.with_suffix(".lock")):
        if not path.exists():
            began = shutil.copy(sqlite_template, path.with_suffix(".begun"))
            load_demo_year(f"sqlite:///{began}")
            began.rename(path)
    return path


@pytest.fixture(scope="session")
def postgres_year(postgres_template: str) -> Iterator[str]:
    with postgres_copy(postgres_template) as name:
        load_demo_year(postgres_url(name))
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with postgres_copy("template0") as name:
        yield postgres_url(name)


@pytest.fixture(scope="session")
def places() -> Iterator[DatabasePool]:
    """Where this worker's tests find their databases."""
    with TemporaryDirectory(prefix="newsroom-", dir=postgres.find_memory_folder()) as folder, ExitStack() as stack:
        yield DatabasePool(Path(folder), stack)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, places: DatabasePool) -> str:
    """The address of a migrated database that nobody else uses; with the newsroom in it where the test asks for one."""
    founded = "newsroom" in request.fixturenames
    if request.param == "sqlite":
        return places.copy_sqlite(
            request.getfixturevalue("sqlite_founded")[0] if founded else request.getfixturevalue("sqlite_template")
        )
    return places.copy_postgres(
        request.getfixturevalue("postgres_founded")[0] if founded else request.getfixturevalue("postgres_template")
    )


@pytest.fixture
def database(database_url: str, places: DatabasePool) -> Iterator[Database]:
    opened = places.get_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def newsroom(request: pytest.FixtureRequest, database: Database) -> Newsroom:
    """The Steppe Letter with its desk and experts; nobody has asked anything yet."""
    made: Newsroom = request.getfixturevalue("sqlite_founded" if database.is_sqlite else "postgres_founded")[1]
    return made


@pytest.fixture
def nora(app: Flask, newsroom: Newsroom) -> Desk:
    """Nora at the desk of the Steppe Letter, which she edits."""
    return Desk(app, newsroom.nora)


@pytest.fixture
def ilya(app: Flask, newsroom: Newsroom) -> Desk:
    """Ilya beside her: he prepares, and neither approves nor sends."""
    return Desk(app, newsroom.ilya)


@pytest.fixture
def vera(app: Flask, database: Database, newsroom: Newsroom) -> Desk:
    """Vera, who runs the house."""
    return Desk(app, hire_vera(database, newsroom))


@pytest.fixture
def a_minute(database: Database, newsroom: Newsroom) -> None:
    """The desk's mails wait for a minute, in which a press can be undone."""
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "undo_seconds", 60))


@pytest.fixture
def salt(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Timur's question about the salt, which Leyla is asked to answer."""
    return ask_expert(database, newsroom)


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
def compiled(shared: Path) -> FileSystemBytecodeCache:
    """Templates are compiled once for all workers."""
    folder = shared / "compiled"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))


@pytest.fixture
def app(database: Database, places: DatabasePool, compiled: FileSystemBytecodeCache) -> Iterator[Flask]:
    """The app on this test's database: one for all tests of a worker, with the settings that it had at the beginning."""
    made = places.get_app(database, compiled)
    settings = dict(made.config)
    shutil.rmtree(made.config["MAIL_FOLDER"], ignore_errors=True)
    limiter.enabled = False  # it is one for all apps of a process, and `limited` lets it count
    yield made
    made.config.clear()
    made.config.update(settings)
    worker._transport.cache_clear()  # it keeps for each app the way that mails took by its settings
    made.extensions["database"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def limited(database: Database, tmp_path: Path, compiled: FileSystemBytecodeCache) -> Iterator[FlaskClient]:
    """A client of an app that counts tries, as it does in production."""
    with open_app(database, tmp_path, compiled, limits="1") as made:
        yield made.test_client()


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    from tests.support.browsers import start_chromium  # not above: most tests need no browser

    with start_chromium() as browser:
        yield browser


@pytest.fixture
def site(database: Database, newsroom: Newsroom, tmp_path: Path) -> Iterator[str]:
    """Where the app is really served, by the server of the product."""
    with run_site(database.url, tmp_path / "mail", start_forked) as address:
        yield address
