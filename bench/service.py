"""Benchmarks of the whole service as a newsroom starts it, web and worker together: its memory, the time to its first
response, also after its web process was killed, and its size on disk."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from importlib.metadata import distributions
from pathlib import Path
from statistics import median

import psutil

from . import doors
from .databases import NAMES, filled
from .fill import fill_newsroom
from .goals import Figures, Measured, Place
from .servers import PATIENCE, ROOT, free_port
from .surroundings import Run, environment

MEASURED = ("start", "start-cpu", "memory", "recovery")
TIMES = 20  # requests for each page before memory is measured


def report(run: Run) -> Figures:
    """Measure at the smallest size, since the figures don't depend on the amount of data."""
    figures: Figures = {}
    for kind in run.databases:
        with (
            filled(run.at_the_smallest(), kind, "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        ):
            for size, url in urls.items():
                settings = environment(url, folder) | {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
                paths = [call.path for _, call in doors.pages(settings)]
                _started(settings, paths)  # compiles the bytecode, which normally exists from an earlier start
                taken = [_started(settings, paths) for _ in range(run.pace.rounds)]
                for key, several in zip(MEASURED, zip(*taken, strict=True), strict=True):
                    figures[Place(key, NAMES[kind], size)] = Measured(median(several))
                    run.say(f"serve, {NAMES[kind]}: {key} {' '.join(f'{value:.2f}' for value in several)}")
        figures[Place("installed", NAMES[kind], run.sizes[0])] = Measured(_installed())
    return figures


def _started(settings: dict[str, str], paths: list[str]) -> tuple[float, float, float, float]:
    """Return the seconds and CPU seconds until the first response, the memory of all processes in MB after requests for
    pages, and the seconds until the next response after the web process was killed.
    """
    port = free_port()
    with _serve({**settings, "PORT": str(port), "WEB_CONCURRENCY": "1"}) as server:
        seconds = _until_it_answers(port, server)
        cpu = sum(sum(one.cpu_times()[:2]) for one in (server, *server.children(recursive=True)))
        for path in paths * TIMES:
            if not _answers(port, path):
                raise RuntimeError(f"{path} was not answered")
        family = (server, *server.children(recursive=True))
        memory = sum(one.memory_full_info().pss for one in family) / 1e6
        min(server.children(), key=psutil.Process.create_time).kill()  # the web process, which is started first
        return seconds, cpu, memory, _until_it_answers(port, server)


def _until_it_answers(port: int, server: psutil.Process) -> float:
    began = time.monotonic()
    while not _answers(port, "/healthz"):
        if server.status() == psutil.STATUS_ZOMBIE or time.monotonic() > began + PATIENCE:
            raise RuntimeError("serve did not come up")
        time.sleep(0.01)
    return time.monotonic() - began


def _installed() -> float:
    """Return the size of the product and its dependencies on disk, in megabytes, without bytecode."""
    needed = re.findall(r"(?m)^([a-z0-9._-]+)==", (ROOT / "requirements" / "runtime.txt").read_text("utf-8"))
    named = {re.sub(r"[._]", "-", one.metadata["Name"].lower()): one for one in distributions()}
    libraries = (
        Path(str(one.locate_file(file))) for name in needed if (one := named.get(name)) for file in one.files or ()
    )
    ours = (file for folder in ("app", "demo", "docs", "migrations") for file in (ROOT / folder).rglob("*"))
    return sum(one.stat().st_size for one in (*libraries, *ours) if one.suffix != ".pyc" and one.is_file()) / 1e6


@contextmanager
def _serve(settings: dict[str, str]) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        command, cwd=ROOT, env={**kept, **settings}, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def _answers(port: int, path: str) -> bool:
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    with suppress(OSError, HTTPException):
        line.request("GET", path)
        return line.getresponse().status == 200
    return False
