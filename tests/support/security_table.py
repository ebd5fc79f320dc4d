"""The table of `make test-security`: each threat of docs/threat-model.md, what was tried against it, and what came of it.

A test joins it by one line, `@pytest.mark.threat("stolen database")`; one that is of several threats names them all. What it counts as
tried it says itself, by the fixture `attempts`; a test that says nothing counts once for each of its cases. With `--threats` only these
tests run, those of pages on both databases too, and the table is printed: a threat that no test names stands there as not covered.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from tests.support.docs import THREATS

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
WITHOUT = "no database"
HEADS = ("threat", "tests", *DATABASES.values(), WITHOUT, "result")


@dataclass
class Row:
    """What was tried against one threat: its tests by name, attempts by database, and tests that failed or did not run."""

    tests: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    tried: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        if not self.tests:
            return "not covered"
        if self.broken:
            return f"BROKEN: {_cases(self.broken)} of {len(self.cases)}"
        return f"NOT TESTED here: {_cases(self.skipped)} of {len(self.cases)}" if self.skipped else "held"

    def cells(self, name: str) -> tuple[str, ...]:
        counts = (f"{self.tried[database]:,}" for database in (*DATABASES.values(), WITHOUT))
        return (name, str(len(self.tests)), *counts, self.result)


def _cases(names: list[str]) -> str:
    return f"{len(names)} case{'s' * (len(names) > 1)}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--threats", action="store_true", help="run the tests of the threat model, and print its table")


def threats_of(item: pytest.Item) -> list[str]:
    """Return the threats that a test is marked with. UsageError for one that the threat model doesn't know."""
    named = [name for mark in item.iter_markers("threat") for name in mark.args]
    if unknown := [name for name in named if name not in THREATS]:
        raise pytest.UsageError(f"{item.nodeid}: docs/threat-model.md knows no threat {unknown[0]!r}")
    return list(dict.fromkeys(named))


def database_of(item: pytest.Item) -> str:
    """Return the database that a case of a test is about, by the parameter that chose it."""
    chosen = getattr(item, "callspec", None)
    values = [value for value in chosen.params.values() if isinstance(value, str)] if chosen else []
    return next((DATABASES[value] for value in values if value in DATABASES), WITHOUT)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note what each test is about, where the report of its run finds it on any worker."""
    if not config.getoption("threats"):
        return
    for item in items:
        item.user_properties += [("threat", name) for name in threats_of(item)]
        item.user_properties.append(("database", database_of(item)))
    without = [item for item in items if not threats_of(item)]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in set(without)]


@pytest.fixture
def attempts(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Say how often something was tried: `attempts(2_000)`. What is said several times adds up."""

    def tried(many: int) -> None:
        request.node.user_properties.append(("attempts", many))

    return tried


def table(reports: Iterable[pytest.TestReport]) -> dict[str, Row]:
    """Return each threat with what came of its tests."""
    rows = {name: Row() for name in THREATS}
    for report in reports:
        said = list(report.user_properties)
        about = [name for key, name in said if key == "threat"]
        test = report.nodeid.partition("[")[0]
        for row in (rows[str(name)] for name in about):
            row.tests.add(test)
            row.cases.add(report.nodeid)
            if report.skipped:
                row.skipped.append(report.nodeid)
            elif report.failed:
                row.broken.append(report.nodeid)
            if report.when == "call" and not report.skipped:
                counted = [int(str(many)) for key, many in said if key == "attempts"]
                row.tried[next(str(name) for key, name in said if key == "database")] += sum(counted) if counted else 1
    return rows


def lines(rows: dict[str, Row]) -> list[str]:
    """Return the table as Markdown, in columns."""
    cells = [HEADS, *(row.cells(name) for name, row in rows.items())]
    widths = [max(len(row[at]) for row in cells) for at in range(len(HEADS))]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]]


def _reports(config: pytest.Config) -> list[pytest.TestReport]:
    stats = config.pluginmanager.get_plugin("terminalreporter").stats  # type: ignore[union-attr]
    return [one for outcome in ("passed", "failed", "error", "skipped") for one in stats.get(outcome, [])]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let no run end well of which something was not tried."""
    if not session.config.getoption("threats") or hasattr(session.config, "workerinput"):
        return
    rows = table(_reports(session.config))
    if session.exitstatus == pytest.ExitCode.OK and any(row.skipped for row in rows.values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    is_run = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if not config.getoption("threats") or config.getoption("collectonly") or not is_run:
        return
    rows = table(_reports(config))
    terminalreporter.section("threats, attempts, result")
    for line in lines(rows):
        terminalreporter.line(line)
    for name, row in rows.items():
        for test in (*row.broken, *row.skipped):
            terminalreporter.line(f"{name}: {test}")
