"""The product as processes: web and worker, the page server alone, and a process started again and again."""

import fcntl
import multiprocessing
import os
import runpy
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

from app.server import page_server
from tests.support.app import SECRETS
from tests.support.waiting import WAIT_TIMEOUT, wait_until

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.support.preloaded_app"])


ROOT = Path(__file__).parent.parent.parent
START_TIMEOUT = 120.0  # seconds that a server may take until it answers
PORTS = range(10_000, 32_000)  # Linux gives connections those from 32768 on
_reserved_ports: list[ExitStack] = []


COMMANDS = (("flask", "--app", "wsgi", "web"), ("flask", "--app", "wsgi", "worker"))


class ChildProcess(Protocol):
    def terminate(self) -> None: ...
    def join(self, seconds: float) -> object: ...


class StartedProcess(subprocess.Popen[bytes]):
    join = subprocess.Popen.wait


StartFunction = Callable[[tuple[str, ...], dict[str, str]], ChildProcess]


def start_fresh(command: tuple[str, ...], environment: dict[str, str]) -> ChildProcess:
    return StartedProcess([sys.executable, "-m", *command], cwd=ROOT, env=environment, start_new_session=True)


def start_forked(command: tuple[str, ...], environment: dict[str, str]) -> ChildProcess:
    """Fork it off a process that has loaded the product; all else is as when it is loaded anew."""
    child = FORKSERVER.Process(target=_run, args=(command, environment))
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
            _reserved_ports.append(stack.pop_all())
            return port


@contextmanager
def run_site(
    database_url: str, mail_folder: Path, start: StartFunction = start_fresh, host: str = "127.0.0.1", **settings: str
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
        assert wait_for_answer(f"{base_url}/healthz", START_TIMEOUT), "the server did not come up"
        yield base_url
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join(WAIT_TIMEOUT)


def wait_for_answer(address: str, within: float) -> bool:
    """Wait until a page answers; False where it doesn't within so many seconds."""
    try:
        wait_until(lambda: _answers(address), address, within)
    except AssertionError:
        return False
    return True


def _answers(address: str) -> bool:
    """An open port is not enough: connections wait there before a process takes them."""
    with suppress(OSError), urlopen(address, timeout=START_TIMEOUT) as page:  # noqa: S310 - an address of ours
        return bool(page.status == 200)
    return False


@contextmanager
def run_page_server(app: Callable[..., Iterable[bytes]]) -> Iterator[page_server.PageServer]:
    """Answer with a WSGI app until the block ends."""
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            here.poll_once(0.05)

    with page_server.listen("127.0.0.1", 0) as listener:
        here = page_server.create_server(app, listener)
        thread = threading.Thread(target=poll)
        thread.start()
        yield here
        over.set()
        thread.join()
        here.task_dispatcher.shutdown()
        here.close()


class RepeatedProcess:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def live(self, words: object) -> str:
        """One life, as these words say; tells how it ended."""
        asks = self._process.stdin
        assert asks is not None
        asks.write(f"{words}\n")
        asks.flush()
        return self.says()

    def says(self) -> str:
        """The next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def repeat_process(module: str, *arguments: str) -> Iterator[RepeatedProcess]:
    """The lives that a module of tests/support leads, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.support.{module}", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": "."},
    ) as process:  # fmt: skip
        yield RepeatedProcess(process)
        assert process.stdin is not None
        process.stdin.close()
