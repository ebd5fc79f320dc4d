"""The paragraphs of an HTML page: of a mail, or of an export from Substack, Ghost, Mailchimp and others.

What isn't part of the text is left out by its class or tag (page_parts.toml): buttons, captions, widgets, cards of
other pages, the hidden preview text of a mail, its footer.
"""

import re
from itertools import takewhile
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from ..mailtext.parsing.html_text import BLOCKS, HIDDEN, UNSEEN, remove_images
from ..mailtext.parsing.html_tree import Attributes, walk
from ..text.clean import for_print
from ..text.word_tables import word_tables
from .issue_paragraph import Kind, Para, join_lines

MOST_HTML = 8_000_000  # characters of one page
HEADING_SIZE = 20  # pixels of a font size from which a line counts as a heading
LONGEST_HEADING = 160
LEVEL_OF_LARGE_TEXT = 3  # the heading level of text in a large font
LEVEL_OF_TERMS = 5  # that of <summary> and <dt>
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")  # the place in "shareButton" before the B
_BOLD = re.compile(r"font-weight\s{0,9}:\s{0,9}(?:bold|[6-9]00)", re.IGNORECASE)
_NOT_BOLD = re.compile(r"font-weight\s{0,9}:\s{0,9}(?:normal|[1-4]00)", re.IGNORECASE)
_ITALIC = re.compile(r"font-style\s{0,9}:\s{0,9}italic", re.IGNORECASE)
_SIZE = re.compile(r"font-size\s{0,9}:\s{0,9}(\d{1,3})(?:\.\d+)?px", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_EDGES = " \t\n\u00a0\u200b\u034f"
BREAK = "\x00"  # stands for a <br> among the pieces of text


class Style(NamedTuple):
    """The style of a piece of text, from the elements around it."""

    bold: bool = False
    italic: bool = False
    is_link: bool = False
    is_quoted: bool = False
    level: int = 0


class ParagraphCollector:
    """A visitor for `html_tree.walk` that collects the paragraphs of a page."""

    def __init__(self) -> None:
        self.paras: list[Para] = []
        self._pieces: list[tuple[str, Style]] = []  # of the current paragraph
        self._item_numbers: list[int | None] = []  # of the open lists, from the outermost; None for bullets
        self._marker = ""  # of the next paragraph
        self._parts = _page_parts()

    def enter(self, tag: str, attributes: Attributes, style: Style, node: LexborNode) -> Style | None:
        class_names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        css = attributes.get("style") or ""
        if tag in UNSEEN or tag in self._parts["tags"] or "hidden" in attributes or HIDDEN.search(css):
            return None
        if class_names.strip() and self._parts["left_out"] & _split_class_names(class_names):
            return None
        if attributes.get("role") in ("navigation", "button", "contentinfo", "search"):
            return None
        if tag == "br":
            self._pieces.append((BREAK, style))
        elif tag in BLOCKS or tag in ("td", "th"):
            self._enter_block(tag)
        if tag == "hr":
            self.flush()
            self.paras.append(Para("", "rule"))
        return _derive_style(tag, attributes, css, style)

    def _enter_block(self, tag: str) -> None:
        self.flush()
        if tag == "ol":
            self._item_numbers.append(0)
        elif tag == "ul":
            self._item_numbers.append(None)
        elif tag == "li":
            self._marker = self._next_marker()
        elif tag == "article" and self.paras:
            self.paras.append(Para("", "rule"))

    def _next_marker(self) -> str:
        number = self._item_numbers[-1] if self._item_numbers else None
        if number is None:
            return "-"
        self._item_numbers[-1] = number + 1
        return f"{number + 1}."

    def leave(self, tag: str, style: Style) -> None:
        if tag in BLOCKS or tag in ("td", "th"):
            self.flush()
            if tag in ("ul", "ol") and self._item_numbers:
                self._item_numbers.pop()
                self._marker = ""

    def text(self, text: str, style: Style) -> None:
        self._pieces.append((text.replace(BREAK, ""), style))

    def flush(self) -> None:
        """Finish the current paragraph: create a `Para` for each of its lines, and join those that belong together."""
        lines: list[Para] = []
        line_pieces: list[tuple[str, Style]] = []
        breaks = 2  # since the last line with text; two or more separate paragraphs
        for text, style in [*self._pieces, (BREAK, Style())]:
            if text != BREAK:
                line_pieces.append((text, style))
                continue
            line = self._build_line(line_pieces, is_separate=breaks >= 2)
            line_pieces = []
            if line is None:
                breaks += 1
            else:
                lines.append(line)
                breaks = 1
        self._pieces.clear()
        self.paras += join_lines(lines)

    def _build_line(self, pieces: list[tuple[str, Style]], is_separate: bool) -> Para | None:
        text = for_print(_SPACE.sub(" ", "".join(text for text, _ in pieces))).strip(_EDGES)
        if not text:
            return None
        visible = [(part, style) for part, style in pieces if part.strip(_EDGES)]
        # Punctuation doesn't decide about the style, unless there is nothing else.
        styles = [style for part, style in visible if re.search(r"\w", part)] or [style for _, style in visible]
        levels = {style.level for style in styles}
        is_heading = min(levels) > 0 and len(text) <= LONGEST_HEADING
        is_bold = all(style.bold for style in styles)
        marker = self._marker
        self._marker = ""
        kind: Kind = "text"
        if is_heading:
            kind = "heading"
        elif all(style.is_quoted for _, style in visible):
            kind = "quote"
        elif marker:
            kind = "item"
        return Para(
            text,
            kind,
            level=max(levels) if is_heading else 0,
            bold=is_bold and not is_heading,
            italic=all(style.italic for style in styles),
            bold_start="" if is_bold or is_heading else _get_bold_start(visible),
            marker=marker,
            is_link=all(style.is_link for _, style in visible),
            is_separate=is_separate,
        )


def _get_bold_start(pieces: list[tuple[str, Style]]) -> str:
    """Return the bold beginning of a line, or ""."""
    if not pieces or not pieces[0][1].bold:
        return ""
    bold_pieces = takewhile(lambda piece: piece[1].bold or not re.search(r"\w", piece[0]), pieces)
    return _SPACE.sub(" ", "".join(text for text, _ in bold_pieces)).strip(_EDGES)


def _derive_style(tag: str, attributes: Attributes, css: str, style: Style) -> Style:
    """Return the style of an element inside one of the given style."""
    is_bold = style.bold or tag in ("b", "strong") or _BOLD.search(css) is not None
    is_link = tag == "a" and bool(attributes.get("href"))
    return Style(
        bold=is_bold and not _NOT_BOLD.search(css),
        italic=style.italic or tag in ("i", "em") or _ITALIC.search(css) is not None,
        is_link=style.is_link or is_link,
        is_quoted=style.is_quoted or tag == "blockquote",
        level=_get_heading_level(tag, attributes, css, style.level),
    )


def _get_heading_level(tag: str, attributes: Attributes, css: str, outer_level: int) -> int:
    """Return the level of headings, or 0 if the element isn't part of a heading."""
    level = outer_level
    if re.fullmatch("h[1-6]", tag):
        level = int(tag[1])
    elif tag in ("summary", "dt"):
        level = LEVEL_OF_TERMS
    if not level and attributes.get("role") == "heading":
        aria_level = attributes.get("aria-level") or ""
        level = int(aria_level) if aria_level.isdecimal() else 2  # 2 is ARIA's default
    size = _SIZE.search(css)
    if size is None:
        return level
    is_large = int(size[1]) >= HEADING_SIZE
    if is_large and not level and tag in ("span", "font", "p", "strong", "b"):
        return LEVEL_OF_LARGE_TEXT
    if not is_large and outer_level == LEVEL_OF_LARGE_TEXT and tag not in ("span", "a"):
        return 0  # small text inside a large font isn't part of the heading
    return level


def _split_class_names(class_names: str) -> set[str]:
    """Return class names in lower case, together with the words that they consist of."""
    hyphenated = _CAMEL_CASE.sub("-", class_names).lower()
    words = filter(None, _NOT_WORD.split(hyphenated))
    return {*class_names.lower().split(), *words}


def _page_parts() -> dict[str, frozenset[str]]:
    return {kind: frozenset(listed.split()) for kind, listed in word_tables(__file__, "page_parts").items()}


def paragraphs_of_html(html: str) -> list[Para]:
    """Return the paragraphs of an HTML page in order."""
    page = ParagraphCollector()
    walk(remove_images(html)[:MOST_HTML], page, Style())
    page.flush()
    return page.paras
