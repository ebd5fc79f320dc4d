"""A small closed-loop HTTP client: threads, each with a connection of its own, for a number of seconds."""

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import psutil

MIN_FINISHED = 2  # a round with fewer finished requests counts as failed
WARM_UP_RUNS, WARM_UP_SECONDS = 12, 0.05  # before the first round, and seconds of each


@dataclass(frozen=True)
class Call:
    """A request: a POST if it has a body, otherwise a GET. `etag` makes it conditional."""

    path: str
    body: str | None = None
    cookie: str | None = None
    expected_status: int = 200
    etag: str | None = None
    accept: str | None = None


@dataclass(frozen=True)
class LoadResult:
    """The result of a run.

    `cpu_ms` is the CPU time of the server's processes per finished request, `p50` and `p99` are latencies, all in
    milliseconds.
    """

    failures: int
    per_second: float
    cpu_ms: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Pace:
    """The number of rounds, and the seconds of each."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Contender:
    """A server at a port, and the requests to it."""

    port: int
    process: psutil.Process
    calls: Iterator[Call]


def sum_cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and all its descendants."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


def run_load(port: int, process: psutil.Process, calls: Iterator[Call], clients: int, seconds: float) -> LoadResult:
    """Make the requests of the iterator, which all clients share, until the time is over or it ends.

    The CPU time is that of `process` and its descendants.
    """
    lock, deadline = threading.Lock(), time.monotonic() + seconds
    latencies: list[float] = []
    failures = 0

    def run_client() -> None:
        nonlocal failures
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < deadline:
            with lock:
                call = next(calls, None)
            if call is None:
                return
            start = time.perf_counter()
            is_expected = _send(connection, call)
            latency = (time.perf_counter() - start) * 1000
            with lock:
                if is_expected:
                    latencies.append(latency)
                else:
                    failures += 1

    cpu_before, start = sum_cpu_seconds(process), time.monotonic()
    threads = [threading.Thread(target=run_client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.monotonic() - start, sum_cpu_seconds(process) - cpu_before
    finished = len(latencies)
    cuts = quantiles(latencies, n=100) if finished > 1 else [0.0] * 99
    if finished < MIN_FINISHED:
        failures += 1
    return LoadResult(failures, finished / wall, 1000 * cpu / max(finished, 1), cuts[49], cuts[98])


def _send(connection: http.client.HTTPConnection, call: Call) -> bool:
    """Make a request; return whether the response has the expected status."""
    headers = {"Cookie": call.cookie} if call.cookie else {}
    headers |= {"If-None-Match": call.etag} if call.etag else {}
    headers |= {"Accept": call.accept} if call.accept else {}
    if call.body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("POST" if call.body is not None else "GET", call.path, call.body, headers)
        response = connection.getresponse()
        response.read()
        return response.status == call.expected_status
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


def median_result(results: Sequence[LoadResult]) -> LoadResult:
    """Return the median of each value, and the sum of failed requests."""
    return LoadResult(
        failures=sum(result.failures for result in results),
        per_second=median(result.per_second for result in results),
        cpu_ms=median(result.cpu_ms for result in results),
        p50=median(result.p50 for result in results),
        p99=median(result.p99 for result in results),
    )


def _warm_up(contender: Contender, clients: int) -> None:
    """Warm up every process of a server. A connection stays with one process, so this takes many connections."""
    for _ in range(WARM_UP_RUNS):
        run_load(contender.port, contender.process, contender.calls, clients, WARM_UP_SECONDS)


def interleave(pace: Pace, clients: int, *contenders: Contender) -> list[LoadResult]:
    """Run the contenders in turn, round after round, since the machine's speed drifts. Return the medians of each."""
    for contender in contenders:
        _warm_up(contender, clients)
    results: list[list[LoadResult]] = [[] for _ in contenders]
    for _ in range(pace.rounds):
        for number, contender in enumerate(contenders):
            result = run_load(contender.port, contender.process, contender.calls, clients, pace.seconds)
            results[number].append(result)
    return [median_result(rounds) for rounds in results]
