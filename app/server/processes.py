"""Web and worker as child processes, for `readers-asked serve`, `readers-asked web` and `make run`.

The parent loads the app and forks. A child that is killed is restarted at once. If a child exits by itself, all are
stopped.
"""

import gc
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.context import ForkProcess

from flask import Flask

from ..db.engine import Database
from ..letters.flood_ranking import load_tables
from ..watching import metrics
from ..web import static_files
from ..web.body_limits import get_body_limit
from . import page_server, worker

STOP_TIMEOUT = 10.0  # seconds that web and worker get to finish
FORK = multiprocessing.get_context("fork")

Target = Callable[[], None]  # what a child process runs


def say(text: str = "") -> None:
    print(text, flush=True)


def is_free(port: int) -> bool:
    """Return whether no program listens at this port of 127.0.0.1. Return False for an invalid port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def serve(app: Flask, on_ready: Callable[[], None] = lambda: None, *, with_worker: bool) -> int:
    """Serve the pages of an app, optionally with its worker, until stopped (see `run`). Return the exit status.

    `on_ready` is called once all processes have started.
    """
    static_files.current_version()  # load the files once, for all child processes
    load_tables()
    with (
        metrics.share_metrics(app.config),
        page_server.listen(app.config["BIND_ADDRESS"], app.config["PORT"]) as listener,
    ):
        targets: dict[str, Target] = {
            f"web {number}": lambda: page_server.serve(app, listener, partial(get_body_limit, app))
            for number in range(1, app.config["WEB_CONCURRENCY"] + 1)
        }
        if with_worker:
            targets["worker"] = lambda: worker.run(app)
        database: Database = app.extensions["database"]

        def notify_ready() -> None:
            on_ready()
            database.close()  # children that are started again must not inherit connections either

        database.close()  # the children must not inherit its connections
        return run(targets, notify_ready)


def run(targets: Mapping[str, Target], on_ready: Callable[[], None] = lambda: None) -> int:
    """Run each function in a process of its own, until all are stopped. Return the exit status.

    `on_ready` is called once all have started. They are stopped on Ctrl-C, on SIGTERM, when the terminal is closed, or
    when one of them exits by itself.
    """
    stop_event = threading.Event()
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it, so that we outlive the terminal
        signals.append(signal.SIGHUP)  # the terminal was closed
    for signal_number in signals:
        signal.signal(signal_number, lambda *_: stop_event.set())
    gc.collect()
    gc.freeze()  # everything that is loaded by now stays in memory that the children share
    children = {name: _start(name, target) for name, target in targets.items()}
    try:
        on_ready()
        return _supervise(targets, children, stop_event)
    finally:
        _stop(list(children.values()))


def _start(name: str, target: Target) -> ForkProcess:
    child = FORK.Process(target=_run_child, args=(target,), name=name)
    child.start()
    return child


def _run_child(target: Target) -> None:
    # Run in a new session, so that Ctrl-C only reaches the parent, which then stops its children in order.
    os.setsid()
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, signal.SIG_DFL)
    target()


def _supervise(targets: Mapping[str, Target], children: dict[str, ForkProcess], stop_event: threading.Event) -> int:
    """Restart killed processes. Return 0 once `stop_event` is set, or 1 when a process exits by itself."""
    while not stop_event.wait(0.1):
        for name, child in children.items():
            status = child.exitcode
            if status is None:  # it is running
                continue
            if status >= 0:  # it ended by itself; after a kill, the status is the negative number of the signal
                say(f"{name} ended by itself (status {status}), so everything stops.")
                return 1
            say(f"{name} was killed (signal {-status}) and is started again.")
            children[name] = _start(name, targets[name])
    return 0


def _stop(children: Sequence[ForkProcess]) -> None:
    """Terminate all processes, and kill those still running after `STOP_TIMEOUT`."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
        if child.is_alive():
            child.kill()
            child.join()
