"""The README's steps from a clone to a newsletter of your own, run word for word as they stand there."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urljoin
from urllib.request import urlopen

import pytest

import config
from app import create_app
from tests.support import clock
from tests.support.docs import list_shell_blocks
from tests.support.pages import Browser, Page
from tests.support.processes import START_TIMEOUT, reserve_port, wait_for_response
from tests.support.required_programs import skip_without
from tests.support.source import ROOT, list_files, relative_name
from tests.support.waiting import wait_until

PARTS = (
    "Makefile",
    "app",
    "config.py",
    "demo",
    "docs",
    "migrations",
    "requirements",
    "pyproject.toml",
    "wsgi.py",
    "__main__.py",
)
PROGRAMS = ("make", "bash")


def blocks(heading: str) -> list[str]:
    """The shell blocks under a heading of the README."""
    return list_shell_blocks("README.md", heading)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like a clone of the house, with a database of its own, in which the libraries are installed already."""
    for program in PROGRAMS:
        if shutil.which(program) is None:
            skip_without(program)
    for path in list_files():
        name = relative_name(path)
        if name.partition("/")[0] in PARTS:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / name)
    ours, theirs = tmp_path / ".venv", ROOT / ".venv"
    (ours / "bin").mkdir(parents=True)
    for program in (theirs / "bin").iterdir():
        if program.name != "readers-asked":  # `make install` makes it, for this clone
            (ours / "bin" / program.name).symlink_to(program)
    for name in ("pyvenv.cfg", "lib"):
        (ours / name).symlink_to(theirs / name)
    (ours / "runtime").touch()
    return tmp_path


def build_environment(port: int) -> dict[str, str]:
    """What a fresh shell knows, and a port that nobody else has."""
    return {
        **clock.clock_environment(),
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PORT": str(port),
    }


@contextmanager
def running(line: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A line of the README that goes on until it is told to stop."""
    child = subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=folder, env=environment)
    try:
        yield
        assert child.poll() is None, f"`{line}` ended by itself"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(START_TIMEOUT)


def page(address: str, form: Mapping[str, object] | None = None) -> Page:
    """A page, or what comes back after a form is sent there."""
    assert wait_for_response(urljoin(address, "/healthz"), START_TIMEOUT), f"{address} did not come up"
    body = urlencode(form).encode() if form else None
    with urlopen(address, body, timeout=START_TIMEOUT) as answer:  # noqa: S310 - an address of ours
        return Page(answer.read().decode())


def faults_of(environment: dict[str, str], folder: Path, *arguments: str) -> set[str]:
    """The checks in which `readers-asked doctor` finds a fault."""
    doctor = subprocess.run(
        ["readers-asked", *arguments, "doctor", "--json"], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    found = {check["name"] for check in json.loads(doctor.stdout)["checks"] if check["state"] == "fault"}
    assert doctor.returncode == bool(found)
    return found


def test_three_commands_lead_from_a_clone_to_a_front_page_of_your_own(clone: Path) -> None:
    """As the README has them; only the port is another, which no other program of this machine has."""
    port = reserve_port()
    [block] = blocks("Your own newsroom on this machine")
    install, init, serve = block.replace("8973", str(port)).splitlines()
    environment = build_environment(port)
    del environment["PORT"]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{install}\n{init}"],
        cwd=clone, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    site = f"http://127.0.0.1:{port}"
    settings = clone / "readers-asked.env"
    said = [line for line in done.stdout.splitlines() if line.startswith(("Created", "Only"))]
    assert said == [
        f"Created {settings} with the settings and the secret keys. Keep a copy of it away from this machine.",
        f"Created the database sqlite:///{clone}/var/newsroom.db.",
        f"Created the newsletter: {site}/letter/",
        f"Only this machine can open {site}, and mails are written to {clone}/var/mail instead of being sent.",
    ]
    [link] = re.findall(rf"{site}/sign-in/\S+", done.stdout)

    environment["PATH"] = f"{clone}/.venv/bin:{environment['PATH']}"
    with running(serve, clone, environment):
        front = page(f"{site}/letter/")
        assert front.title.startswith("The Letter")
        form = next(form for form in front.forms if form.action.endswith("/letter/send"))
        question = {"body": "Who measures the salt in the wind?", "then": "send"}
        receipt = page(f"{site}/letter/send", {**form.fields, **question})
        assert receipt.heading == "Thank you, it has arrived"
        wait_until((clone / "var" / "erasures").is_file, "the list of erasures")
        assert faults_of(environment, clone, "--env-file", str(settings)) == set()

    app = create_app(config.load({**environment, "READERS_ASKED_ENV_FILE": str(settings)}))
    try:
        nora = Browser(app)
        nora.open(link)
        assert nora.press(link).status_code == 303
        nora.follow()
        assert "The Letter" in nora.page.title
    finally:
        app.extensions["database"].close()


def test_the_steps_of_the_readme_lead_from_nothing_to_nora_at_her_desk(clone: Path) -> None:
    steps, together, apart = blocks("Running it for real")
    named, serve = together.splitlines()
    port = reserve_port()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{steps}\n{named}\nenv -0 > environment"],
        cwd=clone, env=build_environment(port), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    site, link = re.findall(r"https://ask\.example\.org/\S+", done.stdout)
    assert site == "https://ask.example.org/letter/"
    lines = (clone / "environment").read_text().split("\0")
    environment = dict(line.partition("=")[::2] for line in lines if line)

    with running(serve, clone, environment):
        assert "The Letter" in page(f"http://127.0.0.1:{port}/letter/")
    web, worker = apart.splitlines()
    with running(web, clone, environment), running(worker, clone, environment):
        assert page(f"http://127.0.0.1:{port}/readyz") == "ready\n"
        wait_until((clone / "var" / "erasures").is_file, "the list of erasures")
    # There is no mail.example.org, and no proxy in front; what is published of example.org is not told here, or everywhere that it can be asked.
    assert faults_of(environment, clone) - {"mail domain"} == {"mail server", "proxy"}

    app = create_app(config.load(environment))
    try:
        nora = Browser(app)
        nora.open(link)
        assert nora.press(link).status_code == 303
        nora.follow()
        assert "The Letter" in nora.page.title
        assert nora.open("/desk/letter/new-newsletter").status_code == 200
    finally:
        app.extensions["database"].close()
