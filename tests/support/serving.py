"""The product as it runs: pages and worker as processes of their own, on a free port of this machine."""

import fcntl
import os
import runpy
import secrets
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

from tests.support.app import SECRETS
from tests.support.forks import FORKS
from tests.support.waiting import PATIENCE, until

ROOT = Path(__file__).parent.parent.parent
START = 120.0  # seconds that a server may take until it answers
PORTS = range(10_000, 32_000)  # Linux gives connections those from 32768 on
_kept: list[ExitStack] = []


COMMANDS = (("flask", "--app", "wsgi", "web"), ("flask", "--app", "wsgi", "worker"))


class Child(Protocol):
    def terminate(self) -> None: ...
    def join(self, seconds: float) -> object: ...


class Started(subprocess.Popen[bytes]):
    join = subprocess.Popen.wait


Start = Callable[[tuple[str, ...], dict[str, str]], Child]


def loaded_anew(command: tuple[str, ...], environment: dict[str, str]) -> Child:
    return Started([sys.executable, "-m", *command], cwd=ROOT, env=environment, start_new_session=True)


def loaded_before(command: tuple[str, ...], environment: dict[str, str]) -> Child:
    """Fork it off a process that has loaded the product; all else is as when it is loaded anew."""
    child = FORKS.Process(target=_run, args=(command, environment))
    child.start()
    return child


def _run(command: tuple[str, ...], environment: dict[str, str]) -> None:
    os.chdir(ROOT)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(command)
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def free_port() -> int:
    """Find a port at which nobody listens, and keep it: nobody else who asks here gets it until this process ends, and it is
    none of those that the system gives to connections by itself."""
    folder = Path(tempfile.gettempdir()) / "readers-asked-ports"
    folder.mkdir(exist_ok=True)
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with suppress(OSError), ExitStack() as stack, socket.socket() as probe:
            mark = stack.enter_context((folder / str(port)).open("w"))
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.bind(("127.0.0.1", port))
            _kept.append(stack.pop_all())
            return port


@contextmanager
def served(
    database_url: str, mail_folder: Path, start: Start = loaded_anew, host: str = "127.0.0.1", **settings: str
) -> Iterator[str]:
    """Web and worker until the block ends, with further `settings`; gives the address of the site."""
    port = free_port()
    base_url = f"http://{host}:{port}"
    secrets = [f"{number}:{b64encode(secret).decode()}" for number, secret in SECRETS.items()]
    environment = {
        **os.environ, "READERS_ASKED_ENV": "demo", "DATABASE_URL": database_url, "BASE_URL": base_url, "PORT": str(port),
        "MAIL_FOLDER": str(mail_folder), "ERASURES": f"{mail_folder}-erasures", "SECRET_KEYS": ",".join(secrets), "LIMITS": "0",
        **settings,
    }  # fmt: skip
    children = [start(command, environment) for command in COMMANDS]
    try:
        assert answers(f"{base_url}/healthz", START), "the server did not come up"
        yield base_url
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join(PATIENCE)


def answers(address: str, within: float) -> bool:
    """Wait until a page answers; False where it doesn't within so many seconds."""
    try:
        until(lambda: _answers(address), address, within)
    except AssertionError:
        return False
    return True


def _answers(address: str) -> bool:
    """An open port is not enough: connections wait there before a process takes them."""
    with suppress(OSError), urlopen(address, timeout=START) as page:  # noqa: S310 - an address of ours
        return bool(page.status == 200)
    return False
