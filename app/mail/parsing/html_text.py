"""HTML to the text that its reader sees, in linear time.

A tree builder takes quadratic time on hostile HTML (see html_tree.py), so this reads tag by tag.
"""

import html as entities
import re
from dataclasses import dataclass, field

from .charsets import tidy

MOST_HTML = 1_000_000  # characters, images that are written into the page not counted
MOST_QUOTED = 20  # quotes within quotes; each costs two characters a line

# Quotes hold a ">" only where a value begins (HTML, section 13.2.5.37). What nobody closed goes to the end.
TOKEN = re.compile(
    r"<!--(?:>|->|.*?(?:--!?>|\Z))"
    r"|<(?P<unseen>script|style|title|textarea|template|select|iframe|noframes)\b.*?(?:</(?P=unseen)\b[^>]*>?|\Z)"
    r"|<(?P<end>/?)(?P<tag>[a-z][^\s/>]{0,40})(?P<rest>(?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?+)*+)(?:>|\Z)"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_HIDDEN = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all", re.IGNORECASE
)
_HIDDEN_ATTRIBUTE = re.compile(r"\shidden(?=[\s=/]|\Z)", re.IGNORECASE)
# Word writes each line as a paragraph and takes the space around it away.
_TIGHT = re.compile(
    r"\bMso(?:Normal|PlainText|ListParagraph)|margin\s{0,9}:\s{0,9}0|margin-bottom\s{0,9}:\s{0,9}0", re.IGNORECASE
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_DOUBLE_SPACE = re.compile(r"[ \xa0]{2,}")
_LONG_NUMBER = re.compile(r"&#(?:0*[0-9]{8,}|[xX]0*[0-9a-fA-F]{7,});?")  # Python refuses to read over 4,300 digits
_WRITTEN_IN = re.compile(r"\bdata:[^\"'\s>]{200,}")

VOID = frozenset([
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
])  # fmt: skip
_SPACED = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre"])
_BLOCKS = _SPACED | frozenset([
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "html", "li", "main", "menu", "nav", "section", "summary",
    "table", "tbody", "tfoot", "thead", "tr",
])  # fmt: skip
# Their end tags may be left out (HTML, section 13.1.2.4), so that they say nothing about how deep the tree is.
IMPLIED = frozenset([
    "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "optgroup", "body", "html", "head",
])  # fmt: skip


def without_images(html: str) -> str:
    """HTML without the images that are written into its addresses, which may be most of it."""
    return _WRITTEN_IN.sub("data:", html)


def text_of(html: str) -> str:
    """The readable text: a line for each paragraph, line break, row and item of a list, quotes behind "> ", no images.

    What the page hides is left out, unless there is nothing else. Never raises; takes time in proportion to the length.
    """
    html = without_images(html)[:MOST_HTML]
    page = _read(html, hide=True)
    if not page.lines and page.hides:
        page = _read(html, hide=False)
    return tidy("\n".join(page.lines).strip("\n"))


@dataclass
class _Page:
    """A text that is being set: lines that are done, the pieces of the open one, and what is around it."""

    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    quoted: int = 0
    last_quoted: int = 0  # of the last line with text
    mark: str = ""  # of an item in a list, before its first text
    gap: bool = False  # a paragraph has ended or begins: an empty line before the next text
    loose: bool = False  # the paragraph that we are in has space around it
    kept: int = 0  # within so many <pre>
    lists: list[int] = field(default_factory=list)  # the last number of each open list, -1 for one without numbers
    unseen: str = ""  # the hidden element that we are in
    unseen_depth: int = 0
    hides: bool = False  # whether anything was hidden

    def add(self, text: str) -> None:
        if self.kept:
            first, *more = text.replace("\r\n", "\n").split("\n")
            self.line.append(first)
            for line in more:
                self.end()
                self.line.append(line)
        elif text:
            self.line.append(_SPACE.sub(" ", text))

    def end(self, always: bool = True) -> None:
        """End the open line; without `always` only where there is something in it."""
        text = "".join(self.line)
        always = always or "\xa0" in text  # a paragraph that holds nothing else is an empty line on purpose
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


def _read(html: str, hide: bool) -> _Page:
    page = _Page()
    at = 0
    for match in TOKEN.finditer(html):
        if match.start() > at and not page.unseen:
            page.add(_unescaped(html[at : match.start()]))
        at = match.end()
        tag = (match["tag"] or "").lower()
        if not tag:
            continue
        if page.unseen and (_stays_hidden(page, tag, bool(match["end"])) or match["end"]):
            continue
        if match["end"]:
            _close(page, tag)
        elif hide and tag not in VOID and _is_hidden(match["rest"]):
            page.unseen, page.unseen_depth, page.hides = tag, 1, True
        else:
            _open(page, tag, match["rest"])
    if not page.unseen:
        page.add(_unescaped(html[at:]))
    page.end(always=False)
    return page


def _unescaped(text: str) -> str:
    return entities.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


def _is_hidden(attributes: str) -> bool:
    return len(attributes) > 6 and bool(_HIDDEN.search(attributes) or _HIDDEN_ATTRIBUTE.search(attributes))


def _stays_hidden(page: _Page, tag: str, ends: bool) -> bool:
    """A hidden element ends with its own end tag; a paragraph, an item or a cell also where the next one begins."""
    if tag == page.unseen:
        page.unseen_depth += -1 if ends else int(tag not in IMPLIED)
    follows = not ends and page.unseen in IMPLIED and (tag == page.unseen or (page.unseen == "p" and tag in _BLOCKS))
    if page.unseen_depth == 0 or follows or (ends and tag in ("body", "html")):
        page.unseen = ""
        page.end(always=False)
    return bool(page.unseen)


def _open(page: _Page, tag: str, attributes: str) -> None:
    if tag == "br":
        page.end()
    elif tag in ("td", "th"):
        page.line.append(" ")
    elif tag == "hr":
        page.end(always=False)
        page.gap = True
    elif tag in _BLOCKS:
        page.end(always=False)
        page.loose = tag in _SPACED and not page.lists and not (tag == "p" and _TIGHT.search(attributes))
        page.gap = page.gap or page.loose
        if tag == "blockquote":
            page.quoted = min(page.quoted + 1, MOST_QUOTED)
        elif tag == "pre":
            page.kept += 1
        elif tag in ("ul", "ol") and len(page.lists) < MOST_QUOTED:
            page.lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            page.mark = _mark(page)


def _mark(page: _Page) -> str:
    if page.lists and page.lists[-1] >= 0:
        page.lists[-1] += 1
        return f"{page.lists[-1]}. "
    return "- "


def _close(page: _Page, tag: str) -> None:
    if tag == "br":  # browsers read </br> as <br>
        page.end()
    elif tag in _BLOCKS:
        page.end(always=False)
        if tag == "blockquote":
            page.quoted = max(page.quoted - 1, 0)
        elif tag == "pre":
            page.kept = max(page.kept - 1, 0)
        elif tag in ("ul", "ol") and page.lists:
            page.lists.pop()
            page.mark = ""
        if tag in _SPACED and not page.lists and (page.loose or tag != "p"):
            page.gap = True
