"""The real Ghost on this machine: fetched from npm and built once, beside what else is built here, and started with a newsroom in it.

Ghost wants a newer Node than many machines have, which npm brings as well, with the headers that its SQLite is compiled against;
so it takes `npm`, a C++ compiler, make and Python. It is installed as its own lock file says, and no script of a package is run.
"""

import json
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener

from tests.support.processes import reserve_port
from tests.support.source import ROOT
from tests.support.waiting import WAIT_TIMEOUT, wait_until

GHOST, NODE, PNPM = "6.65.0", "22.23.3", "12.4.2"
PLACE = ROOT / "build" / f"ghost-{GHOST}"
DONE = PLACE / "installed"
LOG = PLACE / "install.log"
NEEDED = ("npm", "g++", "make", "python3")
PLATFORMS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
MINUTES = 60.0  # seconds of one, for the steps that take some
START = 3 * MINUTES  # until it answers: at first it makes its tables
OWNER = {"name": "Nora Lind", "email": "nora@desk.example", "password": "salt-plates-of-2009"}


class Lacking(Exception):
    """Ghost can't be had here; the words say why."""


@dataclass(frozen=True)
class Ghost:
    """A Ghost that runs: where, and the key of an integration."""

    url: str
    key: str


def install() -> None:
    """Fetch and build it, unless that was done. Raises `Lacking`."""
    if DONE.exists():
        return
    if lacks := [name for name in NEEDED if shutil.which(name) is None]:
        raise Lacking(f"no {', '.join(lacks)}")
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    machine = PLATFORMS.get(platform.machine().lower(), platform.machine())
    _unpacked(f"node-{platform.system().lower()}-{machine}@{NODE}", "node")
    _unpacked(f"ghost@{GHOST}", "ghost")
    _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", PLACE / "tools", f"pnpm@{PNPM}"], PLACE)
    pnpm = PLACE / "tools" / "node_modules" / ".bin" / "pnpm"
    _run([pnpm, "install", "--prod", "--frozen-lockfile", "--ignore-scripts"], PLACE / "ghost")
    store = PLACE / "ghost" / "node_modules" / ".pnpm"
    builder = next(store.glob("node-gyp@*/node_modules/node-gyp/bin/node-gyp.js"), None)
    database = next(store.glob("better-sqlite3@*/node_modules/better-sqlite3"), None)
    if builder is None or database is None:
        raise Lacking("what builds its SQLite isn't where it was")
    _run(["node", builder, "rebuild", "--release", f"--nodedir={PLACE / 'node'}"], database)
    DONE.touch()


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{PLACE / 'node' / 'bin'}:{os.environ['PATH']}", "CI": "1"}


def _run(command: list[Any], where: Path) -> None:
    with LOG.open("a") as log:
        try:
            subprocess.run(
                list(map(str, command)),
                cwd=where,
                env=_environment(),
                stdout=log,
                stderr=log,
                check=True,
                timeout=20 * MINUTES,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Lacking(f"{command[0]} {command[1]} failed ({type(error).__name__}): {LOG} says why") from None


def _unpacked(package: str, name: str) -> None:
    """Unpack a package of npm into a folder, as it is."""
    before = set(PLACE.glob("*.tgz"))
    _run(["npm", "pack", package, "--pack-destination", PLACE], PLACE)
    [archive] = set(PLACE.glob("*.tgz")) - before
    with tarfile.open(archive) as packed:
        packed.extractall(PLACE, filter="data")
    (PLACE / "package").rename(PLACE / name)
    archive.unlink()


@contextmanager
def ghost(folder: Path) -> Iterator[Ghost]:
    """A Ghost until the block ends, with its owner and an integration. Raises `Lacking` where it doesn't come up."""
    url = f"http://127.0.0.1:{(port := reserve_port())}"
    content = Path(shutil.copytree(PLACE / "ghost" / "content", folder / "content", symlinks=True))
    settings = {
        "NODE_ENV": "production", "url": url, "server__host": "127.0.0.1", "server__port": str(port),
        "database__client": "better-sqlite3", "database__connection__filename": str(folder / "ghost.db"),
        "database__useNullAsDefault": "true", "paths__contentPath": str(content), "mail__transport": "stub",
        "privacy__useUpdateCheck": "false", "privacy__useGravatar": "false", "privacy__useRpcPing": "false",
        "security__staffDeviceVerification": "false",
    }  # fmt: skip
    with (folder / "ghost.log").open("w") as log:
        command = [str(PLACE / "node" / "bin" / "node"), "index.js"]
        process = subprocess.Popen(command, cwd=PLACE / "ghost", env=_environment() | settings, stdout=log, stderr=log)
    try:
        yield Ghost(url, _with_a_newsroom(url))
    finally:
        process.terminate()
        try:
            process.wait(WAIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _with_a_newsroom(url: str) -> str:
    """Wait until it answers, make its owner and an integration, and return that one's key."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def ask(path: str, sent: Any = None) -> Any:
        head = {"Content-Type": "application/json", "Origin": url}
        body = None if sent is None else json.dumps(sent).encode()
        with opener.open(Request(f"{url}/ghost/api/admin/{path}", body, head), timeout=MINUTES) as answer:  # noqa: S310 - ours
            found = answer.read()
            return json.loads(found) if found.startswith(b"{") else None

    def answers() -> bool:
        with suppress(OSError, HTTPError):
            return bool(ask("site/"))
        return False

    try:
        wait_until(answers, "Ghost", START, pause=0.5)
    except AssertionError:
        raise Lacking("it didn't come up") from None
    ask("authentication/setup/", {"setup": [{**OWNER, "blogTitle": "The Steppe Letter"}]})
    ask("session/", {"username": OWNER["email"], "password": OWNER["password"]})
    made = ask("integrations/?include=api_keys", {"integrations": [{"name": "Readers Asked"}]})
    [key] = [one["secret"] for one in made["integrations"][0]["api_keys"] if one["type"] == "admin"]
    return str(key)
