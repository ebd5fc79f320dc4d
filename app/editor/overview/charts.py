"""Charts as coordinates that a template draws as SVG: at most two series, labelled at their ends, without a legend.

The table beside a chart holds the same data.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

# In units of the SVG. For charts over time:
WIDTH, HEIGHT = 360, 168
TOP, BOTTOM = 14.0, 140.0  # of the plot; the base line is at the bottom
START, END = 28.0, 272.0  # of the plot; the names of the series follow after the end
# For charts of horizontal bars:
ROW_HEIGHT, BAR_START, BAR_END = 22, 140.0, 312.0
MAX_ROWS = 10
MAX_NAME_LENGTH = 19  # characters that fit before a bar
# For all charts:
LINE_HEIGHT = 13  # between two labels that would overlap otherwise
BASELINE_OFFSET = 4  # from the middle of a label down to its base line

Coordinates = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """A text. `anchor` is SVG's text-anchor: which end of the text is at `x`."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    strong: bool = False


@dataclass
class Picture:
    """The shapes of a chart."""

    height: int = HEIGHT
    # Lines, each as (x1, y1, x2, y2):
    grid: list[Coordinates] = field(default_factory=list)
    base: list[Coordinates] = field(default_factory=list)
    spans: list[Coordinates] = field(default_factory=list)  # from a low value up to a high one
    inner: list[Coordinates] = field(default_factory=list)  # the lines inside horizontal bars
    # Rectangles, each as (x, y, width, height):
    bars: list[Coordinates] = field(default_factory=list)
    line: str = ""  # the points of a polyline, as SVG has them
    dots: list[tuple[float, float]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def _scale_marks(maximum: float) -> list[int]:
    """Return two to five evenly spaced marks from 0 to at least `maximum`."""
    steps = (factor * 10**power for power in range(9) for factor in (1, 2, 5))  # 1, 2, 5, 10, 20, 50, ...
    step = next(step for step in steps if maximum <= 4 * step)
    step_count = max(1, math.ceil(maximum / step))
    return [step * index for index in range(step_count + 1)]


def _draw_axes(labels: Sequence[str], maximum: float) -> tuple[Picture, list[int], list[float]]:
    """Return a time chart with its grid and labels, the marks of its scale, and the x of the middle of each column."""
    marks = _scale_marks(maximum)
    column_width = (END - START) / max(1, len(labels))
    middles = [round(START + column_width * (index + 0.5), 1) for index in range(len(labels))]
    picture = Picture(base=[(START, BOTTOM, END, BOTTOM)])
    for mark in marks[1:]:
        y = _y_of(mark, marks)
        picture.grid.append((START, y, END, y))
        picture.labels.append(Label(START - 6, round(y + BASELINE_OFFSET, 1), str(mark), "end"))
    label_interval = max(1, math.ceil(len(labels) / 4))  # at most four labels fit side by side
    picture.labels.extend(
        Label(middles[index], BOTTOM + 16, labels[index], "middle") for index in range(0, len(labels), label_interval)
    )
    return picture, marks, middles


def _y_of(value: float, marks: Sequence[int]) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / marks[-1], 1)


def _build_end_labels(ends: Iterable[tuple[float, str]]) -> list[Label]:
    """Return the names of the series at their ends, each end as (y, name), moved apart so that they don't overlap."""
    sorted_ends = sorted(ends)
    ys = [y for y, _name in sorted_ends]
    for above, below in pairwise(range(len(ys))):
        ys[below] = max(ys[below], ys[above] + LINE_HEIGHT)
    overflow = max(0.0, ys[-1] - BOTTOM) if ys else 0
    return [
        Label(END + 4, round(y - overflow + BASELINE_OFFSET, 1), name, strong=True)
        for y, (_end_y, name) in zip(ys, sorted_ends, strict=True)
    ]


def draw_bars_and_line(
    labels: Sequence[str], bars: Sequence[int], line: Sequence[int], names: tuple[str, str]
) -> Picture:
    """Return a chart of outlined bars and a line over time. `names` label the last bar and the end of the line."""
    picture, marks, middles = _draw_axes(labels, max((*bars, *line, 1)))
    column_width = (END - START) / max(1, len(labels))
    bar_width = round(min(14.0, column_width * 0.62), 1)
    for x, value in zip(middles, bars, strict=True):
        y = _y_of(value, marks)
        picture.bars.append((round(x - bar_width / 2, 1), y, bar_width, round(BOTTOM - y, 1)))
    points = [(x, _y_of(value, marks)) for x, value in zip(middles, line, strict=True)]
    picture.dots.extend(points[-1:])
    if points:
        ends = [(_y_of(bars[-1], marks), names[0]), (points[-1][1], names[1])]
        picture.labels.extend(_build_end_labels(ends))
    picture.line = " ".join(f"{x},{y}" for x, y in points)
    return picture


def draw_ranges(
    labels: Sequence[str], low: Sequence[int | None], high: Sequence[int | None], names: tuple[str, str]
) -> Picture:
    """Return a chart of ranges over time: a dot at the low value and a line up to the high one, or a gap."""
    maximum = max((value for value in high if value is not None), default=1)
    picture, marks, middles = _draw_axes(labels, maximum or 1)
    ends: list[tuple[float, str]] = []
    for x, low_value, high_value in zip(middles, low, high, strict=True):
        if low_value is None or high_value is None:
            continue
        bottom, top = _y_of(low_value, marks), _y_of(high_value, marks)
        picture.spans.append((x, bottom, x, top))
        picture.dots.append((x, bottom))
        ends = [(top, names[1]), (bottom, names[0])]
    picture.labels.extend(_build_end_labels(ends))
    return picture


def draw_rows(entries: Sequence[tuple[str, int, int | None]]) -> Picture:
    """Return a chart of horizontal bars for the first entries, each as (name, first number, second number or None).

    The first number is the length of the bar, and the second that of a line inside it.
    """
    shown_entries = entries[:MAX_ROWS]
    maximum = max([1, *(max(first, second or 0) for _name, first, second in shown_entries)])
    picture = Picture(height=max(1, len(shown_entries)) * ROW_HEIGHT + 8)
    for index, (name, first, second) in enumerate(shown_entries):
        y = 4 + index * ROW_HEIGHT
        length = round((BAR_END - BAR_START) * first / maximum, 1)
        inner_length = (BAR_END - BAR_START) * (second or 0) / maximum
        shown_name = name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1].rstrip() + "…"
        picture.labels.append(Label(BAR_START - 8, y + 14, shown_name, "end"))
        picture.bars.append((BAR_START, y + 4, length, ROW_HEIGHT - 9))
        if second:
            middle = y + ROW_HEIGHT / 2 - 0.5
            picture.inner.append((BAR_START, middle, BAR_START + round(inner_length, 1), middle))
        numbers = f"{first}" if second is None else f"{first}, {second}"
        label_x = round(BAR_START + max(length, inner_length) + 6, 1)
        picture.labels.append(Label(label_x, y + 14, numbers, strong=True))
    picture.base.append((BAR_START, 2, BAR_START, picture.height - 2))
    return picture
