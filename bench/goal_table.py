"""The table of goals: for a terminal, as JSON, and in docs/performance.md, which holds the committed figures."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .goals import (
    GOALS,
    GOALS_BY_KEY,
    GOALS_BY_TITLE,
    MARGIN,
    FigureKey,
    Figures,
    Goal,
    Measurement,
    comparable_value,
    is_worse,
    meets_target,
)

PERFORMANCE_PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
COLUMNS = ("goal", "what", "database", "questions", "floor", "measured", "of the floor", "target", "result")
GOAL_ORDER = [goal.key for goal in GOALS]
_FIGURE = re.compile(r"([\d,]+(?:\.\d+)?) ?([^,]*)(?:, (.+))?")
_FAILURES = re.compile(r"(\d+) failed")
_FIGURES_SECTION = re.compile(r"(?ms)^## Figures$.*?(^\|.*?)(?:^$|\Z)")


class InvalidFigureRow(ValueError):
    """A row of the committed figures can't be parsed by this version; the message contains it."""


def format_number(value: float) -> str:
    """Format a number with three or more significant digits: all those before the decimal point."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def parse_number(text: str) -> float:
    return float(text.replace(",", ""))


def format_target(goal: Goal) -> str:
    if goal.target is None:
        return ""
    number = format_number(goal.target)
    prefix = "at least " if goal.higher_is_better else ""
    return f"{prefix}x{number}" if goal.is_ratio else f"{prefix}{number} {goal.unit}"


def format_result(goal: Goal, measurement: Measurement) -> str:
    """Return "met", "missed", or "" without a target, with the number of failed requests."""
    parts: list[str] = []
    is_met = meets_target(goal, measurement)
    if is_met is not None:
        parts.append("met" if is_met else "missed")
    if measurement.failures:
        parts.append(f"{measurement.failures} failed")
    return ", ".join(parts)


def build_row(key: FigureKey, measurement: Measurement) -> list[str]:
    """Return a row of the committed table. Ratio and result are computed from the rounded figures that it shows."""
    goal, rounded = GOALS_BY_KEY[key.goal_key], _round_figures(measurement)
    return [
        goal.number,
        goal.title,
        key.database,
        f"{key.size:,}",
        "" if rounded.floor is None else format_number(rounded.floor),
        f"{format_number(rounded.value)} {goal.unit}" + (f", {rounded.case}" if rounded.case else ""),
        "" if rounded.ratio is None else f"x{format_number(rounded.ratio)}",
        format_target(goal),
        format_result(goal, rounded),
    ]


def _round_figures(measurement: Measurement) -> Measurement:
    """Return the measurement with its figures rounded as `format_number` shows them."""
    floor = None if measurement.floor is None else parse_number(format_number(measurement.floor))
    return replace(measurement, value=parse_number(format_number(measurement.value)), floor=floor)


def sort_keys(figures: Figures) -> list[FigureKey]:
    return sorted(figures, key=lambda key: (GOAL_ORDER.index(key.goal_key), key.database != "SQLite", key.size))


def list_missing_goals(figures: Figures, parts: Collection[str]) -> list[str]:
    """Return the goals of these parts that have no figure. Growth only needs one if there are several sizes."""
    measured_keys = {key.goal_key for key in figures}
    missing = []
    for goal in GOALS:
        if goal.part not in parts or goal.key in measured_keys:
            continue
        sizes = {key.size for key in figures if GOALS_BY_KEY[key.goal_key].part == goal.part}
        if goal.key.endswith("-growth") and len(sizes) <= 1:
            continue
        missing.append(f"{goal.number}, {goal.title}")
    return missing


def format_committed(goal: Goal, committed: Measurement | None) -> str:
    """Return the committed value that figures are compared with, or "" if there is none."""
    value = comparable_value(goal, committed) if committed else None
    if committed is None or value is None:
        return ""
    return format_number(value) if committed.ratio is None else f"x{format_number(value)}"


def list_goals_by_floor() -> dict[str, str]:
    """Return the numbers of the goals as text such as "G1, G9", by floor."""
    numbers: dict[str, list[str]] = {}
    for goal in GOALS:
        if goal.floor and goal.number not in numbers.setdefault(goal.floor, []):
            numbers[goal.floor].append(goal.number)
    return {floor: ", ".join(goals) for floor, goals in numbers.items()}


def render_terminal(figures: Figures, committed: Figures) -> str:
    """Return the table for a terminal, with the committed figures, and a mark on those that have become worse."""
    rows = [[*COLUMNS[:-1], "committed", COLUMNS[-1]]]
    for key in sort_keys(figures):
        goal, measurement, before = GOALS_BY_KEY[key.goal_key], figures[key], committed.get(key)
        *row, result = build_row(key, measurement)
        mark = " WORSE" if is_worse(goal, measurement, before) else ""
        rows.append([*row, format_committed(goal, before), result + mark])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    results = [meets_target(GOALS_BY_KEY[key.goal_key], measurement) for key, measurement in figures.items()]
    floors = "; ".join(f"{goals}: {floor}" for floor, goals in list_goals_by_floor().items())
    return "\n".join(
        [
            *lines,
            "",
            f"{results.count(True)} met, {results.count(False)} missed. WORSE is by more than {MARGIN:.0%} than what "
            "is committed in docs/performance.md, or by any statement or request; only ratios and counts are compared.",
            f"Floors: {floors}.",
        ]
    )


def build_json(figures: Figures, committed: Figures, **details: Any) -> dict[str, Any]:
    """Return the table as values for JSON; `details` are added to it."""
    rows = [_build_json_row(key, figures[key], committed.get(key)) for key in sort_keys(figures)]
    return {**details, "margin": MARGIN, "rows": rows}


def _build_json_row(key: FigureKey, measurement: Measurement, committed: Measurement | None) -> dict[str, Any]:
    goal = GOALS_BY_KEY[key.goal_key]
    return {
        "goal": goal.number,
        "key": goal.key,
        "what": goal.title,
        "database": key.database,
        "questions": key.size,
        "unit": goal.unit,
        "value": measurement.value,
        "where": measurement.case or None,
        "failed": measurement.failures,
        "floor": measurement.floor,
        "floor_is": goal.floor or None,
        "ratio": measurement.ratio,
        "target": goal.target,
        "target_is_of_floor": goal.is_ratio,
        "is_more_better": goal.higher_is_better,
        "met": meets_target(goal, measurement),
        "committed": comparable_value(goal, committed) if committed else None,
        "worse": is_worse(goal, measurement, committed),
    }


def parse_figures(page: str) -> Figures:
    """Parse the committed figures of docs/performance.md.

    Raises `InvalidFigureRow` for a row without a goal or figure.
    """
    section = _FIGURES_SECTION.search(page)
    if section is None:
        return {}
    _header, _divider, *rows = section[1].splitlines()
    figures: Figures = {}
    for line in rows:
        number, title, database, size, floor, figure, *_, result = (cell.strip() for cell in line.strip("|").split("|"))
        goal, value, failures = GOALS_BY_TITLE.get((number, title)), _FIGURE.fullmatch(figure), _FAILURES.search(result)
        if goal is None or value is None:
            raise InvalidFigureRow(f"docs/performance.md: {line}")
        figures[FigureKey(goal.key, database, int(size.replace(",", "")))] = Measurement(
            parse_number(value[1]),
            floor=parse_number(floor) if floor else None,
            case=value[3] or "",
            failures=int(failures[1]) if failures else 0,
        )
    return figures


def update_page(page: str, figures: Figures) -> str:
    """Return the page with the rows of these figures replaced; other rows stay. Raises as `parse_figures` does."""
    section = _FIGURES_SECTION.search(page)
    assert section is not None, "docs/performance.md has no table under Figures"
    table = render_markdown({**parse_figures(page), **figures})
    return page[: section.start(1)] + table + page[section.end(1) :]


def render_markdown(figures: Figures) -> str:
    rows: list[Sequence[str]] = [COLUMNS, *(build_row(key, figures[key]) for key in sort_keys(figures))]
    lines = ["|" + "|".join(f" {cell} " for cell in row) + "|\n" for row in rows]
    divider = "|" + "---|" * len(COLUMNS) + "\n"
    return "".join([lines[0], divider, *lines[1:]])
