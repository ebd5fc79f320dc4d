"""`python -m bench`: everything that is measured, or the parts that are named: `python -m bench desk`.

`readers` are submissions against a bare insert and the public pages against a bare page, at 1,000 and 100,000
questions; `desk` the desk's pages at both sizes, `mail` what comes in, `trim` whose words are found, `matching` whether
doubles are, `look-alikes` how many of those shown unasked are false, `languages` whether the language of a sentence is
found. Rounds of what is compared are interleaved, since the machine's speed drifts; the medians' ratio is to be quoted.
"""

import argparse
import base64
import itertools
import os
import platform
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import psutil

from app.db import Database
from app.migrate import migrate
from app.seal import Keys

from . import doors, fill
from .load import Call, Result, run
from .servers import serving

SECRET = bytes(range(32))
ROUNDS, SECONDS = 3, 3.0


def environment(url: str, folder: str) -> dict[str, str]:
    return {
        "READERS_ASKED_ENV": "demo",
        "SECRET_KEYS": "1:" + base64.b64encode(SECRET).decode(),
        "DATABASE_URL": url,
        "BASE_URL": "http://127.0.0.1",
        "MAIL_FOLDER": f"{folder}/mail",
        "LIMITS": "0",
    }


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, client on the same machine"
    )


def say(text: str) -> None:
    print(text, flush=True)


def _median(results: list[Result], value: str) -> float:
    middle: float = median(getattr(result, value) for result in results)
    return middle


def row(name: str, ours: list[Result], floor: list[Result]) -> None:
    failed = sum(result.failed for result in ours + floor)
    rate, base = _median(ours, "per_second"), _median(floor, "per_second")
    cpu, base_cpu = _median(ours, "cpu_ms"), _median(floor, "cpu_ms")
    say(
        f"{name:<38} {rate:>7.0f}/s {cpu:>6.2f} ms CPU  p50 {_median(ours, 'p50'):>6.1f}  p99 "
        f"{_median(ours, 'p99'):>6.1f} ms"
        f"   floor {base:>6.0f}/s {base_cpu:>5.2f} ms CPU   rate x{rate / base:.2f}  CPU x{cpu / base_cpu:.2f}"
        + (f"   FAILED {failed}" if failed else "")
    )


def interleave(
    ours: tuple[int, psutil.Process, Iterator[Call]], floor: tuple[int, psutil.Process, Iterator[Call]], clients: int
) -> tuple[list[Result], list[Result]]:
    run(*ours, clients, 0.5)
    run(*floor, clients, 0.5)
    results: tuple[list[Result], list[Result]] = ([], [])
    for _ in range(ROUNDS):
        results[0].append(run(*ours, clients, SECONDS))
        results[1].append(run(*floor, clients, SECONDS))
    return results


def submissions(url: str, folder: str) -> None:
    """A finished POST of the ask form with all its checks, durable, against one row inserted and committed."""
    settings = environment(url, folder)
    with ExitStack() as stack:
        port, server = stack.enter_context(serving("wsgi:app", settings))
        floor_port, floor = stack.enter_context(serving("bench.floor:app", settings))
        numbers = itertools.count()
        ours = (Call("/river/ask", doors.ask_form(settings, next(numbers))) for _ in itertools.count())
        bare = (Call("/insert", urlencode({"body": f"Why is it so? {n}"})) for n in itertools.count())
        for clients in (1, 8, 32):
            row(f"submit, {clients} clients", *interleave((port, server, ours), (floor_port, floor, bare), clients))


def pages(url: str, folder: str, questions: int) -> None:
    settings = environment(url, folder)
    with ExitStack() as stack:
        port, server = stack.enter_context(serving("wsgi:app", settings))
        floor_port, floor = stack.enter_context(serving("bench.floor:app", settings))
        bare = itertools.repeat(Call("/"))
        for name, call in doors.pages(settings):
            ours = itertools.repeat(call)
            row(f"{name}, {questions:,}", *interleave((port, server, ours), (floor_port, floor, bare), 4))


def fresh(url: str, questions: int) -> None:
    migrate(url)
    database = Database(url, Keys({1: SECRET}), "http://127.0.0.1")
    fill.newsroom(database, questions)
    database.close()


def readers(sizes: list[int], server: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        for size in sizes:
            url = f"sqlite:///{folder}/{size}.db"
            say(f"\nSQLite (WAL, synchronous=FULL), {size:,} questions: filling ...")
            fresh(url, size)
            submissions(url, folder)
            pages(url, folder, size)
        if server:
            say("\nPostgreSQL, 1,000 questions: filling ...")
            fresh(server, 1_000)
            submissions(server, folder)
            pages(server, folder, 1_000)


def report_of(part: str) -> Callable[..., None] | None:
    """What measures a part, if this version has it."""
    if find_spec(f"bench.{part}") is None:
        return None
    found: Callable[..., None] = import_module(f"bench.{part}").report
    return found


PARTS = {
    "readers": "",
    "desk": "desk",
    "mail": "mail_in",
    "trim": "trim",
    "matching": "matching",
    "look-alikes": "look_alikes",
    "languages": "languages",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--questions", type=int, nargs=2, default=[1_000, 100_000], help="the two sizes")
    parser.add_argument("--kept", type=Path, help="a folder for the desk's SQLite databases, used again the next time")
    parser.add_argument("--postgres", help="an empty PostgreSQL database to measure submissions in as well")
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    say(machine())
    for part in given.parts or PARTS:
        say(f"\n== {part} ==")
        if part == "readers":
            readers(given.questions, given.postgres)
        elif (report := report_of(PARTS[part])) is None:
            say("not in this version")
        elif part == "desk":
            report(say, tuple(given.questions), given.kept)
        else:
            report(say)


if __name__ == "__main__":
    main()
