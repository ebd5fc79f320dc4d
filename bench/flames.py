"""`python -m bench flames`: flame graphs of the three requests that miss their goals of CPU time by most.

They are chosen by the committed figures of docs/performance.md. Each request is repeated while py-spy samples the
server's processes. The graphs are written to docs/pictures.
"""

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil

from . import desk, doors, table
from .databases import filled, opened
from .fill import fill_newsroom
from .flame_graph import Stacks, drawn
from .goals import BY_KEY, CPU, Figures, Goal, Measured, is_met
from .load import Call
from .load import run as load
from .readers import changing, sends
from .servers import serving
from .surroundings import Run, environment

PICTURES = table.PAGE.parent / "pictures"
NUMBER, SECONDS, RATE = 3, 10, 200  # graphs, seconds for each, samples per second
SENDS, PAGES, ANEW, DRAFTS = "submit-cpu", "copies-cpu", "anew-cpu", "autosave-cpu"
REQUEST = "Flask.__call__ "  # the function that the server calls for each request
_CUT = re.compile(r"\(.*(?:site-packages|lib/python3\.\d+)/")  # the part of a path that depends on the machine


def report(run: Run) -> None:
    """Draw the graphs, and delete those of an earlier run."""
    chosen = worst(table.read(table.PAGE.read_text(encoding="utf-8")))
    for old in PICTURES.glob("flame-*.svg"):
        old.unlink()
    one = replace(run, sizes=run.sizes[:1], databases=("sqlite",))
    for part in ("readers", "desk"):
        mine = [(goal, where) for goal, where in chosen if goal.part == part]
        if not mine:
            continue
        with (
            filled(one, "sqlite", "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        ):
            for goal, where in mine:
                name = named(goal, where)
                stacks = _watched(urls[one.sizes[0]], folder, goal, where)
                picture = PICTURES / f"flame-{re.sub('[^a-z]+', '-', name.lower())}.svg"
                picture.write_text(drawn(stacks, f"{name}, {one.sizes[0]:,} questions, SQLite"), encoding="utf-8")
                run.say(f"{picture.name}: {sum(stacks.values())} looks, {picture.stat().st_size / 1000:.0f} kB")


def named(goal: Goal, where: str) -> str:
    """Return the title of the graph."""
    return f"{where}, made anew" if goal.key == ANEW else where or goal.what.partition(",")[0]


def worst(figures: Figures) -> list[tuple[Goal, str]]:
    """Return the missed goals with the highest multiple of their target, each with its page, each request once."""

    def excess(goal: Goal, found: Measured) -> float:
        return ((found.ratio if goal.of_floor else None) or found.value) / (goal.target or 1)

    missed = [
        (excess(goal, found), goal, found.where)
        for place, found in figures.items()
        if (goal := BY_KEY[place.key]).unit == CPU and goal.part in ("readers", "desk") and is_met(goal, found) is False
    ]
    chosen: dict[str, tuple[Goal, str]] = {}
    for _, goal, where in sorted(missed, key=lambda one: -one[0]):
        chosen.setdefault(named(goal, where), (goal, where))
    return list(chosen.values())[:NUMBER]


def _watched(url: str, folder: str, goal: Goal, where: str) -> Stacks:
    settings = environment(url, folder)
    with ExitStack() as stack:
        if goal.part == "desk":
            served = stack.enter_context(desk.served(url, folder))
            port, server = served.port, served.server
            calls = served.drafts if goal.key == DRAFTS else itertools.repeat(served.calls[where])
        else:
            port, server = stack.enter_context(serving("wsgi:app", settings))
            database = opened(url)
            stack.callback(database.close)
            pages = dict(doors.pages(settings))
            calls = sends(settings)
            if goal.key == ANEW:
                calls = changing(database, pages[where])
            elif not goal.key.startswith(SENDS):
                calls = itertools.repeat(pages[where])
        return _looked_at(port, server, calls)


def _looked_at(port: int, server: psutil.Process, calls: Iterator[Call]) -> Stacks:
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise SystemExit("py-spy is not installed: make style brings what development takes")
    client = threading.Thread(target=load, args=(port, server, calls, 2, SECONDS + 3.0))
    client.start()
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        options = {"--pid": server.pid, "--duration": SECONDS, "--rate": RATE, "--format": "raw", "--output": file.name}
        words = [str(word) for option in options.items() for word in option]
        done = subprocess.run(
            [found, "record", "--subprocesses", "--function", *words], capture_output=True, text=True, check=False
        )
        client.join()
        if done.returncode:
            raise SystemExit(
                f"py-spy could not look at the server (it wants root or the right to trace): {done.stderr}"
            )
        return stacks_in(Path(file.name).read_text(encoding="utf-8"))


def stacks_in(raw: str) -> Stacks:
    """Parse py-spy's output, lines of `outer (file:line);inner (file:line) times`. Drop frames outside a request."""
    stacks: Stacks = Counter()
    for line in raw.splitlines():
        frames, _, times = line.rpartition(" ")
        names = [_CUT.sub("(", frame) for frame in frames.split(";") if not frame.startswith("process ")]
        begins = next((at for at, name in enumerate(names) if name.startswith(REQUEST)), None)
        if begins is not None:
            stacks[tuple(names[begins:])] += int(times)
    return stacks
