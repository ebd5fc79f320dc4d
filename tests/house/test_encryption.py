"""The encrypted SQLite file: unreadable without the settings, otherwise a database like any other."""

import shutil
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import config
from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db import encryption, sqlite
from app.db.engine import Database, open_database
from app.db.fault_kinds import Busy, FaultKind, fault_kind
from app.db.migrate import migrate
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.search import DESK
from app.search.full_text import search
from app.settings import settings_file
from app.workflows.indexing import index_due
from app.workflows.letters import withdrawal
from demo.scale.long_road import SLUG
from demo.serve import prepare_database
from tests.support.app import BASE_URL, PRODUCTION_SETTINGS, SECRETS
from tests.support.commands import init_options, run_command, run_forked_command
from tests.support.database_checks import dump_tables, find_in_files, read_database_files
from tests.support.letters import create_letter
from tests.support.sample_newsroom import Newsroom, create_newsroom
from tests.support.source import ROOT

KEY, OTHER_KEY = (encryption.derive_file_key(Keys(secrets)) for secrets in (SECRETS, {1: bytes(range(32, 64))}))
BODY, BACKGROUND = "Is the cannery at Aralsk closed?", "My aunt coughs from the varnish there."
ENTRIES = ("cannery", "varnish")  # of the search index
OTHERS = ("Nora Lind", "CREATE TABLE", "letters")  # what else can be read in a plain file
FILE = "newsroom.db"


class Filled(NamedTuple):
    """A database with a newsroom and an indexed letter, and its file."""

    database: Database
    newsroom: Newsroom
    file: Path

    @property
    def key(self) -> bytes | None:
        return self.database.file_key


def open_file(file: Path, key: bytes | None) -> Database:
    return Database(f"sqlite:///{file}", Keys(SECRETS), BASE_URL, file_key=key)


@pytest.fixture(scope="module", params=[KEY, None], ids=["encrypted", "plain"])
def founded_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A database with a newsroom but no letters, which each test copies."""
    file = tmp_path_factory.mktemp("founded") / FILE
    migrate(f"sqlite:///{file}", key=request.param)
    database = open_file(file, request.param)
    newsroom = database.write(create_newsroom)
    database.close()
    return Filled(database, newsroom, file)


@pytest.fixture
def filled_file(founded_file: Filled, tmp_path: Path) -> Iterator[Filled]:
    file = shutil.copy(founded_file.file, tmp_path / FILE)
    database = open_file(file, founded_file.key)
    create_letter(database, founded_file.newsroom, BODY, background=BACKGROUND)
    index_due(database)
    yield Filled(database, founded_file.newsroom, file)
    database.close()


def find_letters(database: Database, query: str) -> list[str]:
    with database.read() as session:
        return [hit.content for hit in search(session, DESK, 1, query)]


def withdraw(session: Session) -> None:
    letter = session.scalars(select(Letter)).one()
    withdrawal.withdraw(session, Reader(letter.id), letter)


@pytest.mark.threat("stolen database")
def test_only_a_plain_file_and_its_log_can_be_read_without_the_settings(filled_file: Filled) -> None:
    wanted = [BODY, BACKGROUND, *ENTRIES, *OTHERS]
    assert find_in_files(filled_file.database, *wanted) == ([] if filled_file.key else wanted)
    # The log was there, and looked through as well.
    assert {path.name for path in filled_file.file.parent.iterdir()} == {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert find_letters(filled_file.database, "varnish") == [f"{BODY}\n{BACKGROUND}"]


@pytest.mark.threat("stolen database")
def test_equal_pages_do_not_look_equal_in_an_encrypted_file(filled_file: Filled) -> None:
    filled_file.database.close()
    contents, size = read_database_files(filled_file.database), 4096
    blocks = [
        contents[start : start + 16] for page in range(0, len(contents), size) for start in range(page, page + size, 16)
    ]
    assert (len(set(blocks)) == len(blocks)) is bool(filled_file.key)


@pytest.mark.threat("stolen database")
@pytest.mark.parametrize("wrong_key", [OTHER_KEY, None])
def test_a_wrong_key_or_none_opens_nothing(tmp_path: Path, wrong_key: bytes | None) -> None:
    migrate(f"sqlite:///{tmp_path / FILE}", key=KEY)
    error = encryption.get_driver(wrong_key).DatabaseError
    with closing(encryption.connect(tmp_path / FILE, wrong_key)) as connection, pytest.raises(error):
        connection.execute("SELECT count(*) FROM letters")


@pytest.mark.threat("stolen database")
def test_a_changed_byte_is_noticed(filled_file: Filled) -> None:
    filled_file.database.close()
    with filled_file.file.open("r+b") as file:
        file.seek(-100, 2)
        byte = file.read(1)[0]
        file.seek(-100, 2)
        file.write(bytes([byte ^ 1]))
    with closing(encryption.connect(filled_file.file, filled_file.key)) as connection:
        faults = connection.execute("PRAGMA cipher_integrity_check").fetchall()
    assert bool(faults) is bool(filled_file.key)


def test_what_is_erased_leaves_the_file_and_its_log(filled_file: Filled) -> None:
    filled_file.database.write(withdraw)
    assert filled_file.file.with_name(f"{FILE}-wal").stat().st_size == 0
    assert find_in_files(filled_file.database, BODY, BACKGROUND, *ENTRIES) == []
    assert find_letters(filled_file.database, "varnish") == []


def test_a_lock_that_somebody_holds_means_busy(filled_file: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 200)
    filled_file.database.close()  # the connections to come wait the shorter time
    with closing(encryption.connect(filled_file.file, filled_file.key, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy) as busy:
            filled_file.database.write(withdraw)
    assert isinstance(busy.value.__cause__, DBAPIError)
    assert fault_kind(busy.value.__cause__) is FaultKind.LOST_RACE


def test_a_converted_file_has_the_same_rows_and_finds_the_same(filled_file: Filled) -> None:
    new_key = None if filled_file.key else KEY
    before = dump_tables(filled_file.database)
    filled_file.database.close()
    encryption.convert(filled_file.file, filled_file.key, new_key)
    assert [path.name for path in filled_file.file.parent.iterdir()] == [FILE]
    assert (encryption.is_encrypted(filled_file.file), filled_file.file.stat().st_mode & 0o777) == (
        bool(new_key),
        0o600,
    )
    converted = open_file(filled_file.file, new_key)
    assert dump_tables(converted) == before
    assert find_letters(converted, "varnish") == [f"{BODY}\n{BACKGROUND}"]
    create_letter(converted, filled_file.newsroom, "Who measures the salt?")
    index_due(converted)
    assert find_letters(converted, "salt") == ["Who measures the salt?\n"]
    converted.close()


def test_a_conversion_that_was_killed_is_begun_anew(filled_file: Filled) -> None:
    filled_file.database.close()
    filled_file.file.with_name(FILE + encryption.CONVERTED_SUFFIX).write_bytes(b"half a file")
    encryption.convert(filled_file.file, filled_file.key, OTHER_KEY)
    assert [path.name for path in filled_file.file.parent.iterdir()] == [FILE]
    converted = open_file(filled_file.file, OTHER_KEY)
    assert find_letters(converted, "varnish") == [f"{BODY}\n{BACKGROUND}"]
    converted.close()


Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command with the settings file in an empty folder, and with further variables of the environment."""

    def run_here(*arguments: str, start: Run = run_forked_command, **variables: str) -> CompletedProcess[str]:
        own = {"READERS_ASKED_ENV_FILE": str(tmp_path / "desk.env"), "ERASURES": str(tmp_path / "erasures")}
        return start(tmp_path, *arguments, **own, **variables)

    return run_here


def set_line(file: Path, name: str, value: str) -> None:
    """Set a line of a settings file, replacing the line with this name."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith(f"{name}=")]
    file.write_text("\n".join([*lines, f"{name}={value}", ""]))


def test_an_operator_encrypts_a_new_newsroom_changes_the_key_and_decrypts_it(run: Run, tmp_path: Path) -> None:
    settings, file = tmp_path / "desk.env", tmp_path / FILE
    made = run("init", *init_options({"--database": f"sqlite:///{file}"}), ENCRYPT_DATABASE="1")
    assert made.returncode == 0, made.stderr
    assert (settings_file.read(settings)["ENCRYPT_DATABASE"], encryption.is_encrypted(file)) == ("1", True)
    assert run("convert-database").stdout == f"Nothing to do: {file} is encrypted with the newest key.\n"

    old_secret = settings_file.read(settings)["SECRET_KEYS"]
    new_secret = f"2:{b64encode(bytes(range(60, 92))).decode()}"
    set_line(settings, "SECRET_KEYS", f"{old_secret},{new_secret}")
    rotated = run("keys", "rotate")
    assert rotated.stdout.splitlines()[-1] == (
        "The database file itself is still encrypted with an older key: before you take that out, stop web and worker "
        "and run readers-asked convert-database."
    )
    assert run("convert-database").stdout == f"{file} is encrypted with the newest key.\n"
    assert rotated.stderr == ""  # the older key was found after the newest had failed
    assert len(run("keys", "rotate").stdout.splitlines()) == len(rotated.stdout.splitlines()) - 1
    set_line(settings, "SECRET_KEYS", new_secret)
    assert run("audit", "verify").returncode == 0

    set_line(settings, "ENCRYPT_DATABASE", "0")
    assert run("convert-database").stdout == f"{file} is no longer encrypted.\n"
    assert run("convert-database").stdout == f"Nothing to do: {file} is not encrypted.\n"
    assert not encryption.is_encrypted(file)
    assert run("audit", "verify").returncode == 0


def test_a_file_in_use_is_not_converted(filled_file: Filled, tmp_path: Path) -> None:
    before = dump_tables(filled_file.database)
    settings = {**PRODUCTION_SETTINGS, "DATABASE_URL": filled_file.database.url}
    with filled_file.database.read() as session:
        session.scalars(select(Letter)).all()
        refused = run_forked_command(
            tmp_path, "convert-database", **settings, ENCRYPT_DATABASE="0" if filled_file.key else "1"
        )
    assert (
        refused.stderr
        == f"Error: {filled_file.file} was not converted: it is in use: stop web and worker. Nothing was changed.\n"
    )
    assert encryption.is_encrypted(filled_file.file) is bool(filled_file.key)
    assert dump_tables(filled_file.database) == before
    assert list(filled_file.file.parent.glob(f"*{encryption.CONVERTED_SUFFIX}")) == []


def test_nothing_starts_while_the_file_is_not_as_the_setting_says(run: Run, tmp_path: Path) -> None:
    file = tmp_path / FILE
    run("init", *init_options({"--database": f"sqlite:///{file}"}))
    remedy = "or stop web and worker and run readers-asked convert-database\n"
    refused = run("audit", "verify", ENCRYPT_DATABASE="1")
    assert refused.returncode == 1
    assert refused.stderr.endswith(f"ENCRYPT_DATABASE: {file} is not encrypted: set it to 0, {remedy}")
    assert run("convert-database", ENCRYPT_DATABASE="1").returncode == 0
    refused = run("audit", "verify")
    assert refused.stderr.endswith(f"ENCRYPT_DATABASE: {file} is encrypted: set it to 1, {remedy}")
    other_key = f"3:{b64encode(bytes(range(60, 92))).decode()}"
    for command in ("audit verify", "convert-database"):
        refused = run(*command.split(), ENCRYPT_DATABASE="1", SECRET_KEYS=other_key)
        assert (refused.returncode, "can't be decrypted with any of SECRET_KEYS" in refused.stderr) == (1, True)


def test_a_backup_comes_back_into_an_encrypted_file(run: Run, tmp_path: Path) -> None:
    file, backup = tmp_path / FILE, tmp_path / "monday"
    run("init", *init_options({"--database": f"sqlite:///{file}"}), ENCRYPT_DATABASE="1")
    # A forked process ends without closing the database, whose log would stay there.
    assert run("backup", str(backup), start=run_command).returncode == 0
    file.rename(tmp_path / "lost")
    restored = run("restore", str(backup), "--without-erasures")
    assert (restored.returncode, encryption.is_encrypted(file)) == (0, True), restored.stderr
    assert run("audit", "verify").returncode == 0


def test_a_damaged_file_is_not_converted(filled_file: Filled) -> None:
    filled_file.database.close()
    contents = filled_file.file.read_bytes()
    damaged = contents[: len(contents) // 2] + bytes(len(contents) - len(contents) // 2)
    filled_file.file.write_bytes(damaged)
    with pytest.raises(encryption.NotConverted):
        encryption.convert(filled_file.file, filled_file.key, OTHER_KEY)
    assert filled_file.file.read_bytes() == damaged
    assert [path.name for path in filled_file.file.parent.iterdir()] == [FILE]


def test_it_is_refused_for_postgresql_and_without_its_library(
    filled_file: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_faults(url: str) -> list[str]:
        with pytest.raises(config.Unsafe) as refused:
            open_database(config.load({**PRODUCTION_SETTINGS, "ENCRYPT_DATABASE": "1", "DATABASE_URL": url}))
        return refused.value.faults

    assert list_faults("postgresql+psycopg:///desk") == [
        "ENCRYPT_DATABASE is for SQLite; for PostgreSQL, encrypt the disk of its server"
    ]
    monkeypatch.setitem(sys.modules, "sqlcipher3", None)
    monkeypatch.setattr(config, "find_spec", lambda _name: None)
    remedy = "needs the extra `encryption`; docs/install.md says how to install it"
    assert list_faults(filled_file.database.url) == [f"ENCRYPT_DATABASE {remedy}"]
    with pytest.raises(encryption.UnreadableFile, match=remedy):
        encryption.get_driver(KEY)


def test_a_file_of_the_settings_opens_with_the_key_of_the_settings(tmp_path: Path) -> None:
    settings = {**PRODUCTION_SETTINGS, "ENCRYPT_DATABASE": "1", "DATABASE_URL": f"sqlite:///{tmp_path / FILE}"}
    database = open_database(config.load(settings))
    migrate(database.url, key=database.file_key)
    database.write(create_newsroom)
    database.close()
    assert encryption.is_encrypted(tmp_path / FILE)


def test_the_demo_fills_an_encrypted_file_and_starts_with_it(tmp_path: Path) -> None:
    settings = {
        "READERS_ASKED_ENV": "demo", "ENCRYPT_DATABASE": "1", "DATABASE_URL": f"sqlite:///{tmp_path / FILE}",
        "ERASURES": str(tmp_path / "erasures"),
    }  # fmt: skip
    command = ("flask", "--app", str(ROOT / "wsgi.py"), "demo")
    filled = run_forked_command(tmp_path, "--questions", "10", program=command, **settings)
    assert (filled.returncode, filled.stderr) == (0, "")
    assert encryption.is_encrypted(tmp_path / FILE)
    database = open_database(config.load(settings))
    prepare_database(database, tmp_path / "erasures")
    with database.read() as session:
        assert session.scalars(select(Newsletter.slug).order_by(Newsletter.id.desc())).first() == SLUG
    database.close()
