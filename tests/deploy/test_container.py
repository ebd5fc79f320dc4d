"""Containerfile and compose.yaml: what can be told of them without a builder, and the image's commands in a read-only machine."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings.settings_table import SETTINGS
from tests.support.source import ROOT, list_files, relative_name

CONTAINERFILE = (ROOT / "Containerfile").read_text()
FINAL = CONTAINERFILE.split("\nFROM ")[-1]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = ("web", "worker")


def lines_of(keyword: str, text: str = FINAL) -> list[str]:
    """What stands behind a keyword of a Containerfile, with the lines that go on."""
    return re.findall(rf"(?m)^{keyword} ((?:.*\\\n)*.*)$", text)


def is_in_build(name: str) -> bool:
    """Return whether a file of the repository comes into the build, by the rules of .containerignore; the last one counts."""
    rules = [rule for rule in (ROOT / ".containerignore").read_text().splitlines() if rule and not rule.startswith("#")]
    fits = [
        rule
        for rule in rules
        if any(fnmatch(part, rule[3:]) for part in name.split("/") if rule.startswith("**/"))
        or fnmatch(name.partition("/")[0], rule.removeprefix("!"))
    ]
    return fits[-1].startswith("!")


def test_the_build_takes_what_the_wheel_is_made_of_and_the_locks_and_nothing_else() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    tops = {*wheel["only-include"], *wheel.get("force-include", {}), "requirements", "docs"}
    around = {"LICENSE", "README.md", "hatch_build.py", "pyproject.toml"}
    taken = {relative_name(path) for path in list_files() if is_in_build(relative_name(path))}
    assert {name.partition("/")[0] for name in taken} == {top.partition("/")[0] for top in tops} | around
    missing = [
        relative_name(path)
        for path in list_files()
        if relative_name(path).partition("/")[0] in tops and relative_name(path) not in taken
    ]
    assert missing == []


def test_every_library_is_checked_by_its_hash() -> None:
    installs = re.findall(r"pip install (.*?)(?:;|&&|\\?\n)", CONTAINERFILE)
    assert [line for line in installs if "--require-hashes" not in line and "--no-index" not in line] == []
    assert len(installs) == 3


def test_the_image_has_what_encrypts_an_sqlite_file_whatever_else_is_added_to_it() -> None:
    (listed,) = re.findall(r"for part in (.*?); do", CONTAINERFILE)
    parts = listed.removesuffix(" ${EXTRAS}").split()
    assert parts == ["runtime", "encryption"]
    for part in parts:
        locked = (ROOT / "requirements" / f"{part}.txt").read_text().replace("\\\n", " ").splitlines()
        pins = [line for line in locked if line and not line.lstrip().startswith("#")]
        assert [line for line in pins if "==" not in line or "--hash=sha256:" not in line] == []
    assert sum(line.startswith("sqlcipher3==") for line in pins) == 1


@pytest.mark.threat("unsafe start")
def test_the_image_runs_as_nobody_else_and_answers_for_its_health() -> None:
    assert lines_of("USER") == ["readers-asked"]
    assert (lines_of("ENTRYPOINT"), lines_of("CMD")) == (['["readers-asked"]'], ['["web"]'])
    assert "/healthz" in lines_of("HEALTHCHECK")[0]
    made = dict(pair.split("=", 1) for pair in shlex.split(lines_of("ENV")[0].replace("\\\n", " ")))
    ours = set(SETTINGS).intersection(made)
    assert ours == {"READERS_ASKED_ENV_FILE", "BIND_ADDRESS"}  # what an image sets nobody can set in a settings file


def test_no_image_is_named_with_the_place_that_it_comes_from() -> None:
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"BASE=(\S+)", CONTAINERFILE)
    assert [image for image in images if "/" in image or "." in image.partition(":")[0]] == []


@pytest.mark.parametrize("name", OURS)
def test_web_and_worker_can_write_into_their_own_folder_alone(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])  # noqa: S108
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == ["desk:/var/lib/readers-asked"]
    assert (service["image"], service.get("command")) == ("readers-asked", {"web": None, "worker": ["worker"]}[name])
    assert set(service["environment"]) - set(SETTINGS) == set()
    assert set(service["depends_on"]) == {"postgres", "redis", "postfix"}


def list_ports(services: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, service in services.items():
        for port in service.get("ports", []):
            yield name, port


@pytest.mark.threat("unsafe start")
def test_nobody_outside_reaches_more_than_the_pages_and_these_from_this_machine_alone() -> None:
    assert list(list_ports(SERVICES)) == [("web", "127.0.0.1:8000:8000")]


def test_what_the_settings_name_is_a_service() -> None:
    said = SERVICES["web"]["environment"]
    assert (
        f"@{'postgres'}/" in said["DATABASE_URL"] and "redis" in said["REDIS_URL"] and said["MAIL_SERVER"] == "postfix"
    )
    assert {"postgres", "redis", "postfix"} <= set(SERVICES)


def test_the_ports_agree() -> None:
    assert lines_of("EXPOSE") == [SETTINGS["PORT"].default]
    for proxy in ("nginx.conf", "Caddyfile"):
        assert f"127.0.0.1:{SETTINGS['PORT'].default}" in Path(ROOT, "deploy", proxy).read_text()
