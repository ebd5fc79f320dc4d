"""Starting the measured servers on loopback: the product and the floor, served in the same way."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds until it listens, even on a busy machine
# Serves a WSGI app, `module:name`, at a port, in two processes like the product.
SERVE = """
import sys
from importlib import import_module
from app.server import page_server, processes

def serve():
    module, name = sys.argv[1].split(":")
    page_server.serve(getattr(import_module(module), name), listener)

listener = page_server.listen("127.0.0.1", int(sys.argv[2]))
sys.exit(processes.run({"web 1": serve, "web 2": serve}))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(app: str, environment: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    """Serve `app` on a free port until the block ends; only the process started here is stopped."""
    port = free_port()
    command = [sys.executable, "-c", SERVE, app, str(port)]
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True)
    try:
        wait_for(port, app)
        yield port, psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)


def wait_for(port: int, name: str) -> None:
    """Return once the port accepts connections. Raises RuntimeError if it doesn't in time."""
    for _ in range(int(PATIENCE / 0.05)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{name} did not come up")


@contextmanager
def command(environment: dict[str, str], *words: str) -> Iterator[None]:
    """Run a command of the product until the block ends."""
    line = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    child = subprocess.Popen(line, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True)
    try:
        yield
    finally:
        child.terminate()
        child.wait(30)
