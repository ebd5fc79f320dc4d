"""`python -m bench.launch`: the load that one machine bears on a launch day.

50,000 submissions in an hour are 14 a second. Readers come whether or not those before them have been answered: each
opens the form and sends it, from an address of their own, with the limits on, to `serve` as it is shipped (pages and
worker). The rate is raised until the slowest hundredth waits for more than a second or something fails. For each rate
it prints the latency of the form and of Send, the share of a core that pages, worker, database and clients used,
commits, and bytes written.
"""

import argparse
import os
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import psutil
import psycopg
from sqlalchemy import make_url

from app.db.migrate import migrate
from demo.scale.long_road import SLUG
from tests.support import postgres

from .newsroom_data import fill_newsroom, write_letter
from .request_builders import ASK_PATH
from .run_options import describe_machine, print_line, server_settings
from .servers import Server, find_free_port, run_command
from .temporary_databases import open_database

RATES = (14, 20, 30, 40, 60, 80, 120)
MAX_LATENCY = 1_000.0  # milliseconds
QUESTIONS = 1_000  # in the database beforehand
READERS_PER_RATE = 10_000  # numbers of readers reserved for each rate, which makes their letters differ
SYNCS = 200
START_TIMEOUT = 60  # seconds
_FORM_TOKEN = re.compile(r'name="form" value="([^"]+)"')
ROLES = ("pages", "worker", "database", "readers")


@dataclass
class LaunchTimings:
    """The responses of one rate: their number by status, and the latencies of form and Send in milliseconds."""

    responses: Counter[int] = field(default_factory=Counter)
    forms: list[float] = field(default_factory=list)
    sends: list[float] = field(default_factory=list)


def measure_syncs_per_second(folder: str) -> float:
    """Return how often per second this disk can sync a page, which is what a commit waits for."""
    with open(f"{folder}/sync", "wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(SYNCS):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
    return SYNCS / (time.perf_counter() - start)


def _request_page(port: int, address: str, path: str, body: str | None = None) -> tuple[int, str]:
    """Return status and text of a page that is requested from an address; status 0 if there is no response."""
    headers = {"X-Forwarded-For": address, "Host": f"127.0.0.1:{port}", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()


def _visit(port: int, number: int, due: float, timings: LaunchTimings) -> None:
    """Open and send the form as reader `number`, who was due to come at `due`."""
    rng = random.Random(number)
    address = f"203.0.{rng.randrange(200)}.{1 + rng.randrange(250)}"
    status, page = _request_page(port, address, ASK_PATH)
    timings.forms.append((time.perf_counter() - due) * 1000)
    token = _FORM_TOKEN.search(page)
    if token is None:
        timings.responses[status] += 1
        return
    fields = {"form": token[1], "body": write_letter(number), "then": "send"}
    if number % 2:
        fields |= {"hear_back": "while", "email_while": f"reader{number}@post.example"}
    start = time.perf_counter()
    status, _page = _request_page(port, address, f"/{SLUG}/send", urlencode(fields))
    timings.sends.append((time.perf_counter() - start) * 1000)
    timings.responses[status] += 1


def send_visitors(port: int, rate: float, seconds: float, first_number: int) -> LaunchTimings:
    """Let `rate` readers per second come, and wait for all of them."""
    timings, start, readers = LaunchTimings(), time.perf_counter(), list[threading.Thread]()
    for index in range(int(rate * seconds)):
        due = start + index / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        reader = threading.Thread(target=_visit, args=(port, first_number + index, due, timings))
        reader.start()
        readers.append(reader)
    for reader in readers:
        reader.join()
    return timings


class ProcessMeter:
    """Reads the counters of the product, its database and the clients.

    The keys of a reading are the roles, with their CPU seconds; `at`, the time in seconds; `written`, the bytes that
    all but the clients wrote; `size`, the bytes of the database; and on PostgreSQL `commits` and `wal`, in bytes.
    """

    def __init__(self, server: psutil.Process, url: str) -> None:
        self._server, self._url = server, url
        self._own_process = psutil.Process()

    def _list_processes(self) -> dict[str, list[psutil.Process]]:
        """Return the processes by role."""
        *web_processes, worker = sorted(self._server.children(), key=lambda child: child.pid)  # the worker starts last
        processes = {"pages": [self._server, *web_processes], "worker": [worker, *worker.children(True)]}
        if not self._url.startswith("sqlite"):
            data_folder = self._query("SHOW data_directory")
            pid = int(Path(str(data_folder), "postmaster.pid").read_text().split()[0])
            postmaster = psutil.Process(pid)
            processes["database"] = [postmaster, *postmaster.children()]
        return processes | {"readers": [self._own_process]}

    def _query(self, query: str) -> object:
        with psycopg.connect(postgres.to_psycopg_url(self._url)) as connection:
            row = connection.execute(query).fetchone()
        return row and row[0]

    def read(self) -> dict[str, float]:
        reading: dict[str, float] = {"written": 0.0, "at": time.monotonic()}
        for role, processes in self._list_processes().items():
            reading[role] = 0.0
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    reading[role] += sum(process.cpu_times()[:2])
                    if role != "readers":
                        reading["written"] += process.io_counters().write_bytes
        if self._url.startswith("sqlite"):
            file = Path(str(make_url(self._url).database))
            reading["size"] = sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))
        else:
            reading["size"] = float(str(self._query("SELECT pg_database_size(current_database())")))
            # A backend reports its ended transactions with a delay of up to a second.
            commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            reading["commits"] = float(str(self._query(commits)))
            reading["wal"] = float(str(self._query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")))
        return reading


def print_rate(rate: float, timings: LaunchTimings, start: dict[str, float], end: dict[str, float]) -> bool:
    """Print the cost of a rate, between two readings; return whether everything was answered in time."""
    spent = {name: end[name] - start[name] for name in end}
    stored = max(1, timings.responses[200])
    send_cuts, form_cuts = _percentiles(timings.sends), _percentiles(timings.forms)
    shares = "  ".join(
        f"{role} {100 * spent[role] / spent['at']:.0f} % ({1000 * spent[role] / stored:.1f} ms)"
        for role in ROLES
        if role in spent
    )
    commits = ""
    if "wal" in spent:
        commits = f"  {spent['commits'] / spent['at']:.0f} transactions/s, WAL {spent['wal'] / stored:,.0f} B each"
    print_line(
        f"{rate:>4.0f}/s  Send p50 {send_cuts[49]:>6.1f} p99 {send_cuts[98]:>7.1f} ms"
        f"  form p50 {form_cuts[49]:>6.1f} p99 {form_cuts[98]:>7.1f} ms  of a core (each): {shares}{commits}"
        f"  written {spent['written'] / stored:,.0f} B, grown {spent['size'] / stored:,.0f} B"
        f"  {dict(timings.responses)}"
    )
    return set(timings.responses) == {200} and send_cuts[98] <= MAX_LATENCY and form_cuts[98] <= MAX_LATENCY


def _percentiles(latencies: list[float]) -> list[float]:
    return quantiles(latencies, n=100) if len(latencies) > 1 else [0.0] * 99


@contextmanager
def serve_product(settings: dict[str, str]) -> Iterator[Server]:
    """Run `serve` until the block ends, and wait until it serves the form."""
    port = find_free_port()
    with run_command({**settings, "PORT": str(port)}, "serve", is_quiet=True) as process:
        deadline = time.monotonic() + START_TIMEOUT
        while _request_page(port, "203.0.0.1", ASK_PATH)[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError("it did not come up")
            time.sleep(0.2)
        yield Server(port, process)


def run_rates(url: str, folder: str, redis: str, seconds: float, rates: Sequence[float]) -> None:
    """Fill the database at `url`, and print the cost of each rate, up to the first that is too high."""
    settings = server_settings(url, folder)
    settings |= {"LIMITS": "1", "TRUSTED_PROXIES": "1", "ERASURES": f"{folder}/erasures"}
    if redis:
        settings["REDIS_URL"] = redis
    migrate(url)
    database = open_database(url)
    fill_newsroom(database, QUESTIONS)
    database.close()
    name, syncs = make_url(url).get_backend_name(), measure_syncs_per_second(folder)
    print_line(f"\n{name}; this disk writes {syncs:.0f} times a second for good")
    with serve_product(settings) as server:
        meter = ProcessMeter(server.process, url)
        send_visitors(server.port, 5, 4, first_number=1)  # warms up
        for number, rate in enumerate(rates):
            start = meter.read()
            duration = seconds if number == 0 else seconds / 2
            timings = send_visitors(server.port, rate, duration, first_number=1 + (number + 1) * READERS_PER_RATE)
            if not print_rate(rate, timings, start, meter.read()):
                break


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.launch", description=__doc__)
    parser.add_argument("--database", help="an empty PostgreSQL database; the default is a new SQLite file")
    parser.add_argument("--redis", default="", help="REDIS_URL, with which two processes serve")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the first rate; half as long for the others")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    arguments = parser.parse_args()
    print_line(describe_machine())
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        url = arguments.database or f"sqlite:///{folder}/launch.db"
        run_rates(url, folder, arguments.redis, arguments.seconds, arguments.rates)


if __name__ == "__main__":
    main()
