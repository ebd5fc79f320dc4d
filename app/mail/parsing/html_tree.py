"""HTML that a tree may safely be built of.

Builders follow a standard that lets a page cost more than its length: each open element may be walked over for each tag
(500 kB of "<div>" kept Lexbor busy for over 20 seconds), and each open "<b>" is made again in every paragraph (1 MB made
over 2 GB). The trimmer needs a tree, so `tamed` gives it nothing that grows into such a one.
"""

import html as entities
from collections import Counter
from dataclasses import dataclass, field

from .html_text import IMPLIED, TOKEN, VOID, text_of

MOST_NESTED = 500
MOST_ATTRIBUTES = 500
MOST_MADE_AGAIN = 500_000

# HTML, section 13.2.4.3: these go on in the next paragraph when they were not closed.
_GOES_ON = frozenset(["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"])
_CELLS = frozenset(["td", "th", "caption"])


def tamed(html: str) -> str:
    """The HTML itself, or only its text in a <pre>: where elements are nested deeper than any program nests them, a tag
    carries attributes by the hundred, or what was never closed would be made again too often."""
    return f"<pre>{entities.escape(text_of(html))}</pre>" if _is_wild(html) else html


@dataclass
class _Scope:
    """The page, a table or a cell: an end tag closes nothing outside of its own (section 13.2.4.2)."""

    is_cell: bool = False
    unclosed: Counter[str] = field(default_factory=Counter)
    going_on: int = 0


@dataclass
class _Page:
    scopes: list[_Scope] = field(default_factory=lambda: [_Scope()])
    nested: int = 0
    going_on: int = 0
    made_again: int = 0

    def open(self, tag: str) -> None:
        if tag in _CELLS:
            if len(self.scopes) > 1:
                self._leave(is_cell=True)
                self.scopes.append(_Scope(is_cell=True))
        elif tag == "table":
            self.scopes.append(_Scope())
            self.nested += 1
        elif tag not in VOID and tag not in IMPLIED:
            self._count(tag, 1)
        self.made_again += self.going_on

    def close(self, tag: str) -> None:
        if tag in _CELLS:
            self._leave(is_cell=True)
        elif tag == "table" and len(self.scopes) > 1:
            self._leave(is_cell=True)
            self._leave(is_cell=False)
            self.nested -= 1
        elif self.scopes[-1].unclosed[tag] > 0:
            self._count(tag, -1)

    def _count(self, tag: str, by: int) -> None:
        scope = self.scopes[-1]
        scope.unclosed[tag] += by
        self.nested += by
        if tag in _GOES_ON:
            scope.going_on += by
            self.going_on += by

    def _leave(self, is_cell: bool) -> None:
        """Leave the innermost scope if it is of this kind; what was open in it is closed."""
        if len(self.scopes) > 1 and self.scopes[-1].is_cell == is_cell:
            left = self.scopes.pop()
            self.nested -= left.unclosed.total()
            self.going_on -= left.going_on


def _is_wild(html: str) -> bool:
    if html.count("<") <= MOST_NESTED:
        return False
    page = _Page()
    for match in TOKEN.finditer(html):
        tag = (match["tag"] or "").lower()
        if not tag:
            continue
        if match["end"]:
            page.close(tag)
        else:
            page.open(tag)
        if page.nested > MOST_NESTED or page.made_again > MOST_MADE_AGAIN or _has_too_many(match["rest"]):
            return True
    return False


def _has_too_many(attributes: str) -> bool:
    if len(attributes) < 2 * MOST_ATTRIBUTES:
        return False
    return len(attributes.split()) + attributes.count("=") + attributes.count("/") > MOST_ATTRIBUTES
