"""The product as it runs: gunicorn and the worker as processes of their own, on a free port of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent.parent
START = 60.0  # seconds that a server may take until it answers
PATIENCE = 20.0  # seconds that a process may take to come up or to do what is waited for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(database_url: str, mail_folder: Path, secret_keys: str) -> Iterator[str]:
    """Web and worker until the block ends; gives the address of the site."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ, "READERS_ASKED_ENV": "demo", "DATABASE_URL": database_url, "BASE_URL": base_url, "PORT": str(port),
        "MAIL_FOLDER": str(mail_folder), "SECRET_KEYS": secret_keys, "LIMITS": "0",
    }  # fmt: skip
    commands = (["-m", "gunicorn", "wsgi:app"], ["-m", "flask", "--app", "wsgi", "worker"])
    children = [
        subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, start_new_session=True)
        for command in commands
    ]
    try:
        until = time.monotonic() + START
        while not _answers(f"{base_url}/healthz"):
            assert time.monotonic() < until, "the server did not come up"
            time.sleep(0.05)
        yield base_url
    finally:
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            child.wait(PATIENCE)


def _answers(address: str) -> bool:
    """An open port is not enough: gunicorn listens before its process has loaded the product."""
    with suppress(OSError), urlopen(address, timeout=START) as page:  # noqa: S310 - an address of ours
        return bool(page.status == 200)
    return False
