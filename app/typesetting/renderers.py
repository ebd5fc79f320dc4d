"""Rendering a block as text, Markdown, an HTML fragment or JSON.

Text, Markdown and HTML share one algorithm, with a table each of how to wrap a run, break a line and escape text.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby
from operator import attrgetter
from typing import Any
from unicodedata import bidirectional, category

from ..text.languages import direction
from .block import Block, Paragraph, Role, Run

Wrap = Callable[[str, str], str]  # takes the text and the value of the style, such as a URL
_STYLES = ("href", "strong", "emphasis")


@dataclass(frozen=True)
class _Format:
    """The ways in which a format wraps the text of a run (by style), breaks a line, and escapes text."""

    wraps: dict[str, Wrap]
    line_break: str
    escape: Callable[[str], str]


def _write(runs: Iterable[Run], markup: _Format, styles: tuple[str, ...] = _STYLES) -> str:
    """Render runs, wrapping neighbours of the same style together, with links outermost."""
    if not styles:
        return "".join(markup.escape(run.text).replace("\n", markup.line_break) for run in runs)
    style, *inner_styles = styles
    parts = []
    for value, group in groupby(runs, key=attrgetter(style)):
        text = _write(group, markup, tuple(inner_styles))
        if value and text.strip():
            text = markup.wraps[style](text, str(value))
        parts.append(text)
    return "".join(parts)


def _gap(previous: Paragraph, paragraph: Paragraph) -> str:
    """Return the separator of two paragraphs: a line break between items of a list, else a blank line."""
    is_same_list = bool(_list_kind(paragraph)) and _list_kind(previous) == _list_kind(paragraph)
    return "\n" if is_same_list else "\n\n"


def _write_paragraphs(block: Block, write: Callable[[Paragraph], str]) -> str:
    lines = ""
    previous = None
    for paragraph in block.paragraphs:
        marker = f"{paragraph.marker} " if paragraph.marker else ""
        indented = write(paragraph).replace("\n", "\n" + " " * len(marker))
        gap = _gap(previous, paragraph) if previous else ""
        lines += gap + marker + indented
        previous = paragraph
    return lines + "\n"


_TEXT = _Format(
    {
        "href": lambda inside, url: inside if inside in (url, url.removeprefix("mailto:")) else f"{inside} ({url})",
        "strong": lambda inside, _: inside,
        "emphasis": lambda inside, _: inside,
    },
    "\n",
    str,
)


def to_text(block: Block) -> str:
    """Render a block as plain text, with URLs in brackets after their links and a newline at the end."""
    return _write_paragraphs(block, lambda paragraph: _write(paragraph.runs, _TEXT))


def _wrap_in(delimiter: str) -> Wrap:
    """Wrap text in emphasis without its outer spaces, as CommonMark requires (section 6.2)."""

    def wrap(inside: str, _: str) -> str:
        bare = inside.strip()
        start = inside.index(bare)
        return f"{inside[:start]}{delimiter}{bare}{delimiter}{inside[start + len(bare) :]}"

    return wrap


# Characters that CommonMark could read as markup are escaped: some anywhere, _ only at the edge of a word, others only
# at the beginning of a line.
_MARKUP = re.compile(r"[\\`*\[\]<]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|!(?=\[)")
_LINE_START = re.compile(r"^(\s*)(?:(>|[#+=~-](?=\s|$|[#=~-]))|(\d{1,9})([.)])(?=\s|$))", re.MULTILINE)


def _markdown_text(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)


def _escape_line_start(match: re.Match[str]) -> str:
    indent, sign, number, after_number = match.groups()  # "- ", or "1" and "."
    return f"{indent}{number or ''}\\{sign or after_number}"


def _guard_line_starts(text: str) -> str:
    return _LINE_START.sub(_escape_line_start, text)


def markdown_of(text: str) -> str:
    """Escape plain text as Markdown that renders as the same text."""
    return _guard_line_starts(_markdown_text(text))


_MARKDOWN = _Format(
    {
        "href": lambda inside, url: f"[{inside}](<{url}>)" if re.search(r"[()\s]", url) else f"[{inside}]({url})",
        "strong": _wrap_in("**"),
        "emphasis": _wrap_in("*"),
    },
    "\\\n",
    _markdown_text,
)


def _markdown_paragraph(paragraph: Paragraph) -> str:
    text = _write(paragraph.runs, _MARKDOWN)
    if paragraph.role == "heading":
        return "## " + re.sub(r"#(?=#*\Z)", r"\\#", text)
    return _guard_line_starts(text)


def to_markdown(block: Block) -> str:
    """Render a block as CommonMark, with its heading at the second level."""
    return _write_paragraphs(block, _markdown_paragraph)


_HTML = _Format(
    {
        "href": lambda inside, url: f'<a href="{escape(url)}" rel="noopener noreferrer">{inside}</a>',
        "strong": lambda inside, _: f"<strong>{inside}</strong>",
        "emphasis": lambda inside, _: f"<em>{inside}</em>",
    },
    "<br>\n",
    lambda text: escape(text, quote=False),
)
_CLASSES: dict[Role, str] = {
    "heading": "qa-heading",
    "question": "qa-question",
    "lead_in": "qa-lead-in",
    "answer": "qa-answer",
    "call": "qa-call",
    "correction": "qa-correction",
}


@lru_cache(maxsize=4096)
def _reading_direction(char: str) -> str:
    """Return the direction of a letter; "" for other characters."""
    if category(char)[0] != "L":
        return ""
    return "ltr" if bidirectional(char) == "L" else "rtl"


def text_direction(text: str, default: str) -> str:
    """Return the direction of most letters in a text, or `default` if neither has more.

    `dir="auto"` would follow the first letter and turn a Persian paragraph around that begins with a Latin name.
    """
    directions = set(map(_reading_direction, set(text)))
    if "rtl" not in directions:  # a fast path for nearly all texts: counting takes ten times as long
        return "ltr" if "ltr" in directions else default
    counts = Counter[str]()
    for char, count in Counter(text).items():
        counts[_reading_direction(char)] += count
    if counts["ltr"] == counts["rtl"]:
        return default
    return "rtl" if counts["rtl"] > counts["ltr"] else "ltr"


def _element(paragraph: Paragraph, base_direction: str) -> str:
    if paragraph.marker:
        tag = "li"
    elif paragraph.role == "heading":
        tag = "h2"
    else:
        tag = "p"
    own_direction = text_direction(paragraph.text, base_direction)
    attribute = f' dir="{own_direction}"' if own_direction != base_direction else ""
    return f'<{tag} class="{_CLASSES[paragraph.role]}"{attribute}>{_write(paragraph.runs, _HTML)}</{tag}>'


def _list_kind(paragraph: Paragraph) -> str:
    """Return the HTML element of a paragraph's list, or "" if it isn't a list item."""
    if not paragraph.marker:
        return ""
    return "ul" if paragraph.marker == "-" else "ol"


def to_html(block: Block, wrapper: str = "section") -> str:
    """Render a block as an HTML fragment with classes for styling, in a `wrapper` with language and direction."""
    base_direction = direction(block.language)
    lines = [f'<{wrapper} class="qa" lang="{escape(block.language)}" dir="{base_direction}">']
    for kind, group in groupby(block.paragraphs, key=_list_kind):
        paragraphs = list(group)
        elements = [_element(paragraph, base_direction) for paragraph in paragraphs]
        if kind:
            first = paragraphs[0].marker.rstrip(".")
            start = f' start="{first}"' if kind == "ol" and first != "1" else ""
            elements = [f'<{kind} class="qa-list"{start}>', *elements, f"</{kind}>"]
        lines += elements
    return "\n".join([*lines, f"</{wrapper}>"]) + "\n"


def _run_data(run: Run) -> dict[str, Any]:
    styles = {style: getattr(run, style) for style in _STYLES}
    return {"text": run.text} | {style: value for style, value in styles.items() if value}


def to_json(block: Block) -> dict[str, Any]:
    """Return a block as data for JSON, in which a run only has the styles that apply."""
    paragraphs = [
        {"role": paragraph.role, "runs": [_run_data(run) for run in paragraph.runs]}
        | ({"marker": paragraph.marker} if paragraph.marker else {})
        for paragraph in block.paragraphs
    ]
    notes = [{"date": note.on, "wrong": note.wrong, "right": note.right} for note in block.notes]
    return {"language": block.language, "direction": direction(block.language), "paragraphs": paragraphs} | (
        {"corrections": notes} if notes else {}
    )
