"""`python -m bench.launch`: what one machine bears on a launch day, 50,000 submissions in an hour being 14 a second.

Readers come whether or not those before them have been answered: each opens the form and sends it, from an address of
their own, with the limits on, to `serve` as it is shipped (pages and worker). The rate is raised until the slowest
hundredth waits for more than a second or something fails. For each rate: how long the answer to Send took from the
moment when it was due, what pages, worker, database and those who ask took of a core, commits, and bytes written.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import psutil
import psycopg
from sqlalchemy import make_url

from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from demo.scale.people import SLUG

from .fill import fill_newsroom, write_letter
from .servers import ROOT, free_port
from .surroundings import SECRET, environment, machine, say

RATES = (14, 20, 30, 40, 60, 80, 120)
SLOW = 1_000.0  # milliseconds
FILLED = 1_000  # questions in the database beforehand
_FORM = re.compile(r'name="form" value="([^"]+)"')
SYNCS = 200


@dataclass
class Came:
    answers: Counter[int] = field(default_factory=Counter)
    forms: list[float] = field(default_factory=list)  # milliseconds
    sends: list[float] = field(default_factory=list)


def syncs_a_second(folder: str) -> float:
    """Return how often per second this disk can sync a page, which is what a commit waits for."""
    with open(f"{folder}/sync", "wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(SYNCS):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
    return SYNCS / (time.perf_counter() - began)


def _ask(port: int, address: str, path: str, body: str | None = None) -> tuple[int, str]:
    headers = {"X-Forwarded-For": address, "Host": f"127.0.0.1:{port}", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET" if body is None else "POST", path, body, headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        line.close()


def _reader(port: int, number: int, due: float, came: Came) -> None:
    rng = random.Random(number)
    address = f"203.0.{rng.randrange(200)}.{1 + rng.randrange(250)}"
    status, page = _ask(port, address, f"/{SLUG}/ask")
    came.forms.append((time.perf_counter() - due) * 1000)
    if (found := _FORM.search(page)) is None:
        came.answers[status] += 1
        return
    text = {"form": found[1], "body": write_letter(number), "then": "send"}
    text |= {"hear_back": "while", "email_while": f"reader{number}@post.example"} if number % 2 else {}
    began = time.perf_counter()
    status, _page = _ask(port, address, f"/{SLUG}/send", urlencode(text))
    came.sends.append((time.perf_counter() - began) * 1000)
    came.answers[status] += 1


def come(port: int, rate: float, seconds: float, first: int) -> Came:
    came, began, readers = Came(), time.perf_counter(), []
    for nth in range(int(rate * seconds)):
        due = began + nth / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        readers.append(one := threading.Thread(target=_reader, args=(port, first + nth, due, came)))
        one.start()
    for one in readers:
        one.join()
    return came


class Meter:
    """Measures processes: their CPU seconds by role, and the bytes that they wrote to disk."""

    def __init__(self, server: psutil.Process, url: str) -> None:
        self._server, self._url = server, url
        self._own = psutil.Process()

    def _parts(self) -> dict[str, list[psutil.Process]]:
        children = sorted(self._server.children(), key=lambda one: one.pid)  # the worker is started last
        parts = {"pages": [self._server, *children[:-1]], "worker": [children[-1], *children[-1].children(True)]}
        if not self._url.startswith("sqlite"):
            data = self._asked("SHOW data_directory")
            number = int(Path(str(data), "postmaster.pid").read_text().split()[0])
            parts["database"] = [psutil.Process(number), *psutil.Process(number).children()]
        return parts | {"readers": [self._own]}

    def _asked(self, query: str) -> object:
        plain = make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            row = connection.execute(query).fetchone()
        return row and row[0]

    def look(self) -> dict[str, float]:
        found: dict[str, float] = {"written": 0.0, "at": time.monotonic()}
        for part, processes in self._parts().items():
            found[part] = 0.0
            for one in processes:
                with suppress(psutil.NoSuchProcess):
                    found[part] += sum(one.cpu_times()[:2])
                    found["written"] += one.io_counters().write_bytes if part != "readers" else 0
        if self._url.startswith("sqlite"):
            place = Path(str(make_url(self._url).database))
            found["size"] = sum(one.stat().st_size for one in place.parent.glob(f"{place.name}*"))
        else:
            found["size"] = float(str(self._asked("SELECT pg_database_size(current_database())")))
            # A backend reports its ended transactions with a delay of up to a second.
            asked = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            found["commits"] = float(str(self._asked(asked)))
            found["wal"] = float(str(self._asked("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")))
        return found


def row(rate: float, came: Came, before: dict[str, float], after: dict[str, float]) -> bool:
    """Print the cost of a rate; return whether everything was answered in time."""
    spent = {name: after[name] - before[name] for name in after}
    stored = max(1, came.answers[200])
    cuts = quantiles(came.sends, n=100) if len(came.sends) > 1 else [0.0] * 99
    form = quantiles(came.forms, n=100) if len(came.forms) > 1 else [0.0] * 99
    parts = [part for part in ("pages", "worker", "database", "readers") if part in spent]
    shares = "  ".join(
        f"{part} {100 * spent[part] / spent['at']:.0f} % ({1000 * spent[part] / stored:.1f} ms)" for part in parts
    )
    commits = ""
    if "wal" in spent:
        commits = f"  {spent['commits'] / spent['at']:.0f} transactions/s, WAL {spent['wal'] / stored:,.0f} B each"
    say(
        f"{rate:>4.0f}/s  Send p50 {cuts[49]:>6.1f} p99 {cuts[98]:>7.1f} ms"
        f"  form p50 {form[49]:>6.1f} p99 {form[98]:>7.1f} ms  of a core (each): {shares}{commits}"
        f"  written {spent['written'] / stored:,.0f} B, grown {spent['size'] / stored:,.0f} B  {dict(came.answers)}"
    )
    return set(came.answers) == {200} and cuts[98] <= SLOW and form[98] <= SLOW


@contextmanager
def served(settings: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve"]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **settings, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while _ask(port, "203.0.0.1", f"/{SLUG}/ask")[0] != 200:
            if time.monotonic() > until:
                raise RuntimeError("it did not come up")
            time.sleep(0.2)
        yield port, psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(30)


def report(url: str, folder: str, redis: str, seconds: float, rates: tuple[float, ...]) -> None:
    settings = environment(url, folder) | {"LIMITS": "1", "TRUSTED_PROXIES": "1", "ERASURES": f"{folder}/erasures"}
    settings |= {"REDIS_URL": redis} if redis else {}
    migrate(url)
    database = Database(url, Keys({1: SECRET}), "http://127.0.0.1")
    fill_newsroom(database, FILLED)
    database.close()
    say(f"\n{make_url(url).get_backend_name()}; this disk writes {syncs_a_second(folder):.0f} times a second for good")
    with served(settings) as (port, server):
        meter, first = Meter(server, url), 1
        come(port, 5, 4, first)
        for number, rate in enumerate(rates):
            first += 10_000
            before = meter.look()
            came = come(port, rate, seconds if number == 0 else seconds / 2, first)
            if not row(rate, came, before, meter.look()):
                break


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.launch", description=__doc__)
    parser.add_argument("--database", help="an empty PostgreSQL database; a new SQLite file if none is named")
    parser.add_argument("--redis", default="", help="REDIS_URL, with which two processes serve")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the first rate; half as long for the others")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    given = parser.parse_args()
    say(machine())
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        url = given.database or f"sqlite:///{folder}/launch.db"
        report(url, folder, given.redis, given.seconds, tuple(given.rates))


if __name__ == "__main__":
    main()
