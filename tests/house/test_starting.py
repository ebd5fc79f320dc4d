"""The server refuses to start where it would do harm, and says why in words that mend it; commands run all the same."""

import base64
import gc
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select, text

import config
from app import create_app
from app.core.actors import Reader
from app.crypto.keyring import SealingKey
from app.crypto.seal import Keys
from app.db.engine import Database, open_database
from app.db.migrate import downgrade, migrate
from app.letters import receipts, receive
from app.newsletters.models import Newsletter
from app.people import directory
from app.server import startup_checks
from app.workflows.key_rotation import rotate
from tests.support.app import BASE_URL, PRODUCTION_SETTINGS, SECRETS
from tests.support.commands import bare_environment
from tests.support.databases import ON_SQLITE
from tests.support.mailroom import SMALL_MAIL
from tests.support.processes import reserve_port
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

FORM = receive.FormToken("timur's form", 1)
OTHER, NEWER, NEWEST = ({number: hashlib.sha256(b"%d" % number).digest()} for number in (1, 2, 3))


def settings(url: str, secrets: dict[int, bytes] = SECRETS) -> dict[str, str]:
    listed = [f"{number}:{base64.b64encode(secret).decode()}" for number, secret in secrets.items()]
    return {**PRODUCTION_SETTINGS, "DATABASE_URL": url, "SECRET_KEYS": ",".join(listed)}


def refusals(url: str, secrets: dict[int, bytes] = SECRETS, must_answer: bool = True, **more: str) -> list[str]:
    """What keeps a server of these settings from starting."""
    app = Flask("app")
    app.config.from_mapping(config.load({**settings(url, secrets), **more}))
    app.extensions["database"] = open_database(app.config)
    try:
        startup_checks.check(app, must_answer)
    except config.Unsafe as unsafe:
        return unsafe.faults
    finally:
        app.extensions["database"].close()
    return []


def rewritten(url: str, statement: str) -> None:
    database = Database(url, Keys(SECRETS), BASE_URL)
    with database.writer.begin() as connection:
        connection.execute(text(statement))
    database.close()


def test_a_newsroom_as_it_should_be_starts(database: Database, newsroom: Newsroom) -> None:
    assert refusals(database.url) == []
    with database.read() as session:
        assert [(row.number, row.kept) for row in session.scalars(select(SealingKey))] == [(1, None)]


def test_a_database_of_an_older_version_wants_to_be_migrated(database: Database) -> None:
    database.close()
    downgrade(database.url, "0011")
    behind = ["the database is behind this program (migration 0011): run readers-asked migrate"]
    assert refusals(database.url) == behind
    migrate(database.url)
    assert refusals(database.url) == []


@ON_SQLITE
def test_a_database_of_a_newer_version_is_not_touched(database: Database) -> None:
    rewritten(database.url, "UPDATE alembic_version SET version_num = 'tomorrow'")
    (fault,) = refusals(database.url)
    assert fault == "the database is of a newer version than this program (migration tomorrow): install that version"
    app = create_app(config.load(settings(database.url)))
    refused = FlaskCliRunner(app).invoke(args=["migrate"])
    assert (refused.exit_code, refused.stderr.startswith("Error: the database is of a newer version")) == (1, True)
    app.extensions["database"].close()


def test_an_empty_database_wants_to_be_migrated(tmp_path: Path) -> None:
    assert refusals(f"sqlite:///{tmp_path / 'new.db'}") == [
        "the database is behind this program (migration none): run readers-asked migrate"
    ]


@pytest.mark.threat("unsafe start")
def test_flasks_debug_mode_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert refusals(database.url) == [
        "FLASK_DEBUG is set, which shows code and values to visitors when a page fails: unset it"
    ]


SHOW_DUMPS = (
    "import ctypes, resource; "
    "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))"  # 3: PR_GET_DUMPABLE
)
UNTIL_NOTHING_MORE_COMES = "from app.mail.reading import serve; serve(5.0, 1 << 30)"


@pytest.mark.threat("memory of a process")
@pytest.mark.parametrize(
    "load",
    ["from app.core.memory_dumps import forbid_memory_dumps; forbid_memory_dumps()", UNTIL_NOTHING_MORE_COMES],
    ids=["web and worker", "the process that reads mails"],
)
def test_memory_that_may_hold_words_is_dumped_nowhere(load: str) -> None:
    code = f"import os, sys; said = os.dup(1); {load}; sys.stdout = os.fdopen(said, 'w'); {SHOW_DUMPS}"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert ended.stdout.lstrip(b"\0").split() == [b"0", b"0", b"0"]  # zeros: that the process is ready


@ON_SQLITE
@pytest.mark.threat("memory of a process")
def test_memory_is_dumped_nowhere_either_when_another_server_loads_the_app(
    database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    environment = bare_environment(tmp_path, **settings(database.url))
    code = f"import wsgi; {SHOW_DUMPS}"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True, timeout=120
    )
    assert ended.stdout.split() == [b"0", b"0", b"0"]


@ON_SQLITE
@pytest.mark.threat("memory of a process")
@pytest.mark.parametrize(
    ("arguments", "changed_settings", "state"),
    [
        (["mail", "receive"], {}, [b"0", b"0", b"0"]),
        (["lifecycle"], {"SECRET_KEYS": ""}, [b"0", b"0", b"0"]),
        (["lifecycle"], {"READERS_ASKED_ENV": "demo", "BASE_URL": "http://127.0.0.1:8000"}, [b"1"]),
    ],
    ids=["a mail", "without settings", "the demo"],
)
def test_the_memory_of_a_command_is_dumped_nowhere_but_that_of_the_demo(
    database: Database, newsroom: Newsroom, tmp_path: Path, arguments: list[str], changed_settings: dict[str, str],
    state: list[bytes],
) -> None:  # fmt: skip
    environment = bare_environment(tmp_path, **{**settings(database.url), **changed_settings})
    code = (
        f"import atexit, runpy; atexit.register(lambda: exec({SHOW_DUMPS!r})); "
        f"runpy.run_path('.')['commands']({arguments}, prog_name='readers-asked')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, input=SMALL_MAIL, capture_output=True, check=True,
        timeout=120,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1].split()[: len(state)] == state


WRONG = ["SECRET_KEYS: key 1 is not the one that this database was sealed with"]


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize("is_noted", [True, False])
def test_keys_that_do_not_open_the_database_are_refused(database: Database, newsroom: Newsroom, is_noted: bool) -> None:
    """Also in a database of before keys were noted: what is sealed in it is tried."""
    if is_noted:
        assert refusals(database.url) == []
    assert refusals(database.url, OTHER) == WRONG
    assert refusals(database.url) == []
    assert refusals(database.url, OTHER) == WRONG


def test_a_key_that_receipts_need_is_missed_until_it_was_moved(database: Database, newsroom: Newsroom) -> None:
    def ask(session: object) -> None:
        letter = session.get_one(Newsletter, newsroom.newsletter_id)
        receive.send(session, Reader(), letter, receive.Submission("Who measures the salt?"), form=FORM)

    database.write(ask)
    with database.read() as session:
        receipt = receive.receipt_of(session, FORM)
    both = {**SECRETS, **NEWER}
    assert refusals(database.url, both) == []
    assert refusals(database.url, NEWER) == [
        "SECRET_KEYS: key 1 was taken out, and receipts, links and sealed addresses still need it: put it back, run "
        "readers-asked keys rotate, then take it out"
    ]
    for secrets in (both, {**NEWER, **NEWEST}):  # twice, as over the years
        rotating = Database(database.url, Keys(secrets), BASE_URL)
        list(rotate(rotating))
        rotating.close()
    assert refusals(database.url, NEWEST) == []
    later = Database(database.url, Keys(NEWEST), BASE_URL)
    with later.read() as session:
        assert receipts.find_receipt(session, receipt) is not None
        assert receive.find_sent_letter(session, FORM) is not None
        assert directory.by_email(session, "nora@desk.example") is not None
    later.close()


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize("secret", [bytes(32), b"s" * 32, bytes(range(32))])
def test_a_key_that_can_be_guessed_is_refused_until_another_has_its_place(database: Database, secret: bytes) -> None:
    fault = (
        "SECRET_KEYS: key 7 can be guessed, it was not drawn at random: put one of 32 random bytes beside it under a "
        "higher number, run readers-asked keys rotate, then take it out"
    )
    weak, random = {7: secret}, {8: NEWER[2]}
    assert refusals(database.url, weak) == refusals(database.url, weak | random) == [fault]
    rotating = Database(database.url, Keys(weak | random), BASE_URL)
    list(rotate(rotating))
    rotating.close()
    assert refusals(database.url, random) == []
    assert refusals(database.url, weak | random, READERS_ASKED_ENV="demo", BASE_URL="") == []


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that everybody on this machine can look into, unlike those of the tests."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.threat("unsafe start")
def test_what_everybody_could_read_is_refused(common: Path, sqlite_template: Path) -> None:
    kept, file = common / "newsroom.db", common / "settings.env"
    kept.write_bytes(sqlite_template.read_bytes())
    file.write_text("PORT=8000\n")
    named = {"READERS_ASKED_ENV_FILE": str(file)}
    for path in (kept, file):
        path.chmod(0o644)
    faults = [f"{path} can be read by everybody on this machine: chmod 600 {path}" for path in (file, kept)]
    assert refusals(f"sqlite:///{kept}", **named) == faults
    for path in (kept, file):
        path.chmod(0o640)
    assert refusals(f"sqlite:///{kept}", **named) == []
    for path in (kept, file):
        path.chmod(0o644)
    common.chmod(0o700)
    assert refusals(f"sqlite:///{kept}", **named) == []


def test_a_database_that_does_not_answer_is_waited_for_by_servers_alone() -> None:
    nowhere = f"postgresql+psycopg://desk:hunter2@127.0.0.1:{reserve_port()}/desk"
    assert refusals(nowhere, must_answer=False) == []
    (fault,) = refusals(nowhere)
    assert (fault.startswith("the database (DATABASE_URL) doesn't answer: "), "hunter2" in fault) == (True, False)


@pytest.fixture
def outdated_database(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "newsroom.db"
    path.write_bytes(sqlite_template.read_bytes())
    rewritten(f"sqlite:///{path}", "UPDATE alembic_version SET version_num = '0001'")
    return f"sqlite:///{path}"


REFUSED = (
    "Readers Asked doesn't start:\n"
    "  the database is behind this program (migration 0001): run readers-asked migrate\n"
)  # fmt: skip


@pytest.mark.parametrize("is_on", [True, False])
def test_memory_is_collected_after_a_start_as_before_it_also_where_it_fails(tmp_path: Path, is_on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        create_app(config.load(settings(f"sqlite:///{tmp_path}/newsroom.db"))).extensions["database"].close()
        assert gc.isenabled() == is_on
        with pytest.raises(KeyError):
            create_app({"NOTHING": "else"})
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if before else gc.disable)()


def test_serve_web_and_worker_say_so_in_a_sentence(outdated_database: str) -> None:
    app = create_app(config.load({**settings(outdated_database), "PORT": str(reserve_port())}))
    runner = FlaskCliRunner(app)
    for command in (["serve"], ["web"], ["worker", "--once"]):
        refused = runner.invoke(args=command)
        assert (refused.exit_code, refused.stderr) == (1, f"Error: {REFUSED}"), command
    assert runner.invoke(args=["lifecycle"]).exit_code == 0
    app.extensions["database"].close()


def test_the_app_by_itself_as_any_server_loads_it_says_so_too(outdated_database: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import wsgi"], cwd=ROOT, env=bare_environment(tmp_path, **settings(outdated_database)),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.startswith(REFUSED), "Traceback" in ended.stderr) == (4, True, False)


COUNT_LOADED_TABLES = "; ".join((
    "import wsgi",
    "from app.letters.flood_ranking import _all_function_words",
    "print(_all_function_words.cache_info().currsize)",
))  # fmt: skip


@ON_SQLITE
@pytest.mark.threat("watched pages")
def test_any_server_that_loads_the_app_has_the_tables_before_the_first_letter_and_no_command_waits_for_them(
    database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    as_command = (
        f"import click; scope = click.Context(click.Command('audit')).scope(); scope.__enter__(); {COUNT_LOADED_TABLES}"
    )
    loaded = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=bare_environment(tmp_path, **settings(database.url)),
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout
        for code in (COUNT_LOADED_TABLES, as_command)
    ]  # fmt: skip
    assert loaded == ["1\n", "0\n"]


def test_no_process_of_a_newsroom_on_sqlite_loads_the_driver_of_postgresql_or_takes_mail_by_lmtp() -> None:
    looks = "import sys, app.cli.commands, app.db.engine; print(sorted({'psycopg', 'aiosmtpd', 'sqlalchemy'}.intersection(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", looks], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['sqlalchemy']"
