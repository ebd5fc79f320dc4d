"""Web and worker as processes forked from one that has loaded the app: for `readers-asked serve`, `web` and `make run`.
One that is killed is restarted at once; if one exits by itself, all are stopped."""

import gc
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkProcess

from flask import Flask

from ..db.engine import Database
from ..watching import metrics
from ..web import static_files
from . import page_server, worker

PATIENCE = 10.0  # seconds that web and worker get to finish
FORK = multiprocessing.get_context("fork")

Work = Callable[[], None]


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


def serve(app: Flask, on_ready: Callable[[], None] = lambda: None, *, with_worker: bool) -> int:
    """Serve the pages of an app, optionally with its worker, until stopped (see `run`). Return the exit status."""
    static_files.current()  # load the files once, for all forked processes
    with (
        metrics.share_metrics(app.config),
        page_server.listen(app.config["BIND_ADDRESS"], app.config["PORT"]) as listener,
    ):
        works: dict[str, Work] = {
            f"web {number}": lambda: page_server.serve(app, listener)
            for number in range(1, app.config["WEB_CONCURRENCY"] + 1)
        }
        if with_worker:
            works["worker"] = lambda: worker.run(app)
        database: Database = app.extensions["database"]

        def greet() -> None:
            on_ready()
            database.close()  # forked processes, now or later, must not share a connection

        database.close()
        return run(works, greet)


def run(works: Mapping[str, Work], on_ready: Callable[[], None] = lambda: None) -> int:
    """Run each function in a process of its own; stop all on Ctrl-C, on SIGTERM, when the terminal is closed, or when
    one of them exits by itself. `on_ready` is called once all have started. Return the exit status.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # HUP: the terminal was closed
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: stopped.set())
    gc.collect()
    gc.freeze()  # what is loaded by now stays shared with the forked processes
    children = {name: _start(name, work) for name, work in works.items()}
    try:
        on_ready()
        return _watch(works, children, stopped)
    finally:
        _stop(list(children.values()))


def _start(name: str, work: Work) -> ForkProcess:
    child = FORK.Process(target=_begin, args=(work,), name=name)
    child.start()
    return child


def _begin(work: Work) -> None:
    # In a session of its own, so that Ctrl-C only reaches the parent, which then stops all in order.
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    work()


def _watch(works: Mapping[str, Work], children: dict[str, ForkProcess], stop_event: threading.Event) -> int:
    """Restart killed processes. Return 0 once `stop_event` is set, or 1 when a process exits by itself."""
    while not stop_event.wait(0.1):
        for name, child in children.items():
            if (status := child.exitcode) is None:
                continue
            if status >= 0:
                say(f"{name} ended by itself (status {status}), so everything stops.")
                return 1
            say(f"{name} was killed (signal {-status}) and is started again.")
            children[name] = _start(name, works[name])
    return 0


def _stop(children: Sequence[ForkProcess]) -> None:
    """Terminate each process, and kill those still running after `PATIENCE`."""
    for child in children:
        child.terminate()
    until = time.monotonic() + PATIENCE
    for child in children:
        child.join(max(0.0, until - time.monotonic()))
        if child.is_alive():
            child.kill()
            child.join()
