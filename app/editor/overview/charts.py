"""Charts as numbers that a template draws as SVG: at most two series, labelled at their ends, without a legend.

A chart is 360 units wide. The table beside it holds the same data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

WIDTH, HEIGHT = 360, 168
TOP, BOTTOM = 14.0, 140.0  # of the plot; the base line is at the bottom
START, END = 28.0, 272.0  # of the plot; the names of the series follow after the end
ROW, BAR_AT, BAR_END, MOST_ROWS = 22, 140.0, 312.0, 10
Box = tuple[float, float, float, float]
LETTERS = 19  # length of the longest name that fits before its bar


@dataclass(frozen=True)
class Label:
    x: float
    y: float
    text: str
    anchor: str = "start"
    strong: bool = False


@dataclass
class Picture:
    """The shapes of a chart: lines are (x1, y1, x2, y2), bars (x, y, width, height), dots (x, y).

    `line` holds the points of a polyline.
    """

    height: int = HEIGHT
    grid: list[Box] = field(default_factory=list)
    base: list[Box] = field(default_factory=list)
    spans: list[Box] = field(default_factory=list)
    bars: list[Box] = field(default_factory=list)
    inner: list[Box] = field(default_factory=list)
    line: str = ""
    dots: list[tuple[float, float]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def _steps(maximum: float) -> list[int]:
    """Return two to five evenly spaced marks from 0 to at least `maximum`."""
    size = next(size * 10**power for power in range(9) for size in (1, 2, 5) if maximum <= 4 * size * 10**power)
    return list(range(0, int(size * max(1, -(-maximum // size))) + 1, size))


def _axes(labels: Sequence[str], maximum: float) -> tuple[Picture, list[int], list[float]]:
    """Return a time chart with its grid and labels, the marks of its scale, and the x of the middle of each column."""
    marks, width = _steps(maximum), (END - START) / max(1, len(labels))
    middles = [round(START + width * (number + 0.5), 1) for number in range(len(labels))]
    picture = Picture(base=[(START, BOTTOM, END, BOTTOM)])
    for mark in marks[1:]:
        y = _height(mark, marks)
        picture.grid.append((START, y, END, y))
        picture.labels.append(Label(START - 6, round(y + 4, 1), str(mark), "end"))
    every = max(1, -(-len(labels) // 4))
    picture.labels.extend(
        Label(middles[number], BOTTOM + 16, labels[number], "middle") for number in range(0, len(labels), every)
    )
    return picture, marks, middles


def _height(value: float, marks: Sequence[int]) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / marks[-1], 1)


def _build_end_labels(ends: Iterable[tuple[float, str]]) -> list[Label]:
    """Return the names of the series at their ends, moved apart so that they don't overlap."""
    placed = sorted(ends)
    ys = [y for y, _ in placed]
    for above, below in pairwise(range(len(ys))):
        ys[below] = max(ys[below], ys[above] + 13)
    over = max(0.0, ys[-1] - BOTTOM) if ys else 0
    return [Label(END + 4, round(y - over + 4, 1), name, strong=True) for y, (_, name) in zip(ys, placed, strict=True)]


def columns(labels: Sequence[str], bars: Sequence[int], line: Sequence[int], names: tuple[str, str]) -> Picture:
    """Return a chart of outlined bars and a line over time. `names` label the last bar and the end of the line."""
    picture, marks, middles = _axes(labels, max((*bars, *line, 1)))
    width = round(min(14.0, (END - START) / max(1, len(labels)) * 0.62), 1)
    for x, value in zip(middles, bars, strict=True):
        y = _height(value, marks)
        picture.bars.append((round(x - width / 2, 1), y, width, round(BOTTOM - y, 1)))
    points = [(x, _height(value, marks)) for x, value in zip(middles, line, strict=True)]
    picture.dots.extend(points[-1:])
    if points:
        ends = [(_height(bars[-1], marks), names[0]), (points[-1][1], names[1])]
        picture.labels.extend(_build_end_labels(ends))
    picture.line = " ".join(f"{x},{y}" for x, y in points)
    return picture


def spans(
    labels: Sequence[str], low: Sequence[int | None], high: Sequence[int | None], names: tuple[str, str]
) -> Picture:
    """Return a chart of ranges over time: a dot at the low value and a line up to the high one, or a gap."""
    picture, marks, middles = _axes(labels, max([value for value in high if value is not None] or [1]) or 1)
    ends: list[tuple[float, str]] = []
    for x, first, last in zip(middles, low, high, strict=True):
        if first is None or last is None:
            continue
        bottom, top = _height(first, marks), _height(last, marks)
        picture.spans.append((x, bottom, x, top))
        picture.dots.append((x, bottom))
        ends = [(top, names[1]), (bottom, names[0])]
    picture.labels.extend(_build_end_labels(ends))
    return picture


def rows(entries: Sequence[tuple[str, int, int | None]]) -> Picture:
    """Return a chart of horizontal bars, each after its name and followed by its number.

    A second number is drawn as a line inside the bar.
    """
    shown = entries[:MOST_ROWS]
    most = max([first for _, first, _ in shown] + [second or 0 for _, _, second in shown] + [1])
    picture = Picture(height=max(1, len(shown)) * ROW + 8)
    for number, (name, first, second) in enumerate(shown):
        y = 4 + number * ROW
        length = round((BAR_END - BAR_AT) * first / most, 1)
        cut = name if len(name) <= LETTERS else name[: LETTERS - 1].rstrip() + "…"
        picture.labels.append(Label(BAR_AT - 8, y + 14, cut, "end"))
        picture.bars.append((BAR_AT, y + 4, length, ROW - 9))
        if second:
            inside = round((BAR_END - BAR_AT) * second / most, 1)
            picture.inner.append((BAR_AT, y + ROW / 2 - 0.5, BAR_AT + inside, y + ROW / 2 - 0.5))
        said = f"{first}" if second is None else f"{first}, {second}"
        reach = max(length, (BAR_END - BAR_AT) * (second or 0) / most)
        picture.labels.append(Label(round(BAR_AT + reach + 6, 1), y + 14, said, strong=True))
    picture.base.append((BAR_AT, 2, BAR_AT, picture.height - 2))
    return picture
