"""Flame graphs as small SVG images: callers above the functions that they call, as wide as the time spent in them."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

Stacks = Counter[tuple[str, ...]]  # the number of samples by stack, with the outermost function first

# In pixels; frames narrower than MIN_WIDTH are left out.
WIDTH, ROW_HEIGHT, MIN_WIDTH, LETTER_WIDTH = 1200, 17, 3.0, 6.3
COLOURS = {
    "app/": "#e8b04a",
    "sqlalchemy/": "#8fb3d9",
    "flask": "#a8cf9d",
    "jinja2/": "#d9a3c2",
    "werkzeug/": "#a8cf9d",
}
OTHER_COLOUR = "#d5d2cb"
MAX_DEPTH = 60


class Frame(NamedTuple):
    """A function under one of its callers. `start` and `samples` are its position and width, in samples."""

    name: str
    depth: int
    start: int
    samples: int


def iter_frames(stacks: Stacks, depth: int = 0, start: int = 0) -> Iterator[Frame]:
    """Yield a frame for each function under each of its callers."""
    callees: dict[str, Stacks] = {}
    for stack, samples in stacks.items():
        if stack:
            callees.setdefault(stack[0], Counter())[stack[1:]] += samples
    for name, inner_stacks in sorted(callees.items()):
        yield Frame(name, depth, start, inner_stacks.total())
        if depth < MAX_DEPTH:
            yield from iter_frames(inner_stacks, depth + 1, start)
        start += inner_stacks.total()


def render_svg(stacks: Stacks, title: str) -> str:
    """Return the graph as SVG without scripts; hovering over a function shows its name and share."""
    total = stacks.total() or 1
    frames = [frame for frame in iter_frames(stacks) if frame.samples * WIDTH / total >= MIN_WIDTH]
    height = (max((frame.depth for frame in frames), default=0) + 3) * ROW_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace">',
        "<style>text { font-size: 10px }</style>",
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="4" y="13" font-size="12">{escape(title)}: {total:,} samples</text>',
        *(_render_frame(frame, total) for frame in frames),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _render_frame(frame: Frame, total: int) -> str:
    x, y = frame.start * WIDTH / total, (frame.depth + 1.5) * ROW_HEIGHT
    width = frame.samples * WIDTH / total
    box = f'x="{x:.1f}" y="{y:.0f}" width="{max(width - 0.5, 0.5):.1f}" height="{ROW_HEIGHT - 1}"'
    max_letters = int((width - 4) / LETTER_WIDTH)
    text = ""
    if max_letters > 3:
        label = frame.name
        if len(label) > max_letters:
            label = label.partition(" ")[0][:max_letters]
        text = f'<text x="{x + 2:.1f}" y="{y + 12:.0f}">{escape(label)}</text>'
    return (
        f"<g><title>{escape(frame.name)} {frame.samples / total:.1%}</title>"
        f'<rect {box} fill="{_pick_colour(frame.name)}"/>{text}</g>'
    )


def _pick_colour(name: str) -> str:
    return next((colour for part, colour in COLOURS.items() if f"({part}" in name), OTHER_COLOUR)
