"""The table of goals: for a terminal, as JSON, and in docs/performance.md, which holds the committed figures."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .goals import BY_KEY, BY_WHAT, GOALS, MARGIN, Figures, Goal, Measured, Place, compared, is_met, is_worse

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
HEADS = ("goal", "what", "database", "questions", "floor", "measured", "of the floor", "target", "result")
FLOORS = {  # the numbers of the goals by floor
    floor: ", ".join(dict.fromkeys(goal.number for goal in GOALS if goal.floor == floor))
    for floor in dict.fromkeys(goal.floor for goal in GOALS if goal.floor)
}
ORDER = [goal.key for goal in GOALS]
_FIGURE = re.compile(r"([\d,]+(?:\.\d+)?) ?([^,]*)(?:, (.+))?")
_FAILED = re.compile(r"(\d+) failed")
_UNDER = re.compile(r"(?ms)^## Figures$.*?(^\|.*?)(?:^$|\Z)")


class Unreadable(ValueError):
    """A row of the committed figures can't be parsed by this version; the message contains it."""


def number(value: float) -> str:
    """Format a number with three or more significant digits: all those before the decimal point."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def target(goal: Goal) -> str:
    if goal.target is None:
        return ""
    least = "at least " if goal.is_more_better else ""
    return f"{least}x{number(goal.target)}" if goal.of_floor else f"{least}{number(goal.target)} {goal.unit}"


def result(goal: Goal, found: Measured) -> str:
    met = is_met(goal, found)
    words = "" if met is None else "met" if met else "missed"
    return ", ".join(filter(None, (words, f"{found.failed} failed" if found.failed else "")))


def cells(place: Place, measured: Measured) -> list[str]:
    """Return a row of the committed table. Ratio and result are computed from the rounded figures that it shows."""
    goal, found = BY_KEY[place.key], _shown(measured)
    return [
        goal.number,
        goal.what,
        place.database,
        f"{place.size:,}",
        "" if found.floor is None else number(found.floor),
        f"{number(found.value)} {goal.unit}" + (f", {found.where}" if found.where else ""),
        "" if found.ratio is None else f"x{number(found.ratio)}",
        target(goal),
        result(goal, found),
    ]


def _shown(found: Measured) -> Measured:
    floor = None if found.floor is None else _value(number(found.floor))
    return replace(found, value=_value(number(found.value)), floor=floor)


def in_order(figures: Figures) -> list[Place]:
    return sorted(figures, key=lambda place: (ORDER.index(place.key), place.database != "SQLite", place.size))


def missing(figures: Figures, parts: Collection[str]) -> list[str]:
    """Return the goals of these parts that have no figure. Growth only needs one if there are several sizes."""
    taken = {place.key for place in figures}
    sizes = {part: {place.size for place in figures if BY_KEY[place.key].part == part} for part in parts}
    wanted = [
        goal for goal in GOALS if goal.part in parts and (len(sizes[goal.part]) > 1 or not goal.key.endswith("-growth"))
    ]
    return [f"{goal.number}, {goal.what}" for goal in wanted if goal.key not in taken]


def last(goal: Goal, committed: Measured | None) -> str:
    value = compared(goal, committed) if committed else None
    return "" if value is None else number(value) if committed and committed.ratio is None else f"x{number(value)}"


def printed(figures: Figures, committed: Figures) -> str:
    """Return the table for a terminal, with the committed figures, and a mark on those that have become worse."""
    rows = [[*HEADS[:-1], "committed", HEADS[-1]]]
    for place in in_order(figures):
        goal, found, before = BY_KEY[place.key], figures[place], committed.get(place)
        *row, words = cells(place, found)
        rows.append([*row, last(goal, before), words + (" WORSE" if is_worse(goal, found, before) else "")])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    met = [is_met(BY_KEY[place.key], found) for place, found in figures.items()]
    return "\n".join(
        [
            *lines,
            "",
            f"{met.count(True)} met, {met.count(False)} missed. WORSE is by more than {MARGIN:.0%} than what is "
            "committed in docs/performance.md, or by any statement or request; only ratios and counts are compared.",
            f"Floors: {'; '.join(f'{goals}: {floor}' for floor, goals in FLOORS.items())}.",
        ]
    )


def as_json(figures: Figures, committed: Figures, **about: Any) -> dict[str, Any]:
    """Return the table as values for JSON; `about` is added to it."""
    return {
        **about,
        "margin": MARGIN,
        "rows": [_told(place, figures[place], committed.get(place)) for place in in_order(figures)],
    }


def _told(place: Place, found: Measured, committed: Measured | None) -> dict[str, Any]:
    goal = BY_KEY[place.key]
    return {
        "goal": goal.number,
        "key": goal.key,
        "what": goal.what,
        "database": place.database,
        "questions": place.size,
        "unit": goal.unit,
        "value": found.value,
        "where": found.where or None,
        "failed": found.failed,
        "floor": found.floor,
        "floor_is": goal.floor or None,
        "ratio": found.ratio,
        "target": goal.target,
        "target_is_of_floor": goal.of_floor,
        "is_more_better": goal.is_more_better,
        "met": is_met(goal, found),
        "committed": compared(goal, committed) if committed else None,
        "worse": is_worse(goal, found, committed),
    }


def read(page: str) -> Figures:
    """Parse the committed figures of docs/performance.md. Raises `Unreadable` for a row without a goal or figure."""
    under = _UNDER.search(page)
    found: Figures = {}
    for line in under[1].splitlines()[2:] if under else ():
        goal, what, database, size, floor, figure, *_, words = (cell.strip() for cell in line.strip("|").split("|"))
        known, taken, failed = BY_WHAT.get((goal, what)), _FIGURE.fullmatch(figure), _FAILED.search(words)
        if known is None or taken is None:
            raise Unreadable(f"docs/performance.md: {line}")
        place = Place(known.key, database, int(size.replace(",", "")))
        beside = _value(floor) if floor else None
        found[place] = Measured(_value(taken[1]), beside, taken[3] or "", int(failed[1]) if failed else 0)
    return found


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def written(page: str, figures: Figures) -> str:
    """Return the page with the rows of these figures replaced; other rows stay. Raises as `read` does."""
    under = _UNDER.search(page)
    assert under is not None, "docs/performance.md has no table under Figures"
    return page[: under.start(1)] + markdown({**read(page), **figures}) + page[under.end(1) :]


def markdown(figures: Figures) -> str:
    rows: list[Sequence[str]] = [HEADS, ["---"] * len(HEADS)]
    rows += [cells(place, figures[place]) for place in in_order(figures)]
    return "".join("|" + "|".join(f" {cell} " if cell != "---" else cell for cell in row) + "|\n" for row in rows)
