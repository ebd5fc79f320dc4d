"""Splitting an HTML page into paragraphs: a mail, or an export from Substack, Ghost, Mailchimp and others.

Elements that aren't part of the text are recognised by class or tag (page_parts.toml) and skipped: buttons, captions,
widgets, cards of other pages, the hidden preview text of a mail, and its footer.
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

MAX_HTML_LENGTH = 8_000_000
MIN_HEADING_PIXELS = 20  # font size from which a line counts as a heading
MAX_HEADING_LENGTH = 160
LEVEL_OF_LARGE_TEXT = 3  # the heading level of text in a large font
LEVEL_OF_TERMS = 5  # the heading level of <summary> and <dt>
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_TEXT_BESIDE_PICTURE = re.compile(r"\bmcnCaption\w*")  # of Mailchimp, which doesn't mean captions
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")  # the place in "shareButton" before the B
_BOLD = re.compile(r"font-weight\s{0,9}:\s{0,9}(?:bold|[6-9]00)", re.IGNORECASE)
_NOT_BOLD = re.compile(r"font-weight\s{0,9}:\s{0,9}(?:normal|[1-4]00)", re.IGNORECASE)
_ITALIC = re.compile(r"font-style\s{0,9}:\s{0,9}italic", re.IGNORECASE)
_FONT_SIZE = re.compile(r"font-size\s{0,9}:\s{0,9}(\d{1,3})(?:\.\d+)?px", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_EDGES = " \t\n\u00a0\u200b\u034f"  # removed at both ends of a line
LINE_BREAK = "\x00"  # stands for a <br> in `Piece.text`


class Style(NamedTuple):
    """The style of a piece of text, from the elements around it. `level` is the level of a heading, else 0."""

    bold: bool = False
    italic: bool = False
    is_link: bool = False
    is_quoted: bool = False
    level: int = 0


class Piece(NamedTuple):
    """A piece of a paragraph with one style; or a line break, whose text is `LINE_BREAK`."""

    text: str
    style: Style


class ParagraphCollector:
    """A visitor for `html_tree.walk` that collects the paragraphs of a page.

    - _paragraph_pieces: the pieces of the current paragraph so far.
    - _last_item_numbers: the last number in each list around it, from the outermost; None for a bullet list.
    - _pending_marker: the number or bullet of the next paragraph.
    """

    def __init__(self) -> None:
        self.paras: list[Para] = []
        self._paragraph_pieces: list[Piece] = []
        self._last_item_numbers: list[int | None] = []
        self._pending_marker = ""
        self._skipped_parts = _load_skipped_parts()

    def enter(self, tag: str, attributes: Attributes, style: Style, node: LexborNode) -> Style | None:
        """Return the style inside an element, or None to skip the element."""
        class_names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        css = attributes.get("style") or ""
        if tag in UNSEEN or tag in self._skipped_parts["tags"] or "hidden" in attributes or HIDDEN.search(css):
            return None
        if class_names.strip() and self._skipped_parts["class_words"] & _split_class_names(class_names):
            return None
        if attributes.get("role") in ("navigation", "button", "contentinfo", "search"):
            return None
        if tag == "br":
            self._paragraph_pieces.append(Piece(LINE_BREAK, style))
        elif tag in BLOCKS or tag in ("td", "th"):
            self._enter_block(tag)
        if tag == "hr":
            self.flush()
            self.paras.append(Para("", "rule"))
        return _derive_style(tag, attributes, css, style)

    def _enter_block(self, tag: str) -> None:
        self.flush()
        if tag == "ol":
            self._last_item_numbers.append(0)
        elif tag == "ul":
            self._last_item_numbers.append(None)
        elif tag == "li":
            self._pending_marker = self._next_marker()
        elif tag == "article" and self.paras:
            self.paras.append(Para("", "rule"))

    def _next_marker(self) -> str:
        last_number = self._last_item_numbers[-1] if self._last_item_numbers else None
        if last_number is None:
            return "-"
        self._last_item_numbers[-1] = last_number + 1
        return f"{last_number + 1}."

    def leave(self, tag: str, style: Style) -> None:
        if tag in BLOCKS or tag in ("td", "th"):
            self.flush()
            if tag in ("ul", "ol") and self._last_item_numbers:
                self._last_item_numbers.pop()
                self._pending_marker = ""

    def text(self, text: str, style: Style) -> None:
        self._paragraph_pieces.append(Piece(text.replace(LINE_BREAK, ""), style))

    def flush(self) -> None:
        """Finish the current paragraph: create a `Para` for each of its lines, and join those that belong together."""
        lines: list[Para] = []
        line_pieces: list[Piece] = []
        breaks_since_text = 2  # two or more breaks separate paragraphs
        for piece in [*self._paragraph_pieces, Piece(LINE_BREAK, Style())]:
            if piece.text != LINE_BREAK:
                line_pieces.append(piece)
                continue
            line = self._build_line(line_pieces, is_separate=breaks_since_text >= 2)
            line_pieces = []
            if line is None:
                breaks_since_text += 1
            else:
                lines.append(line)
                breaks_since_text = 1
        self._paragraph_pieces.clear()
        self.paras += join_lines(lines)

    def _build_line(self, pieces: list[Piece], is_separate: bool) -> Para | None:
        """Build the `Para` of a line, with the pending marker if there is one; return None for a line without text."""
        text = for_print(_SPACES.sub(" ", "".join(piece.text for piece in pieces))).strip(_EDGES)
        if not text:
            return None
        visible = [piece for piece in pieces if piece.text.strip(_EDGES)]
        # The style of punctuation only counts in a line without words.
        with_words = [piece for piece in visible if re.search(r"\w", piece.text)]
        styles = [piece.style for piece in with_words or visible]
        levels = {style.level for style in styles}
        is_heading = min(levels) > 0 and len(text) <= MAX_HEADING_LENGTH
        is_bold = all(style.bold for style in styles)
        marker = self._pending_marker
        self._pending_marker = ""
        kind: Kind = "text"
        if is_heading:
            kind = "heading"
        elif all(piece.style.is_quoted for piece in visible):
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
            is_link=all(piece.style.is_link for piece in visible),
            is_separate=is_separate,
        )


def _get_bold_start(pieces: list[Piece]) -> str:
    """Return the bold beginning of a line, or ""."""
    if not pieces or not pieces[0].style.bold:
        return ""
    bold_pieces = takewhile(lambda piece: piece.style.bold or not re.search(r"\w", piece.text), pieces)
    return _SPACES.sub(" ", "".join(piece.text for piece in bold_pieces)).strip(_EDGES)


def _derive_style(tag: str, attributes: Attributes, css: str, outer: Style) -> Style:
    """Return the style of an element inside one of the style `outer`."""
    is_bold = outer.bold or tag in ("b", "strong") or _BOLD.search(css) is not None
    is_link = tag == "a" and bool(attributes.get("href"))
    return Style(
        bold=is_bold and not _NOT_BOLD.search(css),
        italic=outer.italic or tag in ("i", "em") or _ITALIC.search(css) is not None,
        is_link=outer.is_link or is_link,
        is_quoted=outer.is_quoted or tag == "blockquote",
        level=_get_heading_level(tag, attributes, css, outer.level),
    )


def _get_heading_level(tag: str, attributes: Attributes, css: str, outer_level: int) -> int:
    """Return the level of the heading that an element is or belongs to, or 0 if it isn't part of a heading."""
    level = outer_level
    if re.fullmatch("h[1-6]", tag):
        level = int(tag[1])
    elif tag in ("summary", "dt"):
        level = LEVEL_OF_TERMS
    if not level and attributes.get("role") == "heading":
        aria_level = attributes.get("aria-level") or ""
        level = int(aria_level) if aria_level.isdecimal() else 2  # 2 is ARIA's default
    size = _FONT_SIZE.search(css)
    if size is None:
        return level
    is_large = int(size[1]) >= MIN_HEADING_PIXELS
    if is_large and not level and tag in ("span", "font", "p", "strong", "b"):
        return LEVEL_OF_LARGE_TEXT
    if not is_large and outer_level == LEVEL_OF_LARGE_TEXT and tag not in ("span", "a"):
        return 0  # small text inside a large font isn't part of the heading
    return level


def _split_class_names(class_names: str) -> set[str]:
    """Return class names in lower case, together with the words that they consist of."""
    class_names = _TEXT_BESIDE_PICTURE.sub("", class_names)
    hyphenated = _CAMEL_CASE.sub("-", class_names).lower()
    words = filter(None, _NOT_WORD.split(hyphenated))
    return {*class_names.lower().split(), *words}


def _load_skipped_parts() -> dict[str, frozenset[str]]:
    return {kind: frozenset(words.split()) for kind, words in word_tables(__file__, "page_parts").items()}


def paragraphs_of_html(html: str) -> list[Para]:
    """Return the paragraphs of an HTML page in order."""
    collector = ParagraphCollector()
    walk(remove_images(html)[:MAX_HTML_LENGTH], collector, Style())
    collector.flush()
    return collector.paras
