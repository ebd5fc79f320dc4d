"""Recognize what a newsletter's sending tool adds to an edition: links, buttons, footers."""

import re
from collections.abc import Sequence

from .folding import split_words
from .lines import LINK, URL, Line, ends_with_question, ends_with_stop, find_runs
from .signatures import MAIL_ADDRESS, MARKDOWN_LINK
from .vocabulary import vocabulary

MAX_LINE_LENGTH = 300  # characters of a footer, link or row of buttons
MAX_LABEL_WORDS = 8  # words of a link's label
MIN_ANSWER_WORDS = 6  # a line with this many words reads like an answer even without a full stop
BUTTON_SEPARATOR = re.compile(r"[|·•/›»→>\[\]()✉▶]+|  +")


def find_boilerplate(lines: Sequence[Line], original_flags: Sequence[bool]) -> list[bool]:
    """Return for each line whether a sending tool added it; `original_flags` mark the lines of our own text."""
    boilerplate_flags = [False] * len(lines)
    other_flags = [not line.blank and not is_ours for line, is_ours in zip(lines, original_flags, strict=True)]
    for start, end in find_runs(other_flags):
        has_footer = any(_is_footer(line) for line in lines[start:end])
        for index in range(start, end):
            line = lines[index]
            is_by_tool = _is_footer(line) or _is_link(line) or _is_button_row(line)
            boilerplate_flags[index] = is_by_tool or (has_footer and not _ends_sentence(line))
    return boilerplate_flags


def is_answer_line(lines: Sequence[Line], index: int) -> bool:
    """Return whether a line between two of ours reads like an answer: a sentence, or any text below a question.

    A line with characters beyond ASCII always does, because sentences are harder to recognize in other scripts.
    """
    line = lines[index]
    if _ends_sentence(line) or len(split_words(line.core)) >= MIN_ANSWER_WORDS or not line.core.isascii():
        return True
    line_above = next((other for other in reversed(lines[max(0, index - 3) : index]) if not other.blank), None)
    return line_above is not None and ends_with_question(line_above.core)


def _ends_sentence(line: Line) -> bool:
    return ends_with_stop(line.core) or ends_with_question(line.core)


def _is_footer(line: Line) -> bool:
    is_short = len(line.core) <= MAX_LINE_LENGTH
    return is_short and any(phrase in line.core for phrase in vocabulary().newsletter_footers)


def _is_link(line: Line) -> bool:
    """Return whether the line is a link or a mail address with a short label, and no sentence."""
    text = line.core[:MAX_LINE_LENGTH]
    label = MAIL_ADDRESS.sub(" ", URL.sub(" ", LINK.sub(" ", MARKDOWN_LINK.sub(" ", text))))
    has_link = label != text
    return has_link and len(split_words(label)) <= MAX_LABEL_WORDS and not _ends_sentence(line)


def _is_button_row(line: Line) -> bool:
    labels = [label.strip(" .!*_-–—:") for label in BUTTON_SEPARATOR.split(line.core[:MAX_LINE_LENGTH])]
    filled = [label for label in labels if label]
    return bool(filled) and all(label in vocabulary().newsletter_buttons for label in filled)
