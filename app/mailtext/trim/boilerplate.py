"""Recognize what a newsletter's sending tool adds to an edition: links, buttons, footers."""

import re
from collections.abc import Sequence

from .folding import split_words
from .lines import LINK, URL, Line, runs
from .signatures import MAIL, MARKDOWN, QUESTION, STOPPED
from .vocabulary import vocabulary

LONGEST = 300  # characters of a footer line
MOST_LABEL = 8  # words of a link's label
LEAST_SAID = 6  # words that make a line an answer even without a full stop
BETWEEN = re.compile(r"[|·•/›»→>\[\]()✉▶]+|  +")


def boilerplate(lines: Sequence[Line], original_flags: Sequence[bool]) -> list[bool]:
    """Return a flag for each line that a sending tool, and no person, added between the lines of our own text."""
    found = [False] * len(lines)
    for start, end in runs(not line.blank and not known for line, known in zip(lines, original_flags, strict=True)):
        foot = any(_is_foot(line) for line in lines[start:end])
        for place in range(start, end):
            line = lines[place]
            found[place] = _is_foot(line) or _is_link(line) or _is_button(line) or (foot and not _ends_sentence(line))
    return found


def is_answer_line(lines: Sequence[Line], index: int) -> bool:
    """Return whether a line between two of ours reads like an answer: a sentence, or any text below a question."""
    line = lines[index]
    if _ends_sentence(line) or len(split_words(line.core)) >= LEAST_SAID or not line.core.isascii():
        return True
    above = next((one for one in reversed(lines[max(0, index - 3) : index]) if not one.blank), None)
    return above is not None and QUESTION.search(above.core[-8:]) is not None


def _ends_sentence(line: Line) -> bool:
    return STOPPED.search(line.core[-8:]) is not None or QUESTION.search(line.core[-8:]) is not None


def _is_foot(line: Line) -> bool:
    return len(line.core) <= LONGEST and any(phrase in line.core for phrase in vocabulary().footers)


def _is_link(line: Line) -> bool:
    """Return whether the line is a link with its label or a mail address, and no sentence."""
    bare = MAIL.sub(" ", URL.sub(" ", LINK.sub(" ", MARKDOWN.sub(" ", line.core[:LONGEST]))))
    return bare != line.core[:LONGEST] and len(split_words(bare)) <= MOST_LABEL and not _ends_sentence(line)


def _is_button(line: Line) -> bool:
    labels = [label.strip(" .!*_-–—:") for label in BETWEEN.split(line.core[:LONGEST])]
    return any(labels) and all(label in vocabulary().buttons for label in labels if label)
