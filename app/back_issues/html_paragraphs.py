"""The paragraphs of an HTML page: of a mail, or of an export from Substack, Ghost, Mailchimp and others.

What isn't part of the text is left out by its class or tag (page_parts.toml): buttons, captions, widgets, cards of
other pages, the hidden preview text of a mail, its footer.
"""

import re
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from ..mailtext.parsing.html_text import BLOCKS, HIDDEN, UNSEEN, without_images
from ..mailtext.parsing.html_tree import Attributes, walk
from ..text.clean import for_print
from ..text.word_tables import word_tables
from .issue_paragraph import Para, join_lines

MOST_HTML = 8_000_000  # characters of one page
BIG = 20  # pixels of a font size from which a line counts as a heading
LONGEST_HEADING = 160
_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BOLD = re.compile(r"font-weight\s{0,9}:\s{0,9}(?:bold|[6-9]00)", re.IGNORECASE)
_UPRIGHT = re.compile(r"font-weight\s{0,9}:\s{0,9}(?:normal|[1-4]00)", re.IGNORECASE)
_ITALIC = re.compile(r"font-style\s{0,9}:\s{0,9}italic", re.IGNORECASE)
_SIZE = re.compile(r"font-size\s{0,9}:\s{0,9}(\d{1,3})(?:\.\d+)?px", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_ENDS = " \t\n\u00a0\u200b\u034f"
BREAK = "\x00"


class Style(NamedTuple):
    """The style of a piece of text, from the elements around it."""

    strong: bool = False
    slanted: bool = False
    link: bool = False
    quoted: bool = False
    level: int = 0


class Page:
    """A visitor for `html_tree.walk` that collects the paragraphs of a page."""

    def __init__(self) -> None:
        self.paras: list[Para] = []
        self._open: list[tuple[str, Style]] = []
        self._lists: list[int] = []
        self._marker = ""
        self._parts = _page_parts()

    def enter(self, tag: str, attributes: Attributes, style: Style, node: LexborNode) -> Style | None:
        named = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        css = attributes.get("style") or ""
        if tag in UNSEEN or tag in self._parts["tags"] or "hidden" in attributes or HIDDEN.search(css):
            return None
        if named.strip() and self._parts["left_out"] & _split_class_names(named):
            return None
        if attributes.get("role") in ("navigation", "button", "contentinfo", "search"):
            return None
        if tag == "br":
            self._open.append((BREAK, style))
        elif tag in BLOCKS or tag in ("td", "th"):
            self._block(tag)
        if tag == "hr":
            self.flush()
            self.paras.append(Para("", "rule"))
        return _derive_style(tag, attributes, css, style)

    def _block(self, tag: str) -> None:
        self.flush()
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            if self._lists and self._lists[-1] >= 0:
                self._lists[-1] += 1
            self._marker = f"{self._lists[-1]}." if self._lists and self._lists[-1] > 0 else "-"
        elif tag == "article" and self.paras:
            self.paras.append(Para("", "rule"))

    def leave(self, tag: str, style: Style) -> None:
        if tag in BLOCKS or tag in ("td", "th"):
            self.flush()
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
                self._marker = ""

    def text(self, text: str, style: Style) -> None:
        self._open.append((text.replace(BREAK, ""), style))

    def flush(self) -> None:
        """Finish the current paragraph: create a `Para` for each of its lines, and join those that belong together."""
        lines: list[Para] = []
        pieces: list[tuple[str, Style]] = []
        breaks = 2
        for text, style in [*self._open, (BREAK, Style())]:
            if text != BREAK:
                pieces.append((text, style))
                continue
            line = self._line(pieces, breaks < 2)
            pieces = []
            if line is None:
                breaks += 1
            else:
                lines.append(line)
                breaks = 1
        self._open.clear()
        self.paras += join_lines(lines)

    def _line(self, pieces: list[tuple[str, Style]], goes_on: bool) -> Para | None:
        text = for_print(_SPACE.sub(" ", "".join(text for text, _ in pieces))).strip(_ENDS)
        if not text:
            return None
        worded = [(part, style) for part, style in pieces if part.strip(_ENDS)]
        telling = [(part, style) for part, style in worded if re.search(r"\w", part)] or worded
        levels = {style.level for _, style in telling}
        level = max(levels) if min(levels) and len(text) <= LONGEST_HEADING else 0
        quoted = all(style.quoted for _, style in worded)
        strong = all(style.strong for _, style in telling)
        marker, self._marker = self._marker, ""
        return Para(
            text,
            "heading" if level else "quote" if quoted else "item" if marker else "text",
            level,
            strong=strong and not level,
            slanted=all(style.slanted for _, style in telling),
            head="" if strong or level else _head(worded),
            marker=marker,
            link=all(style.link for _, style in worded),
            apart=not goes_on,
        )


def _head(pieces: list[tuple[str, Style]]) -> str:
    """Return the bold beginning of a line, or ""."""
    found = ""
    for text, style in pieces:
        if not style.strong and re.search(r"\w", text):
            break
        found += text
    return _SPACE.sub(" ", found).strip(_ENDS) if any(style.strong for _, style in pieces[:1]) else ""


def _derive_style(tag: str, attributes: Attributes, css: str, style: Style) -> Style:
    strong = (style.strong or tag in ("b", "strong") or bool(_BOLD.search(css))) and not _UPRIGHT.search(css)
    slanted = style.slanted or tag in ("i", "em") or bool(_ITALIC.search(css))
    level = int(tag[1]) if re.fullmatch("h[1-6]", tag) else style.level
    level = 5 if tag in ("summary", "dt") else level
    if not level and attributes.get("role") == "heading":
        level = int(attributes["aria-level"] or 2) if (attributes.get("aria-level") or "").isdecimal() else 2
    size = _SIZE.search(css)
    if not level and tag in ("span", "font", "p", "strong", "b") and size and int(size[1]) >= BIG:
        level = 3
    elif size and int(size[1]) < BIG and style.level == 3 and tag not in ("span", "a"):
        level = 0
    is_link = tag == "a" and bool(attributes.get("href"))
    return Style(strong, slanted, style.link or is_link, style.quoted or tag == "blockquote", level)


def _split_class_names(class_names: str) -> set[str]:
    """Return class names in lower case, together with the words that they consist of."""
    return {*class_names.lower().split(), *filter(None, _SPLIT.split(_CAMEL.sub("-", class_names).lower()))}


def _page_parts() -> dict[str, frozenset[str]]:
    return {kind: frozenset(listed.split()) for kind, listed in word_tables(__file__, "page_parts").items()}


def paragraphs_of_html(html: str) -> list[Para]:
    """Return the paragraphs of an HTML page in order."""
    page = Page()
    walk(without_images(html)[:MOST_HTML], page, Style())
    page.flush()
    return page.paras
