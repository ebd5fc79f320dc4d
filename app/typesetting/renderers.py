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

Wrap = Callable[[str, str], str]
_STYLES = ("href", "strong", "emphasis")


@dataclass(frozen=True)
class _Form:
    wraps: dict[str, Wrap]
    line_break: str
    escape: Callable[[str], str]


def _write(runs: Iterable[Run], form: _Form, styles: tuple[str, ...] = _STYLES) -> str:
    """Render runs, wrapping neighbours of the same style together, with links outermost."""
    if not styles:
        return "".join(form.escape(run.text).replace("\n", form.line_break) for run in runs)
    written = []
    for value, group in groupby(runs, key=attrgetter(styles[0])):
        inside = _write(group, form, styles[1:])
        written.append(form.wraps[styles[0]](inside, str(value)) if value and inside.strip() else inside)
    return "".join(written)


def _gap(previous: Paragraph, paragraph: Paragraph) -> str:
    """Return the separator of two paragraphs: a line break between items of a list, else a blank line."""
    same = bool(previous.marker) and bool(paragraph.marker) and (previous.marker == "-") == (paragraph.marker == "-")
    return "\n" if same else "\n\n"


def _lines(block: Block, write: Callable[[Paragraph], str]) -> str:
    done, before = "", None
    for paragraph in block.paragraphs:
        marker = f"{paragraph.marker} " if paragraph.marker else ""
        indented = write(paragraph).replace("\n", "\n" + " " * len(marker))
        done += (_gap(before, paragraph) if before else "") + marker + indented
        before = paragraph
    return done + "\n"


_TEXT = _Form(
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
    return _lines(block, lambda paragraph: _write(paragraph.runs, _TEXT))


def _hug(sign: str) -> Wrap:
    """Wrap text in emphasis without its outer spaces, as CommonMark requires (section 6.2)."""

    def wrap(inside: str, _: str) -> str:
        bare = inside.strip()
        start = inside.index(bare)
        return f"{inside[:start]}{sign}{bare}{sign}{inside[start + len(bare) :]}"

    return wrap


# Characters that CommonMark could read as markup are escaped: some anywhere, _ only at the edge of a word, others only
# at the beginning of a line.
_MARKUP = re.compile(r"[\\`*\[\]<]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|!(?=\[)")
_LINE_START = re.compile(r"^(\s*)(?:(>|[#+=~-](?=\s|$|[#=~-]))|(\d{1,9})([.)])(?=\s|$))", re.MULTILINE)


def _markdown_text(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)


def _guard_line_starts(text: str) -> str:
    return _LINE_START.sub(lambda at: f"{at[1]}{at[3] or ''}\\{at[2] or at[4]}", text)


def markdown_of(text: str) -> str:
    """Escape plain text as Markdown that renders as the same text."""
    return _guard_line_starts(_markdown_text(text))


_MARKDOWN = _Form(
    {
        "href": lambda inside, url: f"[{inside}](<{url}>)" if re.search(r"[()\s]", url) else f"[{inside}]({url})",
        "strong": _hug("**"),
        "emphasis": _hug("*"),
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
    return _lines(block, _markdown_paragraph)


_HTML = _Form(
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
def _runs_to(char: str) -> str:
    """Return whether a letter reads to the left or right; "" for other characters."""
    if category(char)[0] != "L":
        return ""
    return "left" if bidirectional(char) == "L" else "right"


def text_direction(text: str, default: str) -> str:
    """Return the direction of most letters in a text, or `default` if neither has more.

    `dir="auto"` would follow the first letter and turn a Persian paragraph around that begins with a Latin name.
    """
    sides = set(map(_runs_to, set(text)))
    if "right" not in sides:  # a fast path for nearly all texts: counting takes ten times as long
        return "ltr" if "left" in sides else default
    runs_to = Counter[str]()
    for char, number in Counter(text).items():
        runs_to[_runs_to(char)] += number
    left, right = runs_to["left"], runs_to["right"]
    return default if left == right else "rtl" if right > left else "ltr"


def _element(paragraph: Paragraph, base_direction: str) -> str:
    tag = "li" if paragraph.marker else "h2" if paragraph.role == "heading" else "p"
    own = text_direction(paragraph.text, base_direction)
    turned = f' dir="{own}"' if own != base_direction else ""
    return f'<{tag} class="{_CLASSES[paragraph.role]}"{turned}>{_write(paragraph.runs, _HTML)}</{tag}>'


def _list_kind(paragraph: Paragraph) -> str:
    return {"": "", "-": "ul"}.get(paragraph.marker, "ol")


def to_html(block: Block, wrapper: str = "section") -> str:
    """Render a block as an HTML fragment with classes for styling, in a `wrapper` with language and direction."""
    usual = direction(block.language)
    lines = [f'<{wrapper} class="qa" lang="{escape(block.language)}" dir="{usual}">']
    for kind, group in groupby(block.paragraphs, key=_list_kind):
        paragraphs = list(group)
        elements = [_element(paragraph, usual) for paragraph in paragraphs]
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
