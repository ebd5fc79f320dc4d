"""Convert HTML to the text that a reader sees."""

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from .charsets import tidy
from .html_tree import Attributes, walk

MOST_HTML = 1_000_000  # characters, not counting inline images
MOST_QUOTED = 20  # levels of quotes; each costs two characters per line

HIDDEN = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all", re.IGNORECASE
)
# Word makes each line a paragraph without margins.
_TIGHT = re.compile(
    r"\bMso(?:Normal|PlainText|ListParagraph)|margin\s{0,9}:\s{0,9}0|margin-bottom\s{0,9}:\s{0,9}0", re.IGNORECASE
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_DOUBLE_SPACE = re.compile(r"[ \xa0]{2,}")
_WRITTEN_IN = re.compile(r"\bdata:[^\"'\s>]{200,}")

_SPACED = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre"])
# Elements without visible text.
UNSEEN = frozenset(["script", "style", "title", "textarea", "template", "select", "iframe", "noframes"])
_SECTIONS = ("address", "article", "aside", "body", "footer", "header", "html", "main", "nav", "section")
_GROUPS = ("blockquote", "center", "dd", "details", "div", "dt", "fieldset", "figcaption", "figure", "form", "summary")
_TABLES = ("caption", "table", "tbody", "tfoot", "thead", "tr")
BLOCKS = _SPACED.union(_SECTIONS, _GROUPS, _TABLES, ("li", "menu"))


def without_images(html: str) -> str:
    """Remove inline images (data: URLs) from HTML, since they may be most of it."""
    return _WRITTEN_IN.sub("data:", html)


def text_of(html: str) -> str:
    """Return the visible text: a line for each paragraph, break, row and list item, quotes with "> ", no images.

    Hidden text is left out, unless there is nothing else. Never raises; takes linear time.
    """
    html = without_images(html)[:MOST_HTML]
    page = _read(html, hide=True)
    if not page.lines and page.hides:
        page = _read(html, hide=False)
    return tidy("\n".join(page.lines).strip("\n"))


@dataclass
class _Page:
    """A visitor that collects the text: finished lines, pieces of the current one, and the surrounding elements."""

    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    quoted: int = 0
    last_quoted: int = 0  # level of the last line with text
    mark: str = ""  # bullet or number of a list item, until its first text
    gap: bool = False  # put an empty line before the next text
    loose: bool = False  # the current paragraph has margins
    kept: int = 0  # number of open <pre> elements
    lists: list[int] = field(default_factory=list)  # the last number of each open list, -1 for unordered ones
    hide: bool = True  # leave hidden elements out
    hides: bool = False  # a hidden element was left out

    def text(self, text: str, _: bool) -> None:
        if self.kept:
            first, *more = text.replace("\r\n", "\n").split("\n")
            self.line.append(first)
            for line in more:
                self.end()
                self.line.append(line)
        elif text:
            self.line.append(_SPACE.sub(" ", text))

    def end(self, always: bool = True) -> None:
        """End the current line; without `always` only if it isn't empty."""
        text = "".join(self.line)
        always = always or "\xa0" in text  # a paragraph with only a no-break space is an intentional empty line
        self.line.clear()
        if not self.kept:
            text = _DOUBLE_SPACE.sub(" ", text)
        text = text.rstrip(" \t\xa0") if self.kept else text.strip(" \t\xa0")
        if not text and not always:
            return
        prefix = "> " * self.quoted
        if not text or (self.gap and self.quoted == self.last_quoted):
            empty = prefix.rstrip()
            if self.lines and self.lines[-1].strip("> "):
                self.lines.append(empty)
        if text:
            self.lines.append(prefix + self.mark + text)
            self.gap, self.mark, self.last_quoted = False, "", self.quoted

    def enter(self, tag: str, attributes: Attributes, _: bool, node: LexborNode) -> bool | None:
        if tag in UNSEEN:
            return None
        style = attributes.get("style") or ""
        if self.hide and ("hidden" in attributes or HIDDEN.search(style)):
            self.hides = True
            return None
        if tag == "br":
            self.end()
        elif tag in ("td", "th"):
            self.line.append(" ")
        elif tag == "hr":
            self.end(always=False)
            self.gap = True
        elif tag in BLOCKS:
            self.end(always=False)
            tight = tag == "p" and _TIGHT.search(f"{attributes.get('class') or ''} {style}")
            self.loose = tag in _SPACED and not self.lists and not tight
            self.gap = self.gap or self.loose
            if tag == "blockquote":
                self.quoted = min(self.quoted + 1, MOST_QUOTED)
            elif tag == "pre":
                self.kept += 1
            elif tag in ("ul", "ol") and len(self.lists) < MOST_QUOTED:
                self.lists.append(0 if tag == "ol" else -1)
            elif tag == "li":
                self.mark = self._mark()
        return True

    def _mark(self) -> str:
        if self.lists and self.lists[-1] >= 0:
            self.lists[-1] += 1
            return f"{self.lists[-1]}. "
        return "- "

    def leave(self, tag: str, _: bool) -> None:
        if tag not in BLOCKS:
            return
        self.end(always=False)
        if tag == "blockquote":
            self.quoted = max(self.quoted - 1, 0)
        elif tag == "pre":
            self.kept = max(self.kept - 1, 0)
        elif tag in ("ul", "ol") and self.lists:
            self.lists.pop()
            self.mark = ""
        if tag in _SPACED and not self.lists and (self.loose or tag != "p"):
            self.gap = True


def _read(html: str, hide: bool) -> _Page:
    page = _Page(hide=hide)
    walk(html, page, True)
    page.end(always=False)
    return page
