"""Rendering a block as text, Markdown, an HTML fragment or JSON.

The same code renders text, Markdown and HTML. Where they differ, it looks into a `_Format`: how a style such as strong
or a link is written, how a line is broken, and how text is escaped.
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
from ..text.styles import EMPHASIS, END_EMPHASIS, END_STRONG, STRONG, add_style, drop_styles
from .answer_text import read_answer
from .block import Block, Paragraph, Role, Run

# Takes rendered text and the value of a style (for "href" the URL), and returns the text in that style.
StyleWriter = Callable[[str, str], str]
_STYLES = ("href", "strong", "emphasis")  # the attributes of a `Run`, from the outermost in nested markup


@dataclass(frozen=True)
class _Format:
    style_writers: dict[str, StyleWriter]  # by style
    line_break: str
    escape: Callable[[str], str]


def _render_runs(runs: Iterable[Run], markup: _Format, styles: tuple[str, ...] = _STYLES) -> str:
    """Render runs. Neighbours of the same style are wrapped together, with links outermost."""
    if not styles:
        return "".join(markup.escape(run.text).replace("\n", markup.line_break) for run in runs)
    style, inner_styles = styles[0], styles[1:]
    parts = []
    for value, neighbours in groupby(runs, key=attrgetter(style)):
        text = _render_runs(neighbours, markup, inner_styles)
        if value and text.strip():
            text = markup.style_writers[style](text, str(value))
        parts.append(text)
    return "".join(parts)


def _list_tag(paragraph: Paragraph) -> str:
    """Return the HTML tag of the list to which a paragraph belongs, or "" if it isn't a list item."""
    if not paragraph.marker:
        return ""
    return "ul" if paragraph.marker == "-" else "ol"


def _separator(previous: Paragraph, paragraph: Paragraph) -> str:
    """Return what separates two paragraphs: a line break between items of a list, else a blank line."""
    is_same_list = _list_tag(paragraph) != "" and _list_tag(previous) == _list_tag(paragraph)
    return "\n" if is_same_list else "\n\n"


def _render_paragraphs(block: Block, render: Callable[[Paragraph], str]) -> str:
    """Render the paragraphs of a block as text or Markdown, each by `render`, with the markers of list items."""
    rendered = ""
    previous = None
    for paragraph in block.paragraphs:
        if previous:
            rendered += _separator(previous, paragraph)
        marker = f"{paragraph.marker} " if paragraph.marker else ""
        indent = " " * len(marker)
        rendered += marker + render(paragraph).replace("\n", "\n" + indent)
        previous = paragraph
    return rendered + "\n"


def _append_url(text: str, url: str) -> str:
    """Append a link's URL in brackets, unless the text is the URL or mail address itself."""
    return text if text in (url, url.removeprefix("mailto:")) else f"{text} ({url})"


_TEXT = _Format({"href": _append_url, "strong": lambda text, _: text, "emphasis": lambda text, _: text}, "\n", str)


def to_text(block: Block) -> str:
    """Render a block as plain text, with URLs in brackets after their links and a newline at the end."""
    return _render_paragraphs(block, lambda paragraph: _render_runs(paragraph.runs, _TEXT))


_STYLED = _Format(
    {
        "href": _append_url,
        "strong": lambda text, _: add_style(text, STRONG, END_STRONG),
        "emphasis": lambda text, _: add_style(text, EMPHASIS, END_EMPHASIS),
    },
    "\n",
    drop_styles,
)


def to_styled_text(markdown: str) -> str:
    """Render an answer as its house form prints it, but for the quotation marks: as text with styles (`text.styles`).

    Desk, experts' pages and mails show and compare answers in this form, so that nobody sees Markdown's signs.
    """
    block = Block("", tuple(read_answer(markdown)))
    return _render_paragraphs(block, lambda paragraph: _render_runs(paragraph.runs, _STYLED)).rstrip("\n")


def _wrap_in(delimiter: str) -> StyleWriter:
    """Return a writer that puts `delimiter` around text without its outer spaces, as in CommonMark (section 6.2)."""

    def wrap(text: str, _: str) -> str:
        bare = text.strip()
        start = text.index(bare)
        return f"{text[:start]}{delimiter}{bare}{delimiter}{text[start + len(bare) :]}"

    return wrap


def _markdown_link(text: str, url: str) -> str:
    destination = f"<{url}>" if re.search(r"[()\s]", url) else url
    return f"[{text}]({destination})"


# What CommonMark could read as markup anywhere in a line.
_INLINE_MARKUP = re.compile(
    r"""
      [\\`*\[\]<]
    | (?<![^\W_])_ | _(?![^\W_])  # _ at the edge of a word, not inside it
    | &(?=\#?\w+;)               # & of a character reference
    | !(?=\[)                    # ! of an image
    """,
    re.VERBOSE,
)
# What CommonMark could read as markup at the beginning of a line: a sign, or a number with a delimiter.
_LINE_START_MARKUP = re.compile(
    r"""
    ^(?P<indent>\s*)
    (?:
        (?P<sign> > | [#+=~-](?=\s|$|[#=~-]))
      | (?P<number>\d{1,9})(?P<delimiter>[.)])(?=\s|$)
    )
    """,
    re.MULTILINE | re.VERBOSE,
)
# Each # at the end of a heading, as CommonMark could drop them all as a closing sequence (section 4.2).
_CLOSING_SEQUENCE_MARKUP = re.compile(r"#(?=#*\Z)")


def _escape_inline(text: str) -> str:
    return _INLINE_MARKUP.sub(r"\\\g<0>", text)


def _escape_line_starts(text: str) -> str:
    return _LINE_START_MARKUP.sub(_escape_line_start, text)


def _escape_line_start(match: re.Match[str]) -> str:
    if match["sign"]:
        return f"{match['indent']}\\{match['sign']}"
    return f"{match['indent']}{match['number']}\\{match['delimiter']}"


def escape_markdown(text: str) -> str:
    """Escape plain text for Markdown, so that it renders as the same text."""
    return _escape_line_starts(_escape_inline(text))


_MARKDOWN = _Format(
    {"href": _markdown_link, "strong": _wrap_in("**"), "emphasis": _wrap_in("*")}, "\\\n", _escape_inline
)


def _render_markdown_paragraph(paragraph: Paragraph) -> str:
    markdown = _render_runs(paragraph.runs, _MARKDOWN)
    if paragraph.role == "heading":
        return "## " + _CLOSING_SEQUENCE_MARKUP.sub(r"\#", markdown)
    return _escape_line_starts(markdown)


def to_markdown(block: Block) -> str:
    """Render a block as CommonMark, with its heading at the second level."""
    return _render_paragraphs(block, _render_markdown_paragraph)


_HTML = _Format(
    {
        "href": lambda html, url: f'<a href="{escape(url)}" rel="noopener noreferrer">{html}</a>',
        "strong": lambda html, _: f"<strong>{html}</strong>",
        "emphasis": lambda html, _: f"<em>{html}</em>",
    },
    "<br>\n",
    lambda text: escape(text, quote=False),
)
_CSS_CLASSES: dict[Role, str] = {
    "heading": "qa-heading",
    "question": "qa-question",
    "lead_in": "qa-lead-in",
    "answer": "qa-answer",
    "call": "qa-call",
    "correction": "qa-correction",
}


@lru_cache(maxsize=4096)
def _char_direction(char: str) -> str:
    """Return the direction of a letter, or "" for any other character."""
    if category(char)[0] != "L":
        return ""
    return "ltr" if bidirectional(char) == "L" else "rtl"


def text_direction(text: str, default: str) -> str:
    """Return the direction of most letters in a text, or `default` if both directions are equally frequent.

    HTML's `dir="auto"` would follow the first letter alone, so that a Latin name at its beginning would reverse a
    Persian paragraph.
    """
    directions = set(map(_char_direction, set(text)))
    if "rtl" not in directions:  # a fast path for nearly all texts: counting takes ten times as long
        return "ltr" if "ltr" in directions else default
    counts = Counter[str]()
    for char, count in Counter(text).items():
        counts[_char_direction(char)] += count
    if counts["ltr"] == counts["rtl"]:
        return default
    return "rtl" if counts["rtl"] > counts["ltr"] else "ltr"


def _render_element(paragraph: Paragraph, base_direction: str) -> str:
    if paragraph.marker:
        tag = "li"
    elif paragraph.role == "heading":
        tag = "h2"
    else:
        tag = "p"
    own_direction = text_direction(paragraph.text, base_direction)
    dir_attribute = f' dir="{own_direction}"' if own_direction != base_direction else ""
    html = _render_runs(paragraph.runs, _HTML)
    return f'<{tag} class="{_CSS_CLASSES[paragraph.role]}"{dir_attribute}>{html}</{tag}>'


def to_html(block: Block, wrapper: str = "section") -> str:
    """Render a block as an HTML fragment with classes for styling. `wrapper` is the tag of the element around it, which
    has the language and direction.
    """
    base_direction = direction(block.language)
    lines = [f'<{wrapper} class="qa" lang="{escape(block.language)}" dir="{base_direction}">']
    for list_tag, neighbours in groupby(block.paragraphs, key=_list_tag):
        paragraphs = list(neighbours)
        elements = [_render_element(paragraph, base_direction) for paragraph in paragraphs]
        if list_tag:
            first_number = paragraphs[0].marker.rstrip(".")
            start_attribute = f' start="{first_number}"' if list_tag == "ol" and first_number != "1" else ""
            elements = [f'<{list_tag} class="qa-list"{start_attribute}>', *elements, f"</{list_tag}>"]
        lines += elements
    return "\n".join([*lines, f"</{wrapper}>"]) + "\n"


def _run_data(run: Run) -> dict[str, Any]:
    values = {style: getattr(run, style) for style in _STYLES}
    return {"text": run.text} | {style: value for style, value in values.items() if value}


def _paragraph_data(paragraph: Paragraph) -> dict[str, Any]:
    data: dict[str, Any] = {"role": paragraph.role, "runs": [_run_data(run) for run in paragraph.runs]}
    if paragraph.marker:
        data["marker"] = paragraph.marker
    return data


def to_json(block: Block) -> dict[str, Any]:
    """Return a block as data for JSON. Keys for styles, markers and corrections are left out where there are none."""
    data: dict[str, Any] = {
        "language": block.language,
        "direction": direction(block.language),
        "paragraphs": [_paragraph_data(paragraph) for paragraph in block.paragraphs],
    }
    if block.notes:
        data["corrections"] = [{"date": note.date, "wrong": note.wrong, "right": note.right} for note in block.notes]
    return data
