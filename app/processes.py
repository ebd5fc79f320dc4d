"""Web and worker as two processes that live and end together: what `readers-asked serve` and `make run` start."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from config import ROOT

PATIENCE = 10.0  # seconds that web and worker have to finish what they are doing
COMMANDS = {
    # -P: the folder that this is started in is nobody's to import from.
    "web": (sys.executable, "-P", "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app"),
    "worker": (sys.executable, str(ROOT), "worker"),
}


def say(text: str = "") -> None:
    print(text, flush=True)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start() -> dict[str, subprocess.Popen[bytes]]:
    """Each in a session of its own: a Ctrl-C in the terminal reaches this process only, which then stops them in
    order."""
    return {name: subprocess.Popen(command, start_new_session=True) for name, command in COMMANDS.items()}


def stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask each to end, and insist after `PATIENCE`."""
    for child in children:
        child.terminate()
    until = time.monotonic() + PATIENCE
    for child in children:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def watch(children: dict[str, subprocess.Popen[bytes]], stopped: threading.Event, ready: Callable[[], bool]) -> int:
    """Wait until somebody stops us (0) or one of the two ends by itself (1), which then ends the other."""
    is_ready = False
    while not stopped.wait(0.1):
        for name, child in children.items():
            if (status := child.poll()) is not None:
                say(f"{name} ended by itself (status {status}), so everything stops.")
                return 1
        is_ready = is_ready or ready()
    return 0


def run(ready: Callable[[], bool]) -> int:
    """Start both and stop both: at Ctrl-C, at SIGTERM, when the terminal is closed, or when one of them ends.

    `ready` is asked until it returns True, and says where to go. Returns the status to end with.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # HUP: the terminal was closed
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: stopped.set())
    children = start()
    try:
        return watch(children, stopped, ready)
    finally:
        stop(list(children.values()))
        say("Stopped.")
