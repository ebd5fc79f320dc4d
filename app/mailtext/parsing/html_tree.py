"""Safe parsing of HTML into a tree.

The HTML standard lets a page cost more than linear time and memory: a parser may walk over every open element for each
tag (500 kB of "<div>" kept Lexbor busy for over 20 seconds), and recreates each open "<b>" in every paragraph (1 MB
grew to over 2 GB). `flatten_if_too_complex` keeps such pages from the parser.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_DEPTH = 500  # levels of open elements
MAX_ATTRIBUTES = 500  # of one element
MAX_RECREATED_ELEMENTS = 500_000  # formatting elements that the parser recreates
MAX_ELEMENTS = 15_000  # of a page; the largest newsletters have a third of that
SMALL_PAGE_LENGTH = 16_000  # characters; the attributes of a shorter page can't cost a tenth of a second

UNSEEN = "script|style|title|textarea|template|select|iframe|noframes"
# Quotes protect a ">" only at the start of a value (HTML, section 13.2.5.37).
ATTRIBUTES = r"(?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?+)*+"
# Unclosed tokens extend to the end.
TOKEN = re.compile(
    r"<!--(?:>|->|.*?(?:--!?>|\Z))"  # a comment
    rf"|<(?P<unseen>{UNSEEN})\b.*?(?:</(?P=unseen)\b[^>]*>?|\Z)"  # an element without visible content
    rf"|<(?P<slash>/?)(?P<tag>[a-z][^\s/>]{{0,40}})(?P<attributes>{ATTRIBUTES})(?:>|\Z)"  # a tag
    r"|<[!?/][^>]*+(?:>|\Z)",  # a declaration or a broken tag
    re.DOTALL | re.IGNORECASE,
)
VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
# Their end tags are optional (HTML, section 13.1.2.4), so without an end tag they don't add to the depth of the tree.
OPTIONAL_END = frozenset(
    ["p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "optgroup", "body", "html", "head"]
)

# HTML, section 13.2.4.3: formatting elements, which continue in the next paragraph if they were not closed.
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
_CELLS = frozenset(["td", "th", "caption"])
# For pages with too many elements: invisible content, start tags, inline tags, and all tags.
_INVISIBLE = re.compile(rf"<!--.*?(?:-->|\Z)|<({UNSEEN})\b.*?(?:</\1\b[^>]*>?|\Z)", re.DOTALL | re.IGNORECASE)
_START_TAG = re.compile(r"<[a-z]", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:span|{'|'.join(sorted(_FORMATTING))})\b[^>]*+>?", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[a-z/!?][^>]*+>?", re.IGNORECASE)


Attributes = dict[str, str | None]
State = TypeVar("State")


class NodeVisitor(Protocol[State]):
    """A visitor of the nodes of a page. The state returned by `enter` is passed on to the element's descendants."""

    def enter(self, tag: str, attributes: Attributes, state: State, node: LexborNode) -> State | None:
        """Handle the start of an element; return the state for its content, or None to skip it."""

    def leave(self, tag: str, state: State) -> None:
        """Handle the end of an element that was not skipped."""

    def text(self, text: str, state: State) -> None:
        """Handle a text node."""


def walk(html: str, visitor: NodeVisitor[State], state: State) -> None:
    """Visit the nodes of a page in document order, without recursion, because pages may be deeply nested."""
    root = LexborHTMLParser(flatten_if_too_complex(html)).body
    # Nodes to visit, with the state around each. True marks an element whose content was visited, so that it is left.
    stack: list[tuple[LexborNode, State, bool]] = [(root, state, False)] if root is not None else []
    while stack:
        node, state, is_leaving = stack.pop()
        tag = node.tag or ""
        if is_leaving:
            visitor.leave(tag, state)
            continue
        if node is not root and node.next is not None:
            stack.append((node.next, state, False))
        if tag == "-text":
            visitor.text(node.text_content or "", state)
        elif not tag.startswith(("-", "_", "!")):
            inner_state = visitor.enter(tag, node.attributes, state, node)
            if inner_state is not None:
                stack.append((node, inner_state, True))
                if node.child is not None:
                    stack.append((node.child, inner_state, False))


def flatten_if_too_complex(html: str) -> str:
    """Return the HTML unchanged, or only its text in a <pre> if it would be too expensive to parse.

    HTML is too expensive if its elements, nesting, attributes or recreated formatting elements exceed the limits above.
    """
    if html.count("<") > MAX_ELEMENTS and len(_START_TAG.findall(html)) > MAX_ELEMENTS:
        text = _ANY_TAG.sub("\n", _INLINE_TAG.sub("", _INVISIBLE.sub("", html)))
    elif _is_too_complex(html):
        text = TOKEN.sub(_replace_tag, html)
    else:
        return html
    lines = (line.strip() for line in text.replace("<", "&lt;").split("\n"))
    text = "\n".join(filter(None, lines))
    return f"<pre>{text}</pre>"


def _replace_tag(token: re.Match[str]) -> str:
    """Return the replacement of a tag: a line break for a block, nothing for an inline element."""
    tag = (token["tag"] or "span").lower()
    return "" if tag == "span" or tag in _FORMATTING else "\n"


@dataclass
class _Scope:
    """The page, a table or a cell; an end tag closes no element outside its scope (HTML, section 13.2.4.2)."""

    is_cell: bool = False
    unclosed: Counter[str] = field(default_factory=Counter)  # the number of unclosed elements by tag
    open_formatting: int = 0  # formatting elements among them


@dataclass
class _OpenElements:
    """The open elements, counted as the parser would keep them while it reads the page."""

    scopes: list[_Scope] = field(default_factory=lambda: [_Scope()])
    depth: int = 0
    open_formatting: int = 0
    recreated_count: int = 0  # formatting elements that the parser may have recreated

    def open(self, tag: str) -> None:
        if tag in _CELLS:
            if len(self.scopes) > 1:
                self._leave(is_cell=True)
                self.scopes.append(_Scope(is_cell=True))
        elif tag == "table":
            self.scopes.append(_Scope())
            self.depth += 1
        elif tag not in VOID and tag not in OPTIONAL_END:
            self._count(tag, 1)
        self.recreated_count += self.open_formatting

    def close(self, tag: str) -> None:
        if tag in _CELLS:
            self._leave(is_cell=True)
        elif tag == "table" and len(self.scopes) > 1:
            self._leave(is_cell=True)
            self._leave(is_cell=False)
            self.depth -= 1
        elif self.scopes[-1].unclosed[tag] > 0:
            self._count(tag, -1)

    def _count(self, tag: str, change: int) -> None:
        scope = self.scopes[-1]
        scope.unclosed[tag] += change
        self.depth += change
        if tag in _FORMATTING:
            scope.open_formatting += change
            self.open_formatting += change

    def _leave(self, *, is_cell: bool) -> None:
        """Leave the innermost scope if it is of this kind, closing the elements that are open in it."""
        if len(self.scopes) > 1 and self.scopes[-1].is_cell == is_cell:
            scope = self.scopes.pop()
            self.depth -= scope.unclosed.total()
            self.open_formatting -= scope.open_formatting


def _is_too_complex(html: str) -> bool:
    if len(html) <= SMALL_PAGE_LENGTH and html.count("<") <= MAX_DEPTH:
        return False
    open_elements = _OpenElements()
    for match in TOKEN.finditer(html):
        tag = (match["tag"] or "").lower()
        if not tag:
            continue
        if match["slash"]:
            open_elements.close(tag)
        else:
            open_elements.open(tag)
        if (
            open_elements.depth > MAX_DEPTH
            or open_elements.recreated_count > MAX_RECREATED_ELEMENTS
            or _has_too_many_attributes(match["attributes"])
        ):
            return True
    return False


def _has_too_many_attributes(attributes: str) -> bool:
    if len(attributes) < 2 * MAX_ATTRIBUTES:
        return False
    return len(attributes.split()) + attributes.count("=") + attributes.count("/") > MAX_ATTRIBUTES
