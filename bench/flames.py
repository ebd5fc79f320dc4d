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

from . import goal_table
from .desk_pages import serve_newsroom
from .flame_graph import Stacks, render_svg
from .goals import CPU_UNIT, GOALS_BY_KEY, Figures, Goal, meets_target, ratio_or_value
from .load_client import Call, run_load
from .newsroom_data import fill_newsroom
from .request_builders import iter_submissions, iter_uncached, list_reader_calls
from .run_options import RunOptions, server_settings
from .servers import serve_app
from .temporary_databases import filled_databases, open_database

PICTURES = goal_table.PERFORMANCE_PAGE.parent / "pictures"
MAX_GRAPHS, SECONDS, SAMPLE_RATE = 3, 10, 200  # graphs, seconds for each, samples per second
CLIENTS = 2
LEAD_SECONDS = 3.0  # for which the requests go on, since py-spy takes some time to start
SUBMIT_PREFIX, UNCACHED_KEY, AUTOSAVE_KEY = "submit-cpu", "anew-cpu", "autosave-cpu"
REQUEST_FRAME = "Flask.__call__ "  # the function that the server calls for each request
_MACHINE_PATH = re.compile(r"\(.*(?:site-packages|lib/python3\.\d+)/")  # the part of a path that depends on the machine


def draw_flame_graphs(options: RunOptions) -> None:
    """Draw the graphs, and delete those of an earlier run."""
    page = goal_table.PERFORMANCE_PAGE.read_text(encoding="utf-8")
    worst_goals = pick_worst_goals(goal_table.parse_figures(page))
    for old_picture in PICTURES.glob("flame-*.svg"):
        old_picture.unlink()
    options = replace(options.with_smallest_size(), databases=("sqlite",))
    size = options.sizes[0]
    for part in ("readers", "desk"):
        part_goals = [(goal, case) for goal, case in worst_goals if goal.part == part]
        if not part_goals:
            continue
        with (
            filled_databases(options, "sqlite", "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        ):
            for goal, case in part_goals:
                title = graph_title(goal, case)
                stacks = _sample_goal(urls[size], folder, goal, case)
                picture = PICTURES / f"flame-{re.sub('[^a-z]+', '-', title.lower())}.svg"
                picture.write_text(render_svg(stacks, f"{title}, {size:,} questions, SQLite"), encoding="utf-8")
                kilobytes = picture.stat().st_size / 1000
                options.write_line(f"{picture.name}: {stacks.total()} samples, {kilobytes:.0f} kB")


def graph_title(goal: Goal, case: str) -> str:
    if goal.key == UNCACHED_KEY:
        return f"{case}, made anew"
    return case or goal.title.partition(",")[0]


def pick_worst_goals(figures: Figures) -> list[tuple[Goal, str]]:
    """Return the missed goals with the highest multiple of their target, each with its page, each request once."""
    excess_by_goal: list[tuple[float, Goal, str]] = []
    for key, measurement in figures.items():
        goal = GOALS_BY_KEY[key.goal_key]
        is_eligible = goal.unit == CPU_UNIT and goal.part in ("readers", "desk")
        if is_eligible and meets_target(goal, measurement) is False:
            excess = ratio_or_value(goal, measurement) / (goal.target or 1)
            excess_by_goal.append((excess, goal, measurement.case))
    excess_by_goal.sort(key=lambda row: row[0], reverse=True)
    chosen: dict[str, tuple[Goal, str]] = {}
    for _excess, goal, case in excess_by_goal:
        chosen.setdefault(graph_title(goal, case), (goal, case))
    return list(chosen.values())[:MAX_GRAPHS]


def _sample_goal(url: str, folder: str, goal: Goal, case: str) -> Stacks:
    """Sample a server while the request of a goal is repeated."""
    settings = server_settings(url, folder)
    calls: Iterator[Call]
    with ExitStack() as stack:
        if goal.part == "desk":
            newsroom = stack.enter_context(serve_newsroom(url, folder))
            server = newsroom.server
            calls = newsroom.drafts if goal.key == AUTOSAVE_KEY else itertools.repeat(newsroom.calls[case])
        else:
            server = stack.enter_context(serve_app("wsgi:app", settings))
            database = open_database(url)
            stack.callback(database.close)
            pages = dict(list_reader_calls(settings))
            if goal.key == UNCACHED_KEY:
                calls = iter_uncached(database, pages[case])
            elif goal.key.startswith(SUBMIT_PREFIX):
                calls = iter_submissions(settings)
            else:
                calls = itertools.repeat(pages[case])
        client = threading.Thread(
            target=run_load, args=(server.port, server.process, calls, CLIENTS, SECONDS + LEAD_SECONDS)
        )
        client.start()
        try:
            return _sample(server.process)
        finally:
            client.join()


def _sample(process: psutil.Process) -> Stacks:
    """Sample a process and its children with py-spy. Raises SystemExit if that is missing or has no permission."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if program is None:
        raise SystemExit("py-spy is not installed: make style brings what development takes")
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        command = [program, "record", "--subprocesses", "--function", "--pid", str(process.pid), "--format", "raw"]
        command += ["--duration", str(SECONDS), "--rate", str(SAMPLE_RATE), "--output", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"py-spy could not look at the server (it wants root or the right to trace): {done.stderr}"
            )
        return parse_stacks(Path(file.name).read_text(encoding="utf-8"))


def parse_stacks(raw: str) -> Stacks:
    """Parse py-spy's output, lines of `outer (file:line);inner (file:line) count`. Drop frames outside a request."""
    stacks: Stacks = Counter()
    for line in raw.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [_MACHINE_PATH.sub("(", frame) for frame in frames.split(";") if not frame.startswith("process ")]
        start = next((index for index, name in enumerate(names) if name.startswith(REQUEST_FRAME)), None)
        if start is not None:
            stacks[tuple(names[start:])] += int(count)
    return stacks
