"""Benchmarks of the whole service as a newsroom starts it, web and worker together: its memory, the time to its first
response, also after its web process was killed, and its size on disk."""

import re
import tempfile
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from .goals import FigureKey, Figures, Measurement
from .load_client import sum_cpu_seconds
from .newsroom_data import fill_newsroom
from .request_builders import list_reader_calls
from .run_options import RunOptions, server_settings
from .servers import ROOT, START_TIMEOUT, find_free_port, run_command
from .temporary_databases import DATABASE_NAMES, filled_databases

REQUESTS_PER_PAGE = 20  # before memory is measured


class ServiceFigures(NamedTuple):
    """The figures of one start of the service: seconds, CPU seconds, megabytes of all processes, and seconds."""

    start: float
    start_cpu: float
    memory: float
    recovery: float

    def by_goal(self) -> dict[str, float]:
        return {"start": self.start, "start-cpu": self.start_cpu, "memory": self.memory, "recovery": self.recovery}


def measure(options: RunOptions) -> Figures:
    """Measure at the smallest size, since the figures don't depend on the amount of data."""
    figures: Figures = {}
    for kind in options.databases:
        with (
            filled_databases(options.with_smallest_size(), kind, "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        ):
            for size, url in urls.items():
                settings = server_settings(url, folder) | {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
                paths = [call.path for _, call in list_reader_calls(settings)]
                _measure_start(settings, paths)  # compiles the bytecode, which normally exists from an earlier start
                rounds = [_measure_start(settings, paths).by_goal() for _ in range(options.pace.rounds)]
                for key in rounds[0]:
                    values = [figures_of_round[key] for figures_of_round in rounds]
                    figures[FigureKey(key, DATABASE_NAMES[kind], size)] = Measurement(median(values))
                    formatted_values = " ".join(f"{value:.2f}" for value in values)
                    options.write_line(f"serve, {DATABASE_NAMES[kind]}: {key} {formatted_values}")
        installed = Measurement(_measure_installation())
        figures[FigureKey("installed", DATABASE_NAMES[kind], options.sizes[0])] = installed
    return figures


def _measure_start(settings: dict[str, str], paths: list[str]) -> ServiceFigures:
    """Start the service, request the pages, kill its web process, and wait until it responds again."""
    port = find_free_port()
    # An empty PYTHONDONTWRITEBYTECODE is the same as none.
    environment = settings | {"PORT": str(port), "WEB_CONCURRENCY": "1", "PYTHONDONTWRITEBYTECODE": ""}
    with run_command(environment, "serve", is_quiet=True) as server:
        start = _wait_for_response(port, server)
        start_cpu = sum_cpu_seconds(server)
        for path in paths * REQUESTS_PER_PAGE:
            if not _is_served(port, path):
                raise RuntimeError(f"{path} was not answered")
        processes = (server, *server.children(recursive=True))
        memory = sum(process.memory_full_info().pss for process in processes) / 1e6
        web_process = min(server.children(), key=psutil.Process.create_time)  # it is started first
        web_process.kill()
        return ServiceFigures(start, start_cpu, memory, _wait_for_response(port, server))


def _wait_for_response(port: int, server: psutil.Process) -> float:
    """Return the seconds until the service responds. Raises RuntimeError if it ends or takes too long."""
    start = time.monotonic()
    while not _is_served(port, "/healthz"):
        if server.status() == psutil.STATUS_ZOMBIE or time.monotonic() > start + START_TIMEOUT:
            raise RuntimeError("serve did not come up")
        time.sleep(0.01)
    return time.monotonic() - start


def _measure_installation() -> float:
    """Return the size of the product and its dependencies on disk, in megabytes, without bytecode."""
    requirements = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    required_names = set(re.findall(r"(?m)^([a-z0-9._-]+)==", requirements))
    installed = {re.sub(r"[._]", "-", package.metadata["Name"].lower()): package for package in distributions()}
    files: list[Path] = []
    for name in required_names & installed.keys():
        package = installed[name]
        files += (Path(str(package.locate_file(file))) for file in package.files or ())
    for folder in ("app", "demo", "docs", "migrations"):
        files += (ROOT / folder).rglob("*")
    return sum(file.stat().st_size for file in files if file.suffix != ".pyc" and file.is_file()) / 1e6


def _is_served(port: int, path: str) -> bool:
    """Return whether the service responds with status 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with suppress(OSError, HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False
