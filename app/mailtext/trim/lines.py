"""A mail as lines, each classified by its own characters: quoted, a copied header, blank."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache
from itertools import groupby

from .folding import fold
from .vocabulary import vocabulary

MAX_EXAMINED_LENGTH = 1000  # characters of a line that the rules examine; programs write shorter ones
MAX_LINES = 20_000  # lines that are examined separately; the rest is kept or cut as a whole, to save time
MAX_LABEL_LENGTH = 48  # characters up to the colon of a copied header
MAX_INITIALLED_LENGTH = 40  # characters of a line that are searched for initials and ">"

QUOTE_SIGNS = re.compile(r"[ \t\u00a0]{0,4}(?:[>＞][ \t\u00a0]?)+")
FIRST_QUOTE_SIGN = re.compile(r"^[ \t\u00a0]{0,4}[>＞][ \t\u00a0]?")
# Some programs mark quotes with a bar, or with initials before the ">" ("NL> "). One such line may be chance.
BARS = ("|", "¦", "│", "»", "›")
INITIALS = re.compile(r"[ \t]{0,3}([^\W\d_]{1,12})>+(?:[ \t]|$)")
ADDRESS_END = re.compile(r"> ?[^<>@]{0,30}:\*?")  # "> wrote:", the end of an attribution with a wrapped address
# Programs write a link in plain text as "<https://...>" after its label.
URL = re.compile(r"(?:https?://|www\.)[^\s<>]{1,2000}")
LINK = re.compile(r"<(?:https?|mailto):[^<>\s]{0,2000}>", re.IGNORECASE)
ALPHANUMERIC = re.compile(r"[^\W_]")
# The end of a question, and of any other sentence. In Greek, ";" is the question mark.
QUESTION_END = re.compile(r"[?？؟՞;]\W{0,3}$")
STOP_END = re.compile(r"[.!…。！۔]\W{0,3}$")
SEARCHED_END = 8  # characters at the end of a text; searching only these for the two patterns above is faster


class LineMark(Enum):
    """The mark of a line from the structure of the HTML; all lines of plain text are WRITTEN."""

    WRITTEN = auto()
    BLOCKQUOTE = auto()  # in a plain blockquote, which a person may have used as a quote or for indentation
    CITE_BLOCKQUOTE = auto()  # in a blockquote of type "cite", which is equivalent to ">"
    QUOTED = auto()  # in a program's container for quoted mail, or recognized as text that we sent
    ATTRIBUTION = auto()  # in a program's container for the attribution
    SIGNATURE = auto()  # in a program's container for the signature


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a mail, with what its own characters and the HTML tell about it."""

    text: str  # as written
    mark: LineMark
    quoted: bool  # by a quote sign, a bar, initials, or the mark
    core: str  # the text, folded and without quote signs
    raw_core: str  # the text, folded
    label: str  # of the copied header that the line begins with, or ""
    blank: bool
    ends_address: bool  # whether its ">" may close an address that begins on the line before, as in "> wrote:"


def parse_line(text: str, mark: LineMark = LineMark.WRITTEN) -> Line:
    """Classify one line."""
    beginning = text[:MAX_EXAMINED_LENGTH].replace("&nbsp;", " ")  # QQ Mail sends it in plain text
    raw_core = fold(beginning).strip()
    quote_signs = QUOTE_SIGNS.match(beginning)
    if raw_core.startswith(">>") and raw_core.endswith("<<"):
        quote_signs = None  # an ornament, as in ">> Important <<"
    is_quoted = quote_signs is not None
    core = fold(beginning[quote_signs.end() :]).strip() if quote_signs else raw_core
    head, colon, _ = core[:MAX_LABEL_LENGTH].replace("`", ":").partition(":")
    label = head.strip("*_ ") if colon else ""
    return Line(
        text=text,
        mark=mark,
        quoted=is_quoted or mark in (LineMark.BLOCKQUOTE, LineMark.CITE_BLOCKQUOTE, LineMark.QUOTED),
        core=core,
        raw_core=raw_core,
        label=label if label in vocabulary().kinds_by_label else "",
        blank=not raw_core,
        ends_address=is_quoted and ADDRESS_END.fullmatch(raw_core) is not None,
    )


def make_cached_parser() -> Callable[[str, LineMark], Line]:
    """Return a cached `parse_line` for a single mail, in which a line may be repeated thousands of times."""
    return cache(parse_line)


def split_text(text: str) -> tuple[list[Line], str]:
    """Return the lines of a plain text, and the text after the first `MAX_LINES` lines."""
    texts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", MAX_LINES)
    remainder = texts.pop() if len(texts) > MAX_LINES else ""
    parse_cached = make_cached_parser()
    return mark_barred_lines([parse_cached(line_text, LineMark.WRITTEN) for line_text in texts]), remainder


def mark_barred_lines(lines: list[Line]) -> list[Line]:
    """Mark lines as quoted that begin with a bar, in runs of two or more."""
    marked: list[Line] = []
    for bar, group in groupby(lines, get_bar):
        run = list(group)
        if bar and len(run) > 1 and any(line.core[1:].strip() for line in run):
            run = [replace(line, quoted=True, core=line.core[1:].strip()) for line in run]
        marked += run
    return marked


def get_bar(line: Line) -> str:
    """Return the bar that a line begins with; "" if there is none, or if a bar also ends the line, as in tables."""
    bar = line.core[:1]
    is_table_row = len(line.core) > 1 and line.core.endswith(BARS)
    return bar if bar in BARS and not is_table_row else ""


def mark_initialled_lines(lines: list[Line]) -> list[Line]:
    """Mark lines as quoted that begin with the same initials and ">", in runs of two or more."""
    matches = [INITIALS.match(line.text[:MAX_INITIALLED_LENGTH]) for line in lines]
    initials = [match[1] if match else "" for match in matches]
    marked: list[Line] = []
    for index, line in enumerate(lines):
        neighbours = initials[max(0, index - 1) : index] + initials[index + 1 : index + 2]
        has_same_neighbour = initials[index] != "" and initials[index] in neighbours
        marked.append(replace(line, quoted=True) if has_same_neighbour else line)
    return marked


def get_quote_depth(line: Line) -> int:
    """Return the quote depth of a line, its number of leading quote signs."""
    match = QUOTE_SIGNS.match(line.text[:MAX_EXAMINED_LENGTH])
    return sum(char in ">＞" for char in match[0]) if match else 0


def strip_quote_sign(text: str) -> str:
    """Remove the first quote sign of a line."""
    return FIRST_QUOTE_SIGN.sub("", text, count=1)


def find_runs(flags: Iterable[bool], max_gap: int = 0) -> list[tuple[int, int]]:
    """Return the start and end of each run of true flags; a run may have gaps of up to `max_gap` false ones."""
    spans: list[tuple[int, int]] = []
    for index, flag in enumerate(flags):
        if not flag:
            continue
        if spans and index - spans[-1][1] <= max_gap:
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans


def has_words(text: str) -> bool:
    """Return whether a text contains a letter or a digit."""
    return ALPHANUMERIC.search(text) is not None


def ends_with_question(text: str) -> bool:
    """Return whether a question mark ends the text; a quotation mark or bracket may follow."""
    return QUESTION_END.search(text[-SEARCHED_END:]) is not None


def ends_with_stop(text: str) -> bool:
    """Return whether a full stop or an exclamation mark ends the text; a quotation mark or bracket may follow."""
    return STOP_END.search(text[-SEARCHED_END:]) is not None
