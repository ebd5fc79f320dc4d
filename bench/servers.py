"""Starting the measured servers on loopback: the product and the floor, served in the same way."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parent.parent
START_TIMEOUT = 120.0  # seconds until a server listens, even on a busy machine
STOP_TIMEOUT = 30.0  # seconds
# Serves a WSGI app, `module:name`, at a port, in two processes like the product.
SERVE_SCRIPT = """
import sys
from importlib import import_module
from app.server import page_server, processes

def serve():
    module, name = sys.argv[1].split(":")
    page_server.serve(getattr(import_module(module), name), listener, lambda _environ: page_server.MAX_BODY_BYTES)

listener = page_server.listen("127.0.0.1", int(sys.argv[2]))
sys.exit(processes.run({"web 1": serve, "web 2": serve}))
"""


class Server(NamedTuple):
    """A running server: its port on loopback, and the parent of its processes."""

    port: int
    process: psutil.Process


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve_app(app: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Serve a WSGI app, given as `module:name`, on a free port until the block ends."""
    port = find_free_port()
    with _run_python(["-c", SERVE_SCRIPT, app, str(port)], environment) as process:
        wait_for_port(port, app)
        yield Server(port, process)


@contextmanager
def run_command(environment: Mapping[str, str], *arguments: str, is_quiet: bool = False) -> Iterator[psutil.Process]:
    """Run a command of the product until the block ends. With `is_quiet`, its standard output is discarded."""
    with _run_python(["-m", "flask", "--app", "wsgi", *arguments], environment, is_quiet) as process:
        yield process


@contextmanager
def _run_python(
    arguments: list[str], environment: Mapping[str, str], is_quiet: bool = False
) -> Iterator[psutil.Process]:
    """Run Python in the repository until the block ends; only the process started here is stopped."""
    child = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL if is_quiet else None,
        start_new_session=True,
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(STOP_TIMEOUT)


def wait_for_port(port: int, name: str) -> None:
    """Return once the port accepts connections. Raises RuntimeError if it doesn't in time."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not come up")
