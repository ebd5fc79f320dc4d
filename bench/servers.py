"""Servers to measure: the product and the floor, under the same gunicorn settings, on loopback."""

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
SETTINGS = ("--worker-class", "gthread", "--workers", "2", "--threads", "8", "--log-level", "error")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def gunicorn(app: str, environment: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    """Serve `app` on a free port until the block ends; only the process started here is stopped."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", *SETTINGS, "--bind", f"127.0.0.1:{port}", app]
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{app} did not come up")
        yield port, psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)
