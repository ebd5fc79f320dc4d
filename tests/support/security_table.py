"""The table of `make test-security`: the attempts against each threat of docs/threat-model.md, and their result.

A test is added with a mark that names one or several threats, such as `@pytest.mark.threat("stolen database")`. Each of
its cases counts as one attempt, unless it reports their number with the fixture `attempts`. With `--threats`, only
these tests run, those of pages on both databases, and the table is printed. A threat without tests is listed as not
covered.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from tests.support.docs import THREATS

DATABASE_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
NO_DATABASE = "no database"
HEADINGS = ("threat", "tests", *DATABASE_NAMES.values(), NO_DATABASE, "result")


@dataclass
class ThreatRow:
    """The row of a threat: its tests and their cases, attempts by database, and failed and skipped cases."""

    tests: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    attempts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        if not self.tests:
            return "not covered"
        if self.failed:
            return f"BROKEN: {_format_case_count(self.failed)} of {len(self.cases)}"
        return f"NOT TESTED here: {_format_case_count(self.skipped)} of {len(self.cases)}" if self.skipped else "held"

    def cells(self, name: str) -> tuple[str, ...]:
        counts = (f"{self.attempts[database]:,}" for database in (*DATABASE_NAMES.values(), NO_DATABASE))
        return (name, str(len(self.tests)), *counts, self.result)


def _format_case_count(cases: list[str]) -> str:
    return f"{len(cases)} case{'s' * (len(cases) > 1)}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--threats", action="store_true", help="run the tests of the threat model, and print its table")


def get_threats(item: pytest.Item) -> list[str]:
    """Return the threats that a test is marked with. Raises UsageError if one isn't in the threat model."""
    threats = [name for mark in item.iter_markers("threat") for name in mark.args]
    if unknown := [name for name in threats if name not in THREATS]:
        raise pytest.UsageError(f"{item.nodeid}: docs/threat-model.md knows no threat {unknown[0]!r}")
    return list(dict.fromkeys(threats))


def get_database_name(item: pytest.Item) -> str:
    """Return the name of the database in the parameters of a test case, or `NO_DATABASE`."""
    callspec = getattr(item, "callspec", None)
    values = [value for value in callspec.params.values() if isinstance(value, str)] if callspec else []
    return next((DATABASE_NAMES[value] for value in values if value in DATABASE_NAMES), NO_DATABASE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Record threats and database as user properties, which reach the report from any worker; deselect other tests."""
    if not config.getoption("threats"):
        return
    for item in items:
        item.user_properties += [("threat", name) for name in get_threats(item)]
        item.user_properties.append(("database", get_database_name(item)))
    unmarked = [item for item in items if not get_threats(item)]
    config.hook.pytest_deselected(items=unmarked)
    items[:] = [item for item in items if item not in set(unmarked)]


@pytest.fixture
def attempts(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Report a number of attempts, as in `attempts(2_000)`. Several calls add up."""

    def record(count: int) -> None:
        request.node.user_properties.append(("attempts", count))

    return record


def build_table(reports: Iterable[pytest.TestReport]) -> dict[str, ThreatRow]:
    """Return the row of each threat, from the reports of its tests."""
    rows = {name: ThreatRow() for name in THREATS}
    for report in reports:
        properties = list(report.user_properties)
        threats = [name for key, name in properties if key == "threat"]
        test = report.nodeid.partition("[")[0]
        for row in (rows[str(name)] for name in threats):
            row.tests.add(test)
            row.cases.add(report.nodeid)
            if report.skipped:
                row.skipped.append(report.nodeid)
            elif report.failed:
                row.failed.append(report.nodeid)
            if report.when == "call" and not report.skipped:
                database = next(str(name) for key, name in properties if key == "database")
                counts = [int(str(value)) for key, value in properties if key == "attempts"]
                row.attempts[database] += sum(counts) if counts else 1
    return rows


def format_table(rows: dict[str, ThreatRow]) -> list[str]:
    """Return the lines of the table as Markdown, with aligned columns."""
    cells = [HEADINGS, *(row.cells(name) for name, row in rows.items())]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _list_reports(config: pytest.Config) -> list[pytest.TestReport]:
    stats = config.pluginmanager.get_plugin("terminalreporter").stats  # type: ignore[union-attr]
    return [report for outcome in ("passed", "failed", "error", "skipped") for report in stats.get(outcome, [])]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which tests were skipped."""
    if not session.config.getoption("threats") or hasattr(session.config, "workerinput"):
        return
    rows = build_table(_list_reports(session.config))
    if session.exitstatus == pytest.ExitCode.OK and any(row.skipped for row in rows.values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    is_run = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if not config.getoption("threats") or config.getoption("collectonly") or not is_run:
        return
    rows = build_table(_list_reports(config))
    terminalreporter.section("threats, attempts, result")
    for line in format_table(rows):
        terminalreporter.line(line)
    for name, row in rows.items():
        for test in (*row.failed, *row.skipped):
            terminalreporter.line(f"{name}: {test}")
