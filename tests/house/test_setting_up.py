"""`readers-asked init`: from an empty folder to the link of the first admin; a second time it changes nothing."""

import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

import config
from app.cli import init as setting_up
from app.db.engine import Database, open_database
from app.newsletters.models import Newsletter
from app.people.models import Membership, SignIn
from app.settings import settings_file
from app.settings.settings_table import SETTINGS
from app.typesetting.house_languages import phrases_for
from tests.support.commands import bare_environment, init_options
from tests.support.processes import reserve_port
from tests.support.source import ROOT

FILE = "readers-asked.env"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def settings_of(folder: Path) -> dict[str, str]:
    return settings_file.read(folder / FILE)


def database_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'data' / 'newsroom.db'}"


def counts(database: Database) -> list[int]:
    with database.read() as session:
        return [
            session.scalar(select(func.count()).select_from(table)) or 0 for table in (Newsletter, Membership, SignIn)
        ]


def house(folder: Path) -> Database:
    return open_database(config.load(settings_of(folder)))


@pytest.fixture
def init(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command as a script would, in an empty folder and with nothing set."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(setting_up.init, arguments, env=environment)

    return run


def test_from_an_empty_folder_to_the_link_of_the_first_admin(folder: Path, init: Callable[..., Result]) -> None:
    made = init(*init_options({"--database": database_in(folder)}))
    assert (made.exit_code, made.stderr) == (0, "")
    link = re.search(r"^ {2}(https://ask\.example\.org/sign-in/\S+)$", made.stdout, re.MULTILINE)
    assert link is not None
    given = settings_of(folder)
    assert (given["BASE_URL"], given["MAIL_FROM"]) == ("https://ask.example.org", "desk@example.org")
    assert [len(secret) for secret in config.parse_secrets(given["SECRET_KEYS"]).values()] == [32]
    assert given["SECRET_KEYS"] not in made.stdout
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder / FILE, folder / "data" / "newsroom.db")]
    assert modes == [0o600, 0o600]
    database = house(folder)
    assert counts(database) == [1, 1, 1]

    before = (folder / FILE).read_bytes()
    again = init(*init_options())
    assert (again.exit_code, again.stdout.splitlines()[:2]) == (
        0,
        [
            f"Found the database {database_in(folder)}.",
            f"Nothing was changed: {folder / FILE}, the database and a newsletter with its admin already exist.",
        ],
    )
    assert ((folder / FILE).read_bytes(), counts(database)) == (before, [1, 1, 1])
    database.close()
    assert sorted(path.name for path in folder.iterdir()) == ["data", FILE]


def test_the_first_section_is_not_called_what_the_question_begins_with(
    folder: Path, init: Callable[..., Result]
) -> None:
    """A Q&A is printed as "section: headline" and "Readers asked: question", which must not begin alike."""
    assert init(*init_options({"--database": database_in(folder)})).exit_code == 0
    database = house(folder)
    with database.read() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        phrases = phrases_for(newsletter.language)
        assert [phrases[name].startswith(newsletter.section) for name in ("asked_one", "asked_many")] == [False, False]
    database.close()


def test_a_script_is_told_at_once_what_it_has_to_give(folder: Path, init: Callable[..., Result]) -> None:
    asked = init("--base-url", "https://ask.example.org", "--name", "The Letter")
    assert (asked.exit_code, asked.stderr.splitlines()[-1]) == (2, "Error: give --newsletter, --address, --admin")
    assert list(folder.iterdir()) == []


WRONG = {
    "--base-url": ("http://ask.example.org", "BASE_URL must be like https://ask.example.org"),
    "--newsletter": ("The Letter", "A short name has lowercase English letters"),
    "--language": ("xx-nothing", "No language has this code"),
    "--zone": ("Prague", "'Prague' is not a time zone"),
    "--address": ("desk", "“desk” is not an e-mail address, such as desk@example.org."),
    "--admin": ("nora", "“nora” is not an e-mail address, such as desk@example.org."),
    "--database": ("mysql://x", "DATABASE_URL must begin with"),
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_answer_is_named_and_nothing_is_made(folder: Path, init: Callable[..., Result], option: str) -> None:
    typed, sentence = WRONG[option]
    refused = init(*init_options({option: typed}))
    assert (refused.exit_code, refused.stderr.splitlines()[-1][: len(f"Error: {option}: {sentence}")]) == (
        2,
        f"Error: {option}: {sentence}",
    )
    assert list(folder.iterdir()) == []


def test_a_database_that_does_not_answer_leaves_nothing_behind(folder: Path, init: Callable[..., Result]) -> None:
    nowhere = f"postgresql+psycopg://desk:hunter2@127.0.0.1:{reserve_port()}/desk"
    refused = init(*init_options({"--database": nowhere}))
    assert (refused.exit_code, "hunter2" in refused.stderr, "Traceback" in refused.stderr) == (1, False, False)
    assert refused.stderr.startswith("Error: the database (DATABASE_URL) doesn't answer: ")
    assert list(folder.iterdir()) == []
    assert init(*init_options({"--database": database_in(folder)})).exit_code == 0


def test_a_run_that_ended_before_the_newsletter_is_run_again(folder: Path, init: Callable[..., Result]) -> None:
    """The file is there and nothing else, as after a power cut: the keys are kept, and only the rest is made."""
    given = {name: row.value for name, row in SETTINGS.items() if row.value}
    key = "1:" + "A" * 43 + "="
    settings_file.write_new(
        folder / FILE,
        {**given, "SECRET_KEYS": key, "BASE_URL": "https://ask.example.org", "MAIL_FROM": "desk@example.org", "DATABASE_URL": database_in(folder)},
    )  # fmt: skip
    other = init(*init_options({"--base-url": "https://other.example.org"}))
    assert (other.exit_code, "sets another BASE_URL: change it in the file" in other.stderr) == (2, True)
    made = init(*init_options())
    assert (made.exit_code, made.stderr, "sign-in" in made.stdout) == (0, "", True)
    assert settings_of(folder)["SECRET_KEYS"] == key
    database = house(folder)
    assert counts(database) == [1, 1, 1]
    database.close()


def test_what_the_environment_sets_is_kept_in_the_file(folder: Path, init: Callable[..., Result]) -> None:
    key = "7:" + "B" * 43 + "="
    made = init(*init_options({"--database": database_in(folder)}), SECRET_KEYS=key, TRUSTED_PROXIES="2")
    assert made.exit_code == 0, made.stderr
    assert (settings_of(folder)["SECRET_KEYS"], settings_of(folder)["TRUSTED_PROXIES"]) == (key, "2")


def init_in_terminal(folder: Path, typed: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does who types these lines."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, "".join(f"{line}\n" for line in typed).encode())
        return subprocess.run(
            [sys.executable, str(ROOT), "init"], cwd=folder, env=bare_environment(folder), stdin=theirs,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_person_is_asked_and_asked_again(folder: Path) -> None:
    typed = [
        "The Letter", "letter", "", "", "", "desk@example.org", "nora@example.org", "Nora Lind",
        "http://ask.example.org", "https://ask.example.org", database_in(folder), "", "", "",
    ]  # fmt: skip
    made = init_in_terminal(folder, typed)
    assert (made.returncode, made.stderr) == (0, "")
    assert re.findall(r"^[^:\n]+", made.stdout, re.MULTILINE)[0] == "The name of the newsletter, as readers know it"
    assert made.stdout.count("The URL of the site") == 2
    assert "BASE_URL must be like https://ask.example.org" in made.stdout
    *_others, last = made.stdout.partition("Created")[0].split(": ")[:-1]  # the answers aren't echoed
    assert last.startswith("The number of proxies in front")
    database = house(folder)
    with database.read() as session:
        letter = session.scalars(select(Newsletter)).one()
        assert (letter.slug, letter.publisher, letter.editor, letter.zone) == (
            "letter",
            "The Letter",
            "Nora Lind",
            "UTC",
        )
    database.close()


def test_a_newsroom_of_this_machine_alone_is_asked_neither_for_proxies_nor_for_a_mail_server(folder: Path) -> None:
    typed = [
        "The Letter", "letter", "", "", "", "letter@example.org", "nora.lind@example.org", "", "http://localhost:8973",
        database_in(folder), "",
    ]  # fmt: skip
    made = init_in_terminal(folder, typed)
    assert (made.returncode, made.stderr) == (0, "")
    set_names = {name for name in settings_of(folder) if name in SETTINGS}
    assert set_names == {"SECRET_KEYS", "BASE_URL", "DATABASE_URL", "MAIL_FROM"}
    assert "Only this machine can open http://localhost:8973" in made.stdout


@pytest.mark.parametrize(
    ("address", "name"), [("nora@example.org", "Nora"), ("nora.lind+desk@example.org", "Nora Lind"), ("7@x.org", "7")]
)
def test_without_a_name_an_admin_is_called_as_their_address_says(
    folder: Path, init: Callable[..., Result], address: str, name: str
) -> None:
    options = init_options({"--database": database_in(folder), "--admin": address})
    at = options.index("--admin-name")
    made = init(*options[:at], *options[at + 2 :])
    assert (made.exit_code, made.stderr) == (0, "")
    assert f"{name} signs in with this link" in made.stdout
    database = house(folder)
    with database.read() as session:
        assert session.scalars(select(Newsletter.editor)).all() == [name]
    database.close()


def test_it_says_which_database_it_found_or_created(folder: Path, init: Callable[..., Result]) -> None:
    url = database_in(folder)
    created = init(*init_options({"--database": url}))
    assert f"Created the database {url}." in created.stdout.splitlines()
    found = init(*init_options())
    assert f"Found the database {url}." in found.stdout.splitlines()
    other = init("--env-file", str(folder / "other.env"), *init_options({"--database": url}))
    assert (other.exit_code, other.stderr.splitlines()[-1]) == (
        1,
        f"The database {url} has keys of its own: set SECRET_KEYS to them, or name another one with --database.",
    )
    assert not (folder / "other.env").exists()


def test_the_password_of_a_database_is_never_said() -> None:
    url = "postgresql+psycopg://desk:hunter2@db.example.org/desk"
    assert setting_up.describe_database(url) == "the database postgresql+psycopg://desk:***@db.example.org/desk"
