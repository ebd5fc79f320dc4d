"""Where the machine stands in the way, a command ends with one sentence and a status that isn't 0, and no traceback."""

import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner

import config
from app import create_app
from app.cli import commands
from app.db.engine import Database
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.commands import bare_environment, run_command
from tests.support.databases import ON_SQLITE
from tests.support.processes import reserve_port
from tests.support.source import ROOT

Run = Callable[..., Result]


@pytest.fixture
def command(app: Flask) -> Run:
    return lambda *arguments: FlaskCliRunner(app).invoke(args=[str(part) for part in arguments])


@ON_SQLITE
def test_a_file_that_is_not_there_is_named(command: Run, database: Database, tmp_path: Path) -> None:
    gone, folder = tmp_path / "gone.csv", tmp_path / "nowhere" / "out.csv"
    sentences = {
        ("experts", "import", gone): f"Error: {gone}: No such file or directory",
        ("experts", "export", folder): f"Error: {folder}: No such file or directory",
        ("experts", "import", tmp_path): f"Error: Invalid value for 'FILE': File '{tmp_path}' is a directory.",
        ("matching", "evaluate", gone, gone): f"Error: Invalid value for 'STORED': File '{gone}' does not exist.",
        ("mail", "lmtp", "--socket", folder): f"Error: {folder}: No such file or directory",
    }
    ended = {arguments: command(*arguments) for arguments in sentences}
    assert {arguments: one.stderr.splitlines()[-1] for arguments, one in ended.items()} == sentences
    assert 0 not in {one.exit_code for one in ended.values()}


def test_a_port_that_somebody_has_is_named(tmp_path: Path, sqlite_template: Path) -> None:
    kept = tmp_path / "newsroom.db"
    kept.write_bytes(sqlite_template.read_bytes())
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        app = create_app(config.load({**PRODUCTION_SETTINGS, "DATABASE_URL": f"sqlite:///{kept}", "PORT": port}))
        for command in ("serve", "web"):
            refused = FlaskCliRunner(app).invoke(args=[command])
            assert (refused.exit_code, refused.stderr) == (
                1,
                f"Error: port {port} is in use: set PORT to another one, or stop the program that uses it\n",
            )
        app.extensions["database"].close()


def list_commands(group: click.Group, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from list_commands(command, *names, name)
        else:
            yield (*names, name), command


def test_no_command_ends_in_a_traceback_where_the_settings_cannot_be_used(tmp_path: Path) -> None:
    """Each gets what it requires: a file that is there, or a word."""
    file = tmp_path / "file"
    file.write_text("x")
    app = commands.without_settings(Flask("app"), config.Unsafe(["SECRET_KEYS is empty"]))
    tried = {}
    for names, command in list_commands(app.cli):
        needed = [parameter for parameter in command.params if parameter.required]
        values = [str(file) if isinstance(parameter.type, (click.Path, click.File)) else "x" for parameter in needed]
        arguments = [
            word
            for parameter, value in zip(needed, values, strict=True)
            for word in ([parameter.opts[0], value] if isinstance(parameter, click.Option) else [value])
        ]
        tried[" ".join(names)] = FlaskCliRunner(app).invoke(args=[*names, *arguments])
    assert len(tried) > 30
    assert {
        name: repr(run.exception) for name, run in tried.items() if not isinstance(run.exception, SystemExit | None)
    } == {}
    for name in ("audit verify", "audit acknowledge", "mail lmtp", "staff reset", "web", "worker"):
        assert "SECRET_KEYS is empty" in tried[name].stderr, name


def test_a_database_that_is_gone_or_empty_is_told_apart(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://desk:hunter2@127.0.0.1:{reserve_port()}/desk"
    sentences = {
        nowhere: "Error: the database (DATABASE_URL) doesn't answer: ",
        f"sqlite:///{tmp_path / 'new.db'}": "Error: the database does not match this version: run readers-asked migrate\n",
    }
    for url, sentence in sentences.items():
        app = create_app(config.load({**PRODUCTION_SETTINGS, "DATABASE_URL": url}))
        for arguments in (["keys", "rotate"], ["experts", "export", str(tmp_path / "out.csv")]):
            ended = FlaskCliRunner(app).invoke(args=arguments)
            assert (ended.exit_code, ended.stderr[: len(sentence)], "hunter2" in ended.output) == (1, sentence, False)
        app.extensions["database"].close()


def little_room() -> None:
    """No file of this process may grow beyond what a new database needs. It writes no bytecode: Python would keep the part of it that
    fits, and each later process would end with `marshal data too short`."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_full_disk_ends_migrate_with_a_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT), "migrate"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env=bare_environment(tmp_path, **PRODUCTION_SETTINGS, DATABASE_URL=f"sqlite:///{tmp_path / 'full.db'}", PYTHONDONTWRITEBYTECODE="1"), preexec_fn=little_room,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (
        1,
        "Error: the database can't be written to: the disk is full, or its file is read-only. Nothing was changed.\n",
    )


def test_the_demo_says_where_it_cannot_write(tmp_path: Path) -> None:
    """A file where a folder would be made: what a read-only folder is to whoever may write anywhere."""
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'file' / 'var' / 'newsroom.db'}"
    ended = run_command(
        tmp_path,
        program=(sys.executable, "-m", "demo.serve"),
        PYTHONPATH=str(ROOT),
        DATABASE_URL=url,
        PORT=str(reserve_port()),
    )
    assert (ended.returncode, ended.stderr) == (2, "")
    assert (
        ended.stdout.splitlines()[-1] == f"  DATABASE_URL: {tmp_path / 'file' / 'var'} can't be made: Not a directory"
    )
