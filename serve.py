"""`make run`: a newsroom to try out, from an empty folder to a page in the browser, in one command.

Migrates the database, fills an empty one with the demo newsroom, starts web and worker, prints where to go, and stops
both together.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("READERS_ASKED_ENV", "demo")

import config as configuration
from app.db import Database
from app.migrate import migrate
from app.seal import Keys
from demo.doors import doors
from demo.load import is_loaded, load

ROOT = Path(__file__).parent
PATIENCE = 10.0  # seconds that web and worker have to finish what they are doing

COMMANDS = {
    "web": (sys.executable, "-m", "gunicorn", "wsgi:app"),
    "worker": (sys.executable, "-m", "flask", "--app", "wsgi", "worker"),
}


def say(text: str = "") -> None:
    print(text, flush=True)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def progress(done: int, total: int) -> None:
    """A line that grows in a terminal; in a log every tenth part is a line of its own."""
    if sys.stdout.isatty():
        print(
            f"\r  a year of the demo newsroom: {done * 100 // total} %", end="\n" if done == total else "", flush=True
        )
    elif done * 10 // total > (done - 1) * 10 // total:
        say(f"  a year of the demo newsroom: {done * 100 // total} %")


def prepare(database: Database) -> None:
    """Bring the database to the shape of the code; a newsroom that is there stays as it is."""
    migrate(database.url)
    if not is_loaded(database):
        load(database, progress)


def start() -> dict[str, subprocess.Popen[bytes]]:
    """Each in a session of its own: a Ctrl-C in the terminal reaches this process only, which then stops them in
    order."""
    return {name: subprocess.Popen(command, cwd=ROOT, start_new_session=True) for name, command in COMMANDS.items()}


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


def greeting(database: Database, port: int) -> Callable[[], bool]:
    """Prints where to go once the pages answer."""

    def greet() -> bool:
        if not answers(port):
            return False
        found = doors(database)
        width = max(len(label) for label, _ in found)
        say(f"\nReaders Asked runs at {configuration.load()['BASE_URL']}/ (Ctrl-C stops it)\n")
        for label, address in found:
            say(f"  {label.ljust(width)}  {address}")
        say("\nLinks that sign in work once; each start prints new ones.")
        return True

    return greet


def main() -> int:
    port = int(os.environ.setdefault("PORT", "8000"))
    if not is_free(port):
        say(f"Port {port} is in use. Choose another one: make run PORT={port + 1}")
        return 1
    try:
        settings = configuration.load()
    except configuration.Unsafe as unsafe:
        say("The settings can't be used:\n  " + "\n  ".join(unsafe.faults))
        return 2
    database = Database(settings["DATABASE_URL"], Keys(settings["SECRETS"]), settings["BASE_URL"])
    stopped = threading.Event()
    try:
        prepare(database)
    except KeyboardInterrupt:
        say("\nStopped before anything was started.")
        return 130
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # HUP: the terminal was closed
        signal.signal(number, lambda *_: stopped.set())
    children = start()
    try:
        return watch(children, stopped, greeting(database, port))
    finally:
        stop(list(children.values()))
        database.close()
        say("Stopped.")


if __name__ == "__main__":
    sys.exit(main())
