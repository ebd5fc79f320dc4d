"""A mail as lines, each with what its own signs say of it: quoted, a heading, blank."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache
from itertools import groupby

from .folding import fold
from .vocabulary import vocabulary

# A line of prose may be as long as it likes; programs' own lines are not. No rule looks further than this.
MOST_FOLDED = 1000
# More lines than this are no letter: those behind are kept or cut as one, so that the time stays linear and short.
MOST_LINES = 20_000

QUOTE = re.compile(r"[ \t\u00a0]{0,4}(?:[>＞][ \t\u00a0]?)+")
FIRST_SIGN = re.compile(r"^[ \t\u00a0]{0,4}[>＞][ \t\u00a0]?")
# Some programs draw a bar, or put the writer's initials before the arrow ("NL> "); one such line proves nothing.
BARS = ("|", "¦", "│", "»", "›")
INITIALS = re.compile(r"[ \t]{0,3}([^\W\d_]{1,12})>+(?:[ \t]|$)")
TAIL = re.compile(r"> ?[^<>@]{0,30}:\*?")
# "<https://...>" after a word is how programs write a link in plain text.
URL = re.compile(r"(?:https?://|www\.)[^\s<>]{1,2000}")
LINK = re.compile(r"<(?:https?|mailto):[^<>\s]{0,2000}>", re.IGNORECASE)
ALNUM = re.compile(r"[^\W_]")


class Mark(Enum):
    """The mark that the structure of a page puts on a line; plain text says WRITTEN of all."""

    WRITTEN = auto()
    SET = auto()  # in a blockquote that bears no sign of a program: a person may have set it, or indented their words
    CITED = auto()  # in a blockquote of type "cite": as good as ">"
    QUOTED = auto()  # in a program's own container for quoted mail, or found again in what we sent
    INTRO = auto()  # in a program's own container for the attribution
    SIGN = auto()  # in a program's own container for the signature


@dataclass(frozen=True, slots=True)
class Line:
    """`text` as written. `core` is folded, without quote signs; `raw_core` with them. `label` is the heading that it
    begins with. `tail_of_address` says that its ">" may close an address of the line before, as in "> wrote:".
    """

    text: str
    mark: Mark
    quoted: bool
    core: str
    raw_core: str
    label: str
    blank: bool
    tail_of_address: bool


def read(text: str, mark: Mark = Mark.WRITTEN) -> Line:
    short = text[:MOST_FOLDED].replace("&nbsp;", " ")  # QQ sends it in plain text
    raw_core = fold(short).strip()
    signs = QUOTE.match(short)
    arrows = signs is not None and not (raw_core.startswith(">>") and raw_core.endswith("<<"))
    core = fold(short[signs.end() :]).strip() if arrows and signs else raw_core
    head, colon, _ = core[:48].replace("`", ":").partition(":")
    label = head.strip("*_ ") if colon else ""
    return Line(
        text=text,
        mark=mark,
        quoted=arrows or mark in (Mark.SET, Mark.CITED, Mark.QUOTED),
        core=core,
        raw_core=raw_core,
        label=label if label in vocabulary().labels else "",
        blank=not raw_core,
        tail_of_address=arrows and TAIL.fullmatch(raw_core) is not None,
    )


def reader() -> Callable[[str, Mark], Line]:
    """`read` for one mail, which reads a line that comes back a thousand times once."""
    return cache(read)


def of_text(text: str) -> tuple[list[Line], str]:
    """The lines of a plain text, and what lies behind the last line that is looked at."""
    parts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", MOST_LINES)
    rest = parts.pop() if len(parts) > MOST_LINES else ""
    once = reader()
    return with_bars([once(part, Mark.WRITTEN) for part in parts]), rest


def with_bars(lines: list[Line]) -> list[Line]:
    """The lines, with those that a bar marks in two or more running marked as quoted."""
    found: list[Line] = []
    for sign, group in groupby(lines, bar):
        run = list(group)
        barred = sign and len(run) > 1 and any(line.core[1:].strip() for line in run)
        found += [replace(line, quoted=True, core=line.core[1:].strip()) for line in run] if barred else run
    return found


def bar(line: Line) -> str:
    sign = line.core[:1]
    return sign if sign in BARS and not (len(line.core) > 1 and line.core.endswith(BARS)) else ""


def with_initials(lines: list[Line]) -> list[Line]:
    """Mark as quoted the lines that begin with somebody's initials and an arrow, in two or more running."""
    names = [found[1] if (found := INITIALS.match(line.text[:40])) else "" for line in lines]
    return [
        replace(line, quoted=True)
        if name
        and not line.quoted
        and (name in names[max(0, place - 1) : place] or name in names[place + 1 : place + 2])
        else line
        for place, (line, name) in enumerate(zip(lines, names, strict=True))
    ]


def depth(line: Line) -> int:
    """Return how many signs of quotes a line begins with."""
    signs = QUOTE.match(line.text[:MOST_FOLDED])
    return sum(sign in ">＞" for sign in signs[0]) if signs else 0


def strip_quote_sign(text: str) -> str:
    """Return a line without the first of its quote signs."""
    return FIRST_SIGN.sub("", text, count=1)


def runs(flags: Iterable[bool], bridged: int = 0) -> list[tuple[int, int]]:
    """Return from where to where the true ones stand in a row, with gaps of up to `bridged` others in it."""
    found: list[tuple[int, int]] = []
    for place, flag in enumerate(flags):
        if flag and found and place - found[-1][1] <= bridged:
            found[-1] = (found[-1][0], place + 1)
        elif flag:
            found.append((place, place + 1))
    return found


def has_words(text: str) -> bool:
    """Return whether there is a letter or a digit in it."""
    return ALNUM.search(text) is not None
