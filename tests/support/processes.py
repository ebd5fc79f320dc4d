"""The product in its own processes: web and worker, the page server alone, and a module that runs again and again."""

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
from tests.support.source import ROOT
from tests.support.waiting import WAIT_TIMEOUT, wait_until

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.support.preloaded_app"])


START_TIMEOUT = 120.0  # seconds until a started server has to respond
PORTS = range(10_000, 32_000)  # Linux uses those from 32768 on for outgoing connections
_reserved_ports: list[ExitStack] = []


SITE_COMMANDS = (("flask", "--app", "wsgi", "web"), ("flask", "--app", "wsgi", "worker"))


class ChildProcess(Protocol):
    def terminate(self) -> None: ...
    def join(self, seconds: float) -> object: ...


class FreshProcess(subprocess.Popen[bytes]):
    join = subprocess.Popen.wait


StartFunction = Callable[[tuple[str, ...], dict[str, str]], ChildProcess]


def start_fresh(command: tuple[str, ...], environment: dict[str, str]) -> ChildProcess:
    return FreshProcess([sys.executable, "-m", *command], cwd=ROOT, env=environment, start_new_session=True)


def start_forked(command: tuple[str, ...], environment: dict[str, str]) -> ChildProcess:
    """Fork the command from a process that has already imported the product; otherwise like `start_fresh`."""
    child = FORKSERVER.Process(target=_run_module, args=(command, environment))
    child.start()
    return child


def _run_module(command: tuple[str, ...], environment: dict[str, str], folder: Path = ROOT) -> None:
    os.chdir(folder)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(command)
    if Path(command[0]).is_dir():
        runpy.run_path(command[0], run_name="__main__")
    else:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def run_forked(command: tuple[str, ...], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` until it ends, forked like those of `start_forked`; return its status and output.

    The command is a module and its arguments, or a folder with a `__main__.py` and its arguments.
    """
    with tempfile.TemporaryDirectory(prefix="command-") as output_folder:
        outputs = [Path(output_folder) / name for name in ("stdout", "stderr")]
        child = FORKSERVER.Process(target=_run_with_output, args=(command, environment, folder, outputs))
        child.start()
        child.join(START_TIMEOUT)
        if child.exitcode is None:
            child.kill()
            raise subprocess.TimeoutExpired(command, START_TIMEOUT)
        stdout, stderr = (path.read_text() for path in outputs)
        return subprocess.CompletedProcess(command, child.exitcode, stdout, stderr)


def _run_with_output(command: tuple[str, ...], environment: dict[str, str], folder: Path, outputs: list[Path]) -> None:
    for descriptor, path in enumerate(outputs, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    _run_module(command, environment, folder)


def reserve_port() -> int:
    """Return a port on which nobody listens, and reserve it until this process ends.

    A lock file keeps other test processes off it, and it isn't in the range that the system uses for connections.
    """
    folder = Path(tempfile.gettempdir()) / "readers-asked-ports"
    folder.mkdir(exist_ok=True)
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with suppress(OSError), ExitStack() as stack, socket.socket() as probe:
            lock_file = stack.enter_context((folder / str(port)).open("w"))
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.bind(("127.0.0.1", port))
            _reserved_ports.append(stack.pop_all())
            return port


@contextmanager
def run_site(
    database_url: str, mail_folder: Path, start: StartFunction = start_fresh, host: str = "127.0.0.1", **settings: str
) -> Iterator[str]:
    """Run web and worker with further `settings` until the block ends; yield the base URL of the site."""
    port = reserve_port()
    base_url = f"http://{host}:{port}"
    secret_keys = [f"{number}:{b64encode(secret).decode()}" for number, secret in SECRETS.items()]
    environment = {
        **os.environ, "READERS_ASKED_ENV": "demo", "DATABASE_URL": database_url, "BASE_URL": base_url, "PORT": str(port),
        "MAIL_FOLDER": str(mail_folder), "ERASURES": f"{mail_folder}-erasures", "SECRET_KEYS": ",".join(secret_keys), "LIMITS": "0",
        **settings,
    }  # fmt: skip
    children = [start(command, environment) for command in SITE_COMMANDS]
    try:
        assert wait_for_response(f"{base_url}/healthz", START_TIMEOUT), "the server did not start"
        yield base_url
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join(WAIT_TIMEOUT)


def wait_for_response(url: str, timeout: float) -> bool:
    """Wait until a page responds; return False if it doesn't within so many seconds."""
    try:
        wait_until(lambda: _is_responding(url), url, timeout)
    except AssertionError:
        return False
    return True


def _is_responding(url: str) -> bool:
    # An open port is not enough: connections may wait there before a process accepts them.
    with suppress(OSError), urlopen(url, timeout=START_TIMEOUT) as page:  # noqa: S310 - an address of ours
        return bool(page.status == 200)
    return False


@contextmanager
def run_page_server(
    app: Callable[..., Iterable[bytes]],
    get_body_limit: page_server.GetBodyLimit = lambda _environ: page_server.MAX_BODY_BYTES,
) -> Iterator[page_server.PageServer]:
    """Serve a WSGI app in a thread until the block ends."""
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            server.poll_once(0.05)

    with page_server.listen("127.0.0.1", 0) as listener:
        server = page_server.create_server(app, listener, get_body_limit)
        thread = threading.Thread(target=poll)
        thread.start()
        yield server
        stop.set()
        thread.join()
        server.task_dispatcher.shutdown()
        server.close()


class ProcessRunner:
    """Runs a module of tests/support, which forks a child for each line of arguments on its standard input."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, arguments: object) -> str:
        """Run the module's task once with these arguments, and return the line that it prints."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(f"{arguments}\n")
        stdin.flush()
        return self.read_line()

    def read_line(self) -> str:
        """Return the next line of output."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def start_process_runner(module: str, *arguments: str) -> Iterator[ProcessRunner]:
    """Start a module of tests/support that runs its task for each line of input, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.support.{module}", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": "."},
    ) as process:  # fmt: skip
        yield ProcessRunner(process)
        assert process.stdin is not None
        process.stdin.close()
