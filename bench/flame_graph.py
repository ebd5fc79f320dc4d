"""Flame graphs as small SVG images: callers above the functions that they call, as wide as the time spent in them."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

Stacks = Counter[tuple[str, ...]]

WIDTH, ROW, LEAST, LETTER = 1200, 17, 3.0, 6.3  # pixels; frames narrower than LEAST are left out
COLOURS = {
    "app/": "#e8b04a",
    "sqlalchemy/": "#8fb3d9",
    "flask": "#a8cf9d",
    "jinja2/": "#d9a3c2",
    "werkzeug/": "#a8cf9d",
}
OTHERS = "#d5d2cb"
DEPTH = 60


class Frame(NamedTuple):
    name: str
    depth: int
    begins: int
    times: int


def frames(stacks: Stacks) -> Iterator[Frame]:
    """Yield a frame for each function under each of its callers."""

    def walk(some: Stacks, depth: int, begins: int) -> Iterator[Frame]:
        below: dict[str, Stacks] = {}
        for stack, times in some.items():
            if stack:
                below.setdefault(stack[0], Counter())[stack[1:]] += times
        for name, mine in sorted(below.items()):
            yield Frame(name, depth, begins, mine.total())
            if depth < DEPTH:
                yield from walk(mine, depth + 1, begins)
            begins += mine.total()

    yield from walk(stacks, 0, 0)


def drawn(stacks: Stacks, title: str) -> str:
    """Return the graph as SVG without scripts; hovering over a function shows its name and share."""
    whole = stacks.total() or 1
    shown = [frame for frame in frames(stacks) if frame.times * WIDTH / whole >= LEAST]
    height = (max((frame.depth for frame in shown), default=0) + 3) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace">',
        "<style>text { font-size: 10px }</style>",
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="4" y="13" font-size="12">{escape(title)}: {whole:,} looks</text>',
    ]
    for frame in shown:
        x, width, y = frame.begins * WIDTH / whole, frame.times * WIDTH / whole, (frame.depth + 1.5) * ROW
        room = int((width - 4) / LETTER)
        label = escape(frame.name if len(frame.name) <= room else frame.name.partition(" ")[0][:room])
        box = f'x="{x:.1f}" y="{y:.0f}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW - 1}"'
        parts.append(
            f"<g><title>{escape(frame.name)} {frame.times / whole:.1%}</title>"
            f'<rect {box} fill="{_colour(frame.name)}"/>'
            + (f'<text x="{x + 2:.1f}" y="{y + 12:.0f}">{label}</text>' if room > 3 else "")
            + "</g>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _colour(name: str) -> str:
    return next((colour for part, colour in COLOURS.items() if f"({part}" in name), OTHERS)
