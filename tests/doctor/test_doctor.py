"""`readers-asked doctor` as it is typed, and what `/readyz` tells of the same table."""

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.backup.erasure_list import ErasureListWriter
from app.cli import commands
from app.db.engine import Database
from app.doctor.checks import CHECKS
from config import Unsafe
from tests.support.commands import record_sighting
from tests.support.sample_newsroom import Newsroom

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TOKEN = "a token of thirty-two characters!"
SENDERS = "NOTE      senders: no newsletter has an address for incoming mail (settings of the newsletter)"


def run(app: Flask, *command: str) -> tuple[int, list[str]]:
    result = app.test_cli_runner().invoke(args=command)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stdout.splitlines()


@on_sqlite
def test_a_house_in_order(app: Flask, database: Database, newsroom: Newsroom, tmp_path: Path) -> None:
    record_sighting(database)
    app.config["ERASURES"] = str(tmp_path / "erasures")
    ErasureListWriter(tmp_path / "erasures").update(database)
    status, lines = run(app, "doctor")
    assert (status, lines[0], lines[10].split()) == (0, "Incoming mails by place:", ["total", "0"])
    assert [line[:9].strip() for line in lines[11:-1]] == [
        *["FINE"] * 11, "NOT MADE", *["FINE"] * 5, "NOTE", "NOT MADE", *["FINE"] * 5, "NOTE",
    ]  # fmt: skip
    assert (lines[28], lines[-1]) == (SENDERS, "No faults found.")


@on_sqlite
def test_a_fault_is_followed_by_what_mends_it(app: Flask, newsroom: Newsroom) -> None:
    status, lines = run(app, "doctor")
    assert (status, lines[15:17]) == (
        1,
        [
            "FAULT     worker: no worker has ever been active",
            "          -> Start `readers-asked worker`; if it is running, its log says what is wrong.",
        ],
    )


@on_sqlite
def test_the_same_for_a_machine(app: Flask, newsroom: Newsroom, tmp_path: Path) -> None:
    app.config["ERASURES"] = str(tmp_path / "erasures")
    status, lines = run(app, "doctor", "--json")
    report = json.loads("\n".join(lines))
    assert (status, report["faults"], [check["name"] for check in report["checks"]]) == (
        1,
        2,  # nobody writes the list of erasures either
        [check.name for check in CHECKS],
    )
    assert report["checks"][4] == {
        "name": "worker",
        "looks_at": "whether a worker and each of its parts were active in the last ten minutes, and which of its duties fail",
        "state": "fault",
        "found": [{"state": "fault", "said": "no worker has ever been active"}],
        "mend": "Start `readers-asked worker`; if it is running, its log says what is wrong.",
    }


def test_without_settings_it_says_what_to_set() -> None:
    app = commands.without_settings(Flask("desk"), Unsafe(["SECRET_KEYS is empty"]))
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert (result.exit_code, result.stderr) == (1, "Error: the settings can't be used:\n  SECRET_KEYS is empty\n")


@pytest.mark.threat("stranger at the door")
@on_sqlite
@pytest.mark.parametrize("alive", [True, False])
def test_strangers_learn_whether_it_is_ready_and_nothing_else(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, alive: bool
) -> None:
    app.config["METRICS_TOKEN"] = TOKEN
    if alive:
        record_sighting(database)
    status, words = (200, "ready\n") if alive else (503, "not ready\n")
    for stranger in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer ü"},
    ):
        page = client.get("/readyz", headers=stranger)
        assert (page.status_code, page.text) == (status, words)
    page = client.get("/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
    quick = {check.name: "fine" for check in CHECKS if check.quick}
    assert (page.status_code, page.json) == (
        status, {"ready": alive, "checks": quick | {"worker": "fine" if alive else "fault"}},
    )  # fmt: skip


@on_sqlite
def test_without_a_token_nobody_learns_more(client: FlaskClient, newsroom: Newsroom) -> None:
    assert client.get("/readyz", headers={"Authorization": "Bearer "}).text == "not ready\n"
