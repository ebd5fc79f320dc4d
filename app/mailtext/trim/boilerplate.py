"""Recognize what a newsletter's sending tool adds to an edition: links, buttons, footers."""

import re
from collections.abc import Sequence

from .folding import split_words
from .lines import LINK, URL, Line, runs
from .signatures import MAIL, MARKDOWN, QUESTION, STOPPED
from .vocabulary import vocabulary

LONGEST = 300  # characters of a footer line
MOST_LABEL = 8  # words of a link's label
LEAST_ANSWER = 6  # words that make a line an answer even without a full stop
LABEL_SEPARATOR = re.compile(r"[|·•/›»→>\[\]()✉▶]+|  +")


def boilerplate(lines: Sequence[Line], original_flags: Sequence[bool]) -> list[bool]:
    """Return a flag for each line that a sending tool, and no person, added between the lines of our own text."""
    boilerplate_flags = [False] * len(lines)
    other_flags = [not line.blank and not is_ours for line, is_ours in zip(lines, original_flags, strict=True)]
    for start, end in runs(other_flags):
        has_footer = any(_is_footer(line) for line in lines[start:end])
        for index in range(start, end):
            line = lines[index]
            is_by_tool = _is_footer(line) or _is_link(line) or _is_button(line)
            boilerplate_flags[index] = is_by_tool or (has_footer and not _ends_sentence(line))
    return boilerplate_flags


def is_answer_line(lines: Sequence[Line], index: int) -> bool:
    """Return whether a line between two of ours reads like an answer: a sentence, or any text below a question."""
    line = lines[index]
    if _ends_sentence(line) or len(split_words(line.core)) >= LEAST_ANSWER or not line.core.isascii():
        return True
    above = next((other for other in reversed(lines[max(0, index - 3) : index]) if not other.blank), None)
    return above is not None and QUESTION.search(above.core[-8:]) is not None


def _ends_sentence(line: Line) -> bool:
    ending = line.core[-8:]
    return STOPPED.search(ending) is not None or QUESTION.search(ending) is not None


def _is_footer(line: Line) -> bool:
    return len(line.core) <= LONGEST and any(phrase in line.core for phrase in vocabulary().footers)


def _is_link(line: Line) -> bool:
    """Return whether the line is a link with its label or a mail address, and no sentence."""
    text = line.core[:LONGEST]
    label = MAIL.sub(" ", URL.sub(" ", LINK.sub(" ", MARKDOWN.sub(" ", text))))
    has_link = label != text
    return has_link and len(split_words(label)) <= MOST_LABEL and not _ends_sentence(line)


def _is_button(line: Line) -> bool:
    labels = [label.strip(" .!*_-–—:") for label in LABEL_SEPARATOR.split(line.core[:LONGEST])]
    filled = [label for label in labels if label]
    return bool(filled) and all(label in vocabulary().buttons for label in filled)
