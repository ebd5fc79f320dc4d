"""The frame of a letter around its text: the greeting above it, and the closing with the name below it."""

from typing import NamedTuple

from .folding import UNSPACED, fold, split_words
from .lines import has_words
from .signatures import MAX_TITLE_WORDS, is_contact, is_goodbye, is_name
from .vocabulary import vocabulary

MAX_GREETING_LENGTH = 70  # characters
MAX_GREETING_WORDS = 6  # behind "Dear"
MAX_CLOSING_LINES = 6  # with the name, the title and the organisation
MAX_CLOSING_LINE_LENGTH = 80  # characters
GREETING_MARKS = (",", "،", "，", "!", "！", ":", "：")


class LetterFrame(NamedTuple):
    """A letter in three parts. `greeting` and `closing` are "" if it has none; `body` is "" only without any text."""

    greeting: str
    body: str
    closing: str


def split_letter(text: str, name: str = "") -> LetterFrame:
    """Split a letter; `name` is its writer's. What isn't surely a greeting or a closing stays in the body."""
    lines = text.strip().split("\n")
    start = 1 if _is_greeting(lines) else 0
    end = _find_closing(lines, start, fold(name).split())
    parts = ["\n".join(part).strip() for part in (lines[:start], lines[start:end], lines[end:])]
    if not any(map(str.isalnum, parts[1])):
        return LetterFrame("", text.strip(), "")
    return LetterFrame(*parts)


def _is_greeting(lines: list[str]) -> bool:
    """Return whether the first line greets somebody: it says nothing else, and ends with a mark or a paragraph."""
    line = fold(lines[0]).strip()
    if len(line) > MAX_GREETING_LENGTH or not any(map(str.isalnum, line)):
        return False
    is_paragraph = len(lines) > 1 and not lines[1].strip() and line[-1].isalnum()
    if not (line.endswith(GREETING_MARKS) or is_paragraph):
        return False
    inner = line.rstrip("".join(GREETING_MARKS) + " ")
    return any(_begins_with(inner, greeting) for greeting in vocabulary().greetings) and not any(
        mark in inner for mark in ".?!;:"
    )


def _begins_with(line: str, greeting: str) -> bool:
    rest = line.removeprefix(greeting)
    if rest == line or len(split_words(rest)) > MAX_GREETING_WORDS:
        return False
    return not rest or not rest[0].isalnum() or UNSPACED.match(greeting[-1]) is not None


def _find_closing(lines: list[str], start: int, name_words: list[str]) -> int:
    """Return the index of the first line of the closing, or the number of lines.

    Below "Best regards" are only short lines, such as the name and the title. Without such words, the writer's own name
    alone on the last line is the closing.
    """
    closing = len(lines)
    filled_count = 0
    for index in range(len(lines) - 1, start - 1, -1):
        line = lines[index].strip()
        if not line:
            continue
        filled_count += 1
        if filled_count > MAX_CLOSING_LINES:
            break
        if is_goodbye(line) or _is_goodbye_with_name(line):
            return index
        if name_words and _is_of_name(line, name_words):
            closing = index
        if not _is_short_line(line):
            break
    return closing


def _is_short_line(line: str) -> bool:
    """Return whether a line may stand below a closing: a name, a title, an organisation or a contact, no sentence."""
    if is_contact(line):
        return True
    is_item = line.startswith(("- ", "* ", "• "))
    is_long = len(line) > MAX_CLOSING_LINE_LENGTH or len(split_words(line)) > MAX_TITLE_WORDS
    return not (is_item or is_long or line.endswith((".", "!", "?", ":", "。", "؟", "："))) and has_words(line)


def _is_goodbye_with_name(line: str) -> bool:
    """Return whether a line is a closing and a name, such as "Best, Darius"."""
    goodbye, mark, name = line.replace("،", ",").partition(",")
    return bool(mark) and is_goodbye(goodbye) and bool(name.strip()) and is_name(name)


def _is_of_name(line: str, name_words: list[str]) -> bool:
    """Return whether a line has no words but the writer's name, such as "– Darius"."""
    words = split_words(fold(line))
    return bool(words) and all(word in name_words for word in words)
