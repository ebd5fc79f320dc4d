"""The check of Redis, with servers that write to their disk and servers that don't."""

import re
import shlex
from pathlib import Path

import pytest
from flask import Flask

from app.doctor import machines
from app.doctor.findings import CheckContext
from tests.support.databases import ON_SQLITE
from tests.support.redis_server import start_redis
from tests.support.source import ROOT


def run_check(app: Flask) -> list[tuple[str, str]]:
    return [
        (finding.state, finding.message)
        for finding in machines.check_redis(CheckContext(app.extensions["database"], app.config))
    ]


@pytest.mark.threat("stolen counters")
@ON_SQLITE
def test_a_redis_that_writes_to_its_disk(app: Flask, tmp_path: Path) -> None:
    assert run_check(app) == []  # without one
    for options, found in {
        (): [],
        ("--save", "3600 1"): [("fault", "Redis writes snapshots to its disk (save 3600 1)")],
        ("--appendonly", "yes"): [("fault", "Redis writes each change to its disk (appendonly yes)")],
        ("--rename-command", "CONFIG", ""): [
            ("not made", "Redis refuses CONFIG GET save: ask whoever runs it whether it writes snapshots to a disk")
        ],
    }.items():
        with start_redis(tmp_path, *options) as app.config["REDIS_URL"]:
            assert run_check(app) == found
    assert run_check(app) == [("fault", "Redis does not answer: ConnectionError")]


@pytest.mark.threat("stolen counters")
@ON_SQLITE
def test_the_shipped_drop_in_keeps_a_configured_redis_in_memory(app: Flask, tmp_path: Path) -> None:
    """Debian's file of settings asks for snapshots; the options of the drop-in win."""
    drop_in = (ROOT / "deploy/redis/memory-only.conf").read_text()
    (command,) = re.findall(r"(?m)^ExecStart=/usr/bin/redis-server /etc/redis/redis.conf (.*)$", drop_in)
    options = shlex.split(command.replace("--supervised systemd --daemonize no ", ""))
    with start_redis(tmp_path, "--save", "900 1", "--appendonly", "yes", *options) as app.config["REDIS_URL"]:
        assert run_check(app) == []
