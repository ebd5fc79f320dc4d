"""A small closed-loop HTTP client: threads, each with a connection of its own, for a number of seconds."""

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import psutil

LEAST = 2  # requests finished in a round; with fewer it counts as failed
WARM, FIRST = 12, 0.05  # warm-up runs before the first round, and seconds of each


@dataclass(frozen=True)
class Call:
    path: str
    body: str | None = None
    cookie: str | None = None
    expect: int = 200
    tag: str | None = None  # the ETag of a page that the client has already
    accept: str | None = None


@dataclass(frozen=True)
class Result:
    """The result of a run. `cpu_ms` is the CPU time of the server's processes for each finished request; latencies are
    in milliseconds.
    """

    done: int
    failed: int
    per_second: float
    cpu_ms: float
    p50: float
    p99: float
    size: int


@dataclass(frozen=True)
class Pace:
    """The number of rounds, and the seconds of each."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Contender:
    """A server at a port, and the requests to it."""

    port: int
    server: psutil.Process
    calls: Iterator[Call]


def _cpu_seconds(server: psutil.Process) -> float:
    family = [server, *server.children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in family)


def run(port: int, server: psutil.Process, calls: Iterator[Call], clients: int, seconds: float) -> Result:
    """Make the requests of the iterator, which all clients share, until the time is over or it ends."""
    lock, until = threading.Lock(), time.monotonic() + seconds
    spent: list[float] = []
    counts = {"failed": 0, "size": 0}

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < until:
            with lock:
                call = next(calls, None)
            if call is None:
                return
            began = time.perf_counter()
            size, right = _make(connection, call)
            took = (time.perf_counter() - began) * 1000
            with lock:
                if right:
                    spent.append(took)
                    counts["size"] = size
                else:
                    counts["failed"] += 1

    before, began = _cpu_seconds(server), time.monotonic()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.monotonic() - began, _cpu_seconds(server) - before
    done = len(spent)
    cuts = quantiles(spent, n=100) if done > 1 else [0.0] * 99
    failed = counts["failed"] + (done < LEAST)
    return Result(done, failed, done / wall, 1000 * cpu / max(done, 1), cuts[49], cuts[98], counts["size"])


def _make(connection: http.client.HTTPConnection, call: Call) -> tuple[int, bool]:
    headers = {"Cookie": call.cookie} if call.cookie else {}
    headers |= {"If-None-Match": call.tag} if call.tag else {}
    headers |= {"Accept": call.accept} if call.accept else {}
    if call.body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("POST" if call.body is not None else "GET", call.path, call.body, headers)
        response = connection.getresponse()
        size = len(response.read())
        return size, response.status == call.expect
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0, False


def middle(results: Sequence[Result]) -> Result:
    """Return the median of each value, and the sums of finished and failed requests."""
    values = {name: median(getattr(one, name) for one in results) for name in ("per_second", "cpu_ms", "p50", "p99")}
    done, failed = sum(one.done for one in results), sum(one.failed for one in results)
    return Result(done, failed, **values, size=results[-1].size)


def _warm(one: Contender, clients: int) -> None:
    """Warm up every process of a server. A connection stays with one process, so this takes many connections."""
    for _ in range(WARM):
        run(one.port, one.server, one.calls, clients, FIRST)


def interleave(pace: Pace, clients: int, *contenders: Contender) -> list[Result]:
    """Run the contenders in turn, round after round, since the machine's speed drifts. Return the medians of each."""
    for one in contenders:
        _warm(one, clients)
    rounds = [
        [run(one.port, one.server, one.calls, clients, pace.seconds) for one in contenders] for _ in range(pace.rounds)
    ]
    return [middle([each[number] for each in rounds]) for number in range(len(contenders))]
