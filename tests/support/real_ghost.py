"""The real Ghost on this machine: installed once from npm into `build/`, and started with a site for a newsroom.

Ghost needs a newer Node than many machines have, and headers to compile its SQLite module. Both come from npm, so the
installation needs only `npm`, a C++ compiler, make and Python. It follows Ghost's lock file, without package scripts.
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

GHOST_VERSION, NODE_VERSION, PNPM_VERSION = "6.65.0", "22.23.3", "12.4.2"
FOLDER = ROOT / "build" / f"ghost-{GHOST_VERSION}"
INSTALLED_MARKER = FOLDER / "installed"
INSTALL_LOG = FOLDER / "install.log"
REQUIRED_PROGRAMS = ("npm", "g++", "make", "python3")
PLATFORMS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
MINUTE = 60.0  # in seconds
START_TIMEOUT = 3 * MINUTE  # seconds until it responds; it creates its tables first
OWNER = {"name": "Nora Lind", "email": "nora@desk.example", "password": "salt-plates-of-2009"}


class GhostUnavailable(Exception):
    """Ghost can't be installed or started here; the message says why."""


@dataclass(frozen=True)
class Ghost:
    """A running Ghost: its URL and the Admin API key of an integration."""

    url: str
    key: str


def install_ghost() -> None:
    """Download and build Ghost, unless it is installed. Raises `GhostUnavailable`."""
    if INSTALLED_MARKER.exists():
        return
    if missing := [name for name in REQUIRED_PROGRAMS if shutil.which(name) is None]:
        raise GhostUnavailable(f"no {', '.join(missing)}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    machine = PLATFORMS.get(platform.machine().lower(), platform.machine())
    _download_package(f"node-{platform.system().lower()}-{machine}@{NODE_VERSION}", "node")
    _download_package(f"ghost@{GHOST_VERSION}", "ghost")
    _run_install_step(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", FOLDER / "tools", f"pnpm@{PNPM_VERSION}"], FOLDER
    )
    pnpm = FOLDER / "tools" / "node_modules" / ".bin" / "pnpm"
    _run_install_step([pnpm, "install", "--prod", "--frozen-lockfile", "--ignore-scripts"], FOLDER / "ghost")
    store = FOLDER / "ghost" / "node_modules" / ".pnpm"
    builder = next(store.glob("node-gyp@*/node_modules/node-gyp/bin/node-gyp.js"), None)
    database = next(store.glob("better-sqlite3@*/node_modules/better-sqlite3"), None)
    if builder is None or database is None:
        raise GhostUnavailable("node-gyp or better-sqlite3 isn't where it was")
    _run_install_step(["node", builder, "rebuild", "--release", f"--nodedir={FOLDER / 'node'}"], database)
    INSTALLED_MARKER.touch()


def _build_environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{FOLDER / 'node' / 'bin'}:{os.environ['PATH']}", "CI": "1"}


def _run_install_step(command: list[Any], folder: Path) -> None:
    with INSTALL_LOG.open("a") as log:
        try:
            subprocess.run(
                list(map(str, command)),
                cwd=folder,
                env=_build_environment(),
                stdout=log,
                stderr=log,
                check=True,
                timeout=20 * MINUTE,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise GhostUnavailable(
                f"{command[0]} {command[1]} failed ({type(error).__name__}): {INSTALL_LOG} says why"
            ) from None


def _download_package(package: str, name: str) -> None:
    """Download a package from npm and unpack it into a folder, without installing it."""
    earlier_archives = set(FOLDER.glob("*.tgz"))
    _run_install_step(["npm", "pack", package, "--pack-destination", FOLDER], FOLDER)
    [archive] = set(FOLDER.glob("*.tgz")) - earlier_archives
    with tarfile.open(archive) as tar:
        tar.extractall(FOLDER, filter="data")
    (FOLDER / "package").rename(FOLDER / name)
    archive.unlink()


@contextmanager
def run_ghost(folder: Path) -> Iterator[Ghost]:
    """Run Ghost, with an owner and an integration, until the block ends. Raises `GhostUnavailable` if it can't start."""
    url = f"http://127.0.0.1:{(port := reserve_port())}"
    content = Path(shutil.copytree(FOLDER / "ghost" / "content", folder / "content", symlinks=True))
    settings = {
        "NODE_ENV": "production", "url": url, "server__host": "127.0.0.1", "server__port": str(port),
        "database__client": "better-sqlite3", "database__connection__filename": str(folder / "ghost.db"),
        "database__useNullAsDefault": "true", "paths__contentPath": str(content), "mail__transport": "stub",
        "privacy__useUpdateCheck": "false", "privacy__useGravatar": "false", "privacy__useRpcPing": "false",
        "security__staffDeviceVerification": "false",
    }  # fmt: skip
    with (folder / "ghost.log").open("w") as log:
        command = [str(FOLDER / "node" / "bin" / "node"), "index.js"]
        process = subprocess.Popen(
            command, cwd=FOLDER / "ghost", env=_build_environment() | settings, stdout=log, stderr=log
        )
    try:
        yield Ghost(url, _create_site(url))
    finally:
        process.terminate()
        try:
            process.wait(WAIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _create_site(url: str) -> str:
    """Wait until Ghost responds, create its owner and an integration, and return its Admin API key."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def send_request(path: str, payload: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Origin": url}
        body = None if payload is None else json.dumps(payload).encode()
        with opener.open(Request(f"{url}/ghost/api/admin/{path}", body, headers), timeout=MINUTE) as response:  # noqa: S310 - ours
            content = response.read()
            return json.loads(content) if content.startswith(b"{") else None

    def is_responding() -> bool:
        with suppress(OSError, HTTPError):
            return bool(send_request("site/"))
        return False

    try:
        wait_until(is_responding, "Ghost", START_TIMEOUT, pause=0.5)
    except AssertionError:
        raise GhostUnavailable("it didn't start") from None
    send_request("authentication/setup/", {"setup": [{**OWNER, "blogTitle": "The Steppe Letter"}]})
    send_request("session/", {"username": OWNER["email"], "password": OWNER["password"]})
    integration = send_request("integrations/?include=api_keys", {"integrations": [{"name": "Readers Asked"}]})
    [key] = [api_key["secret"] for api_key in integration["integrations"][0]["api_keys"] if api_key["type"] == "admin"]
    return str(key)
