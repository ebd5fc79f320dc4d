"""Benchmarks of readers' requests: sending a question, with all checks and a durable commit, and reading pages."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from app.db.engine import Database
from demo.scale.long_road import SLUG

from .floor_tables import create_floor_tables
from .goals import GOALS_BY_KEY, Cases, FigureKey, Figures, Measurement, pick_worst
from .load_client import Call, Contender, LoadResult, interleave
from .newsroom_data import fill_newsroom
from .page_weight import measure_page_weight
from .request_builders import ASK_PATH, iter_submissions, iter_uncached, list_conditional_calls, list_reader_calls
from .run_options import RunOptions, WriteLine, server_settings
from .servers import Server, serve_app
from .temporary_databases import DATABASE_NAMES, filled_databases, open_database

READING_CLIENTS = 4  # who read at the same time
SENDING_CLIENTS = (1, 8, 32)  # who send at the same time
GROWTH_GOALS = {"submit-growth": "submit-cpu-8", "copies-growth": "copies-cpu", "anew-growth": "anew-cpu"}


def measure(options: RunOptions) -> Figures:
    """Measure in each kind of database, at each size."""
    figures: Figures = {}
    for kind in options.databases:
        with (
            filled_databases(options, kind, "newsroom", fill_newsroom) as urls,
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        ):
            cases_by_size = {
                size: _measure_database(options, f"{DATABASE_NAMES[kind]}, {size:,}", server_settings(url, folder))
                for size, url in urls.items()
            }
        for size, cases_by_goal in cases_by_size.items():
            growth: Cases = {}
            if size != options.sizes[0]:
                growth = compute_growth(cases_by_size[options.sizes[0]], cases_by_goal)
            for key, cases in {**cases_by_goal, **growth}.items():
                figures[FigureKey(key, DATABASE_NAMES[kind], size)] = pick_worst(cases, GOALS_BY_KEY[key])
    return figures


def compute_growth(smallest: Cases, larger: Cases) -> Cases:
    """Return the goals of growth: the ratio to the floor at this size, with that at the smallest size as its floor."""
    growth: Cases = {}
    for growth_key, key in GROWTH_GOALS.items():
        growth[growth_key] = {}
        for case, measurement in larger[key].items():
            floor = smallest[key][case]
            failures = measurement.failures + floor.failures
            growth[growth_key][case] = Measurement(measurement.ratio or 0.0, floor.ratio, failures=failures)
    return growth


def _measure_database(options: RunOptions, label: str, settings: dict[str, str]) -> Cases:
    database = open_database(settings["DATABASE_URL"])
    create_floor_tables(database)
    try:
        with ExitStack() as stack:
            server = stack.enter_context(serve_app("wsgi:app", settings))
            floor = stack.enter_context(serve_app("bench.floor_app:app", settings))
            options.write_line(f"\nreaders, {label} questions")
            return {
                **_measure_pages(options, settings, server, floor, database),
                **_measure_page_weights(options.write_line, server.port),
                **_measure_submissions(options, settings, server, floor),
            }
    finally:
        database.close()


def print_comparison(write_line: WriteLine, name: str, result: LoadResult, floor: LoadResult) -> Measurement:
    """Print the figures of the product and of the floor; return the CPU times."""
    failures = result.failures + floor.failures
    ratio = result.cpu_ms / max(floor.cpu_ms, 0.01)
    write_line(
        f"{name:<34} {result.per_second:>6.0f}/s {result.cpu_ms:>6.2f} ms CPU p50 {result.p50:>5.1f}"
        f" p99 {result.p99:>6.1f} ms   floor {floor.per_second:>5.0f}/s {floor.cpu_ms:>5.2f} ms CPU"
        f"  p99 {floor.p99:>6.1f}  CPU x{ratio:.2f}" + (f"   FAILED {failures}" if failures else "")
    )
    return Measurement(result.cpu_ms, floor.cpu_ms, failures=failures)


def _measure_submissions(options: RunOptions, settings: dict[str, str], server: Server, floor: Server) -> Cases:
    """Measure Send with several numbers of clients; rate and p99 are those with the most clients."""
    cases: Cases = {}
    submissions = iter_submissions(settings)
    inserts = (Call("/insert", urlencode({"body": f"Why is it so? {n}"})) for n in itertools.count())
    for clients in SENDING_CLIENTS:
        result, floor_result = interleave(
            options.pace, clients, Contender(*server, submissions), Contender(*floor, inserts)
        )
        cost = print_comparison(options.write_line, f"Send, {clients} clients", result, floor_result)
        cases[f"submit-cpu-{clients}"] = {"": cost}
    cases["submit-rate"] = {"": Measurement(result.per_second, floor_result.per_second, failures=cost.failures)}
    cases["submit-p99"] = {"": Measurement(result.p99, failures=cost.failures)}
    return cases


def _measure_pages(
    options: RunOptions, settings: dict[str, str], server: Server, floor: Server, database: Database
) -> Cases:
    cases: Cases = {}

    def compare(key: str, page: str, clients: int, calls: Iterator[Call], floor_path: str) -> None:
        contenders = Contender(*server, calls), Contender(*floor, itertools.repeat(Call(floor_path)))
        results = interleave(options.pace, clients, *contenders)
        cases.setdefault(key, {})[page] = print_comparison(options.write_line, f"{key}: {page}", *results)

    for page, call in list_conditional_calls(settings):
        compare("unchanged-cpu", page, READING_CLIENTS, itertools.repeat(call), "/")
    for page, call in list_reader_calls(settings):
        compare("copies-cpu", page, READING_CLIENTS, itertools.repeat(call), "/")
    for page, call in list_reader_calls(settings):
        compare("anew-cpu", page, 1, iter_uncached(database, call), "/rows")
    return cases


def _measure_page_weights(write_line: WriteLine, port: int) -> Cases:
    cases: Cases = {}
    for name, path in (("ask", ASK_PATH), ("archive", f"/{SLUG}/answers")):
        size, requests = measure_page_weight(port, path)
        write_line(f"{name}: {size:,} bytes in {requests} requests")
        cases[f"{name}-bytes"] = {"": Measurement(size / 1000)}
        if name == "ask":
            cases["ask-requests"] = {"": Measurement(requests)}
    return cases
