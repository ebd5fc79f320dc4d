"""A paragraph of an edition: its text and formatting in the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .issue_words import begins_with_label

# "rule" is a horizontal rule, which has no text.
Kind = Literal["text", "heading", "item", "quote", "rule"]
DASHED = re.compile(r"[\s\u200e\u200f]*(?:[—–―~]|--?)[\s\u00a0\u202f]*(?=[^\W\d_]|[\"“«„(])")


@dataclass(frozen=True)
class Para:
    """A paragraph. `level` is that of a heading, 1 being the highest. `strong` (bold), `slanted` (italic) and `link`
    apply to all of its text; `head` is its bold beginning if the rest isn't. `marker` is a list item's number or
    bullet. `apart` is False if only a line break separates it from the paragraph before.
    """

    text: str
    kind: Kind = "text"
    level: int = 0
    strong: bool = False
    slanted: bool = False
    head: str = ""
    marker: str = ""
    link: bool = False
    apart: bool = True

    @property
    def words(self) -> int:
        return len(self.text.split())


_ENDS_SENTENCE = re.compile(r"[.!?…؟:。！？][\"”»«“’')\]]*\Z")


def _is_separate_line(previous: Para, line: Para) -> bool:
    """Return whether a line begins a paragraph instead of continuing the previous line."""
    if previous.strong != line.strong or previous.slanted != line.slanted or previous.kind != line.kind:
        return True
    if line.kind == "heading":
        return False
    if begins_with_label(line.text) or begins_with_label(previous.text) and len(previous.text) < 20:
        return True
    if line.marker or re.search(r"[:：]\W*\Z", line.head):
        return True
    return bool(DASHED.match(line.text) and line.words <= 14 and _ENDS_SENTENCE.search(previous.text))


def join_lines(lines: Sequence[Para]) -> list[Para]:
    """Join lines that belong to the same paragraph with spaces."""
    made: list[Para] = []
    for line in lines:
        if made and not line.apart and not _is_separate_line(made[-1], line):
            before = made[-1]
            head = before.head if not before.strong else ""
            made[-1] = replace(before, text=f"{before.text} {line.text}", head=head, link=before.link and line.link)
        else:
            made.append(line)
    return made
