"""The paragraph of an edition, with its text and formatting, and the joining of wrapped lines to paragraphs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .issue_words import begins_with_label

# "rule" is a horizontal rule, which has no text.
Kind = Literal["text", "heading", "item", "quote", "rule"]
MAX_LABEL_LINE_LENGTH = 20  # characters of a line that only consists of a label
MAX_SIGNATURE_WORDS = 14  # including the dash
_SENTENCE_END = re.compile(r"[.!?…؟:。！？][\"”»“«’')\]]*\Z")
# A dash before a name or an opening quotation mark: "— Maria, Tbilisi".
LEADING_DASH = re.compile(r"[\s\u200e\u200f]*(?:[—–―~]|--?)[\s\u00a0\u202f]*(?=[^\W\d_]|[\"“«„(])")


@dataclass(frozen=True)
class Para:
    """A paragraph.

    - level: the level of a heading, 1 being the highest; 0 for anything else.
    - bold, italic, is_link: whether all of its text is bold, italic or a link.
    - bold_start: its bold beginning if the rest isn't bold.
    - marker: the number or bullet of a list item.
    - is_separate: False if only a line break separates it from the paragraph before.
    """

    text: str
    kind: Kind = "text"
    level: int = 0
    bold: bool = False
    italic: bool = False
    bold_start: str = ""
    marker: str = ""
    is_link: bool = False
    is_separate: bool = True

    @property
    def word_count(self) -> int:
        return len(self.text.split())


def _is_separate_line(previous: Para, line: Para) -> bool:
    """Return whether a line begins a paragraph instead of continuing the previous one."""
    if previous.bold != line.bold or previous.italic != line.italic or previous.kind != line.kind:
        return True
    if line.kind == "heading":
        return False
    if begins_with_label(line.text):
        return True
    if begins_with_label(previous.text) and len(previous.text) < MAX_LABEL_LINE_LENGTH:
        return True
    if line.marker or re.search(r"[:：]\W*\Z", line.bold_start):
        return True
    is_signature = LEADING_DASH.match(line.text) and line.word_count <= MAX_SIGNATURE_WORDS
    return bool(is_signature and _SENTENCE_END.search(previous.text))


def join_lines(lines: Sequence[Para]) -> list[Para]:
    """Join lines that belong to the same paragraph with spaces."""
    paras: list[Para] = []
    for line in lines:
        if not paras or line.is_separate or _is_separate_line(paras[-1], line):
            paras.append(line)
            continue
        start = paras[-1]
        paras[-1] = replace(
            start,
            text=f"{start.text} {line.text}",
            bold_start="" if start.bold else start.bold_start,
            is_link=start.is_link and line.is_link,
        )
    return paras
