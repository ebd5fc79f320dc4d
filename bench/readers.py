"""Benchmarks of readers' requests: sending a question, with all checks and a durable commit, and reading pages."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlencode

import psutil
from sqlalchemy import update

from app.db.engine import Database
from app.db.public_version import PublicVersion
from demo.scale.people import SLUG

from . import doors, wire
from .databases import NAMES, filled, opened
from .fill import fill_newsroom
from .floor_rows import prepare
from .goals import BY_KEY, Figures, Measured, Place, worst
from .load import Call, Contender, Result, interleave
from .servers import serving
from .surroundings import Run, Say, environment

CLIENTS = 4  # who read at the same time
SENDING = (1, 8, 32)  # who send at the same time
GROWTH = {"submit-growth": "submit-cpu-8", "copies-growth": "copies-cpu", "anew-growth": "anew-cpu"}
Found = dict[str, dict[str, Measured]]  # by the goal's key and by what it was measured at
Served = tuple[int, psutil.Process]


def report(run: Run) -> Figures:
    """Measure in each kind of database, at each size."""
    figures: Figures = {}
    for kind in run.databases:
        with (
            filled(run, kind, "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        ):
            found = {
                size: _of(run, f"{NAMES[kind]}, {size:,}", environment(url, folder), url) for size, url in urls.items()
            }
        for size, goals in found.items():
            grown = growth(found[run.sizes[0]], goals) if size != run.sizes[0] else {}
            for key, each in {**goals, **grown}.items():
                figures[Place(key, NAMES[kind], size)] = worst(each, BY_KEY[key])
    return figures


def growth(small: Found, large: Found) -> Found:
    """Return the goals of growth: the ratio to the floor at this size, with that at the smallest size as its floor."""
    return {
        key: {
            name: Measured(one.ratio or 0.0, small[of][name].ratio, failed=one.failed + small[of][name].failed)
            for name, one in large[of].items()
        }
        for key, of in GROWTH.items()
    }


def _of(run: Run, at: str, settings: dict[str, str], url: str) -> Found:
    database = opened(url)
    prepare(database)
    try:
        with ExitStack() as stack:
            ours = stack.enter_context(serving("wsgi:app", settings))
            floor = stack.enter_context(serving("bench.floor:app", settings))
            run.say(f"\nreaders, {at} questions")
            return {
                **_pages(run, settings, ours, floor, database),
                **_over_the_line(run.say, ours[0]),
                **_sends(run, settings, ours, floor),
            }
    finally:
        database.close()


def shown(say: Say, name: str, ours: Result, floor: Result) -> Measured:
    """Print the figures; return the CPU time with the floor's."""
    failed = ours.failed + floor.failed
    ratio = ours.cpu_ms / max(floor.cpu_ms, 0.01)
    say(
        f"{name:<34} {ours.per_second:>6.0f}/s {ours.cpu_ms:>6.2f} ms CPU p50 {ours.p50:>5.1f} p99 {ours.p99:>6.1f} ms"
        f"   floor {floor.per_second:>5.0f}/s {floor.cpu_ms:>5.2f} ms CPU  p99 {floor.p99:>6.1f}  CPU x{ratio:.2f}"
        + (f"   FAILED {failed}" if failed else "")
    )
    return Measured(ours.cpu_ms, floor.cpu_ms, failed=failed)


def _sends(run: Run, settings: dict[str, str], ours: Served, floor: Served) -> Found:
    found, asked = Found(), sends(settings)
    bare = (Call("/insert", urlencode({"body": f"Why is it so? {n}"})) for n in itertools.count())
    for clients in SENDING:
        one, other = interleave(run.pace, clients, Contender(*ours, asked), Contender(*floor, bare))
        cost = shown(run.say, f"Send, {clients} clients", one, other)
        found[f"submit-cpu-{clients}"] = {"": cost}
    found["submit-rate"] = {"": Measured(one.per_second, other.per_second, failed=cost.failed)}
    found["submit-p99"] = {"": Measured(one.p99, failed=cost.failed)}
    return found


def sends(settings: dict[str, str]) -> Iterator[Call]:
    """Yield requests that send a question, each with another text and token."""
    return (Call(f"/{SLUG}/ask", doors.ask_form(settings, number)) for number in itertools.count())


def _pages(run: Run, settings: dict[str, str], ours: Served, floor: Served, database: Database) -> Found:
    found = Found()

    def beside(key: str, name: str, clients: int, calls: Iterator[Call], bare: str) -> None:
        contenders = Contender(*ours, calls), Contender(*floor, itertools.repeat(Call(bare)))
        found.setdefault(key, {})[name] = shown(run.say, f"{key}: {name}", *interleave(run.pace, clients, *contenders))

    for name, call in doors.unchanged(settings):
        beside("unchanged-cpu", name, CLIENTS, itertools.repeat(call), "/")
    for name, call in doors.pages(settings):
        beside("copies-cpu", name, CLIENTS, itertools.repeat(call), "/")
    for name, call in doors.pages(settings):
        beside("anew-cpu", name, 1, changing(database, call), "/rows")
    return found


def changing(database: Database, call: Call) -> Iterator[Call]:
    """Yield the same request again and again, and invalidate all cached pages before each."""
    while True:
        database.write(lambda session: session.execute(update(PublicVersion).values(version=token_hex(16))))
        yield call


def _over_the_line(say: Say, port: int) -> Found:
    found = Found()
    for name, path in (("ask", f"/{SLUG}/ask"), ("archive", f"/{SLUG}/answers")):
        size, requests = wire.loaded(port, path)
        say(f"{name}: {size:,} bytes in {requests} requests")
        found[f"{name}-bytes"] = {"": Measured(size / 1000)}
        if name == "ask":
            found["ask-requests"] = {"": Measured(requests)}
    return found
