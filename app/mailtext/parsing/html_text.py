"""Convert HTML to the text that a reader sees."""

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from .charsets import tidy
from .html_tree import Attributes, walk

MAX_HTML_LENGTH = 1_000_000  # characters, not counting inline images
MAX_DEPTH = 20  # levels of quotes, each of which costs two characters per line, and of lists

HIDDEN = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all", re.IGNORECASE
)
# Word makes each line a paragraph without margins.
_TIGHT = re.compile(
    r"\bMso(?:Normal|PlainText|ListParagraph)|margin\s{0,9}:\s{0,9}0|margin-bottom\s{0,9}:\s{0,9}0", re.IGNORECASE
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_DOUBLE_SPACE = re.compile(r"[ \xa0]{2,}")
_DATA_URL = re.compile(r"\bdata:[^\"'\s>]{200,}")

# Elements with an empty line around them.
_SPACED = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre"])
# Elements without visible text.
UNSEEN = frozenset(["script", "style", "title", "textarea", "template", "select", "iframe", "noframes"])
_SECTIONS = ("address", "article", "aside", "body", "footer", "header", "html", "main", "nav", "section")
_GROUPS = ("blockquote", "center", "dd", "details", "div", "dt", "fieldset", "figcaption", "figure", "form", "summary")
_TABLES = ("caption", "table", "tbody", "tfoot", "thead", "tr")
BLOCKS = _SPACED.union(_SECTIONS, _GROUPS, _TABLES, ("li", "menu"))


def remove_images(html: str) -> str:
    """Remove inline images (data: URLs) from HTML, since they may be most of it."""
    return _DATA_URL.sub("data:", html)


def convert_to_text(html: str) -> str:
    """Return the visible text: a line for each paragraph, break, row and list item, quotes with "> ", no images.

    Hidden text is left out, unless there is nothing else. Never raises; takes linear time.
    """
    html = remove_images(html)[:MAX_HTML_LENGTH]
    page = _collect_text(html, skips_hidden=True)
    if not page.lines and page.has_skipped:
        page = _collect_text(html, skips_hidden=False)
    return tidy("\n".join(page.lines).strip("\n"))


@dataclass
class _Page:
    """A visitor that collects the text: finished lines, pieces of the current one, and the surrounding elements."""

    lines: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    quote_depth: int = 0
    last_quote_depth: int = 0  # of the last line with text
    marker: str = ""  # bullet or number of a list item, until its first text
    needs_gap: bool = False  # whether an empty line precedes the next text
    has_margins: bool = False  # whether the current paragraph has margins
    pre_depth: int = 0  # number of open <pre> elements
    lists: list[int] = field(default_factory=list)  # the last number of each open list, -1 for unordered ones
    skips_hidden: bool = True  # whether hidden elements are left out
    has_skipped: bool = False  # whether a hidden element was left out

    def text(self, text: str, _: bool) -> None:
        if self.pre_depth:
            first_line, *other_lines = text.replace("\r\n", "\n").split("\n")
            self.pieces.append(first_line)
            for line in other_lines:
                self.end_line()
                self.pieces.append(line)
        elif text:
            self.pieces.append(_SPACE.sub(" ", text))

    def end_line(self, *, keep_empty: bool = True) -> None:
        """End the current line; an empty one stays only with `keep_empty`, and never below another empty line."""
        text = "".join(self.pieces)
        self.pieces.clear()
        # A paragraph with only a no-break space is an intentional empty line.
        keep_empty = keep_empty or "\xa0" in text
        if not self.pre_depth:
            text = _DOUBLE_SPACE.sub(" ", text).lstrip(" \t\xa0")
        text = text.rstrip(" \t\xa0")
        if not text and not keep_empty:
            return
        prefix = "> " * self.quote_depth
        needs_gap_here = self.needs_gap and self.quote_depth == self.last_quote_depth
        has_text_above = self.lines and self.lines[-1].strip("> ")
        if (needs_gap_here or not text) and has_text_above:
            self.lines.append(prefix.rstrip())
        if text:
            self.lines.append(prefix + self.marker + text)
            self.needs_gap = False
            self.marker = ""
            self.last_quote_depth = self.quote_depth

    def enter(self, tag: str, attributes: Attributes, _: bool, node: LexborNode) -> bool | None:
        if tag in UNSEEN:
            return None
        style = attributes.get("style") or ""
        if self.skips_hidden and ("hidden" in attributes or HIDDEN.search(style)):
            self.has_skipped = True
            return None
        if tag == "br":
            self.end_line()
        elif tag in ("td", "th"):
            self.pieces.append(" ")
        elif tag == "hr":
            self.end_line(keep_empty=False)
            self.needs_gap = True
        elif tag in BLOCKS:
            self.end_line(keep_empty=False)
            is_tight = tag == "p" and _TIGHT.search(f"{attributes.get('class') or ''} {style}")
            self.has_margins = tag in _SPACED and not self.lists and not is_tight
            self.needs_gap = self.needs_gap or self.has_margins
            if tag == "blockquote":
                self.quote_depth = min(self.quote_depth + 1, MAX_DEPTH)
            elif tag == "pre":
                self.pre_depth += 1
            elif tag in ("ul", "ol") and len(self.lists) < MAX_DEPTH:
                self.lists.append(0 if tag == "ol" else -1)
            elif tag == "li":
                self.marker = self._next_marker()
        return True

    def _next_marker(self) -> str:
        if self.lists and self.lists[-1] >= 0:
            self.lists[-1] += 1
            return f"{self.lists[-1]}. "
        return "- "

    def leave(self, tag: str, _: bool) -> None:
        if tag not in BLOCKS:
            return
        self.end_line(keep_empty=False)
        if tag == "blockquote":
            self.quote_depth = max(self.quote_depth - 1, 0)
        elif tag == "pre":
            self.pre_depth = max(self.pre_depth - 1, 0)
        elif tag in ("ul", "ol") and self.lists:
            self.lists.pop()
            self.marker = ""
        if tag in _SPACED and not self.lists and (self.has_margins or tag != "p"):
            self.needs_gap = True


def _collect_text(html: str, *, skips_hidden: bool) -> _Page:
    page = _Page(skips_hidden=skips_hidden)
    walk(html, page, True)
    page.end_line(keep_empty=False)
    return page
