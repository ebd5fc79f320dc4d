"""Judges how surely a line, or several joined, is an attribution: address, clock, date, and the words for "wrote"."""

import re
from typing import Literal

from .folding import split_words
from .vocabulary import vocabulary

MOST_UNADDRESSED = 16  # words of an attribution that gives a name only; more is somebody's sentence
MOST_LED = 8  # words of one with a day and without a number
MOST_BARE = 4  # words of one without a date: "Nora Lind wrote:"

CLOCK = re.compile(r"\d{1,2} ?[:.h時时点點시] ?\d{2}|\d{1,2} ?(?:am|pm)\b|\d{1,2} ?[時时点點시]")
DATE = re.compile(r"(?<!\d)(?:19|20|13|14|25)\d\d(?!\d)|\d{1,2}[./-] ?\d{1,2}|\d{1,2} ?[月월]")
ADDRESS = re.compile(r"[^\s<>@]@[^\s<>@]|<mailto:|\[mailto:")
BRACKETED = re.compile(r"[<(\[\"][^<>()\[\]\"]{0,200}@[^<>()\[\]]{1,200}[>)\]\"]|<mailto:|\[mailto:")
DAY_FIRST = re.compile(r"[^\w(]{0,3}+(?:[^\W\d]{1,24}+[.,]?+ ?+){0,2}+[,(]? ?\d")  # without a way back: linear
# Gmail's older form has no colon where the name was lost: "2016-03-03 17:21 GMT+01:00 Some One".
STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d gmt[+-]\d{1,2}:\d\d .{1,60}")


def judge(text: str) -> Literal["strong", "weak"] | None:
    """Return how surely `text`, folded and joined, says that somebody wrote what follows.

    Strong: what only a program writes, an address in its brackets or beside "wrote" with a date, a clock and a colon.
    Weak: what a person may also write ("She wrote:"); it counts where a marked quote follows.
    """
    text = text.strip(" *_>|")
    dashed = text.startswith("---") and text.endswith("---")
    if dashed:
        text = text.strip("- ")
    shut = text.rstrip("*_ ").endswith((":", "`")) or dashed
    address, clock, date = ADDRESS.search(text), CLOCK.search(text), DATE.search(text)
    wrote = says_wrote(text)
    shut = shut or (unshut(text) and bool(address and clock and date))
    if not (address or clock or date or wrote) or unclosed(text) or text.startswith(("<", "(")):
        return None
    led = begins(text)
    when = clock or date
    if STAMPED.fullmatch(text):
        return "strong"
    if shut and (
        (address and led and when and (BRACKETED.search(text) or _has_adjacent_address(text)))
        or (address and wrote and (when and BRACKETED.search(text) or _has_adjacent_address(text)))
        or (wrote and clock and date and len(text.split()) <= MOST_UNADDRESSED)
    ):
        return "strong"
    if shut and len(text) <= 200 and (address or (led and when) or (wrote and (when or is_short_introduction(text)))):
        return "weak"
    if (led and when and (address or wrote)) or (wrote and address):
        return "weak"
    return None


def _has_adjacent_address(text: str) -> bool:
    """Return whether an address stands right beside "wrote", with its name before it: "Some One <one@mail.example>
    wrote:".
    """
    parts = text.split()
    place = max((number for number, part in enumerate(parts) if "@" in part), default=-1)
    if place < 0:
        return False
    before, after = parts[max(0, place - 1) : place], parts[place + 1 :]
    if not after:
        return says_wrote(" ".join(before))
    return len(after) <= 2 and says_wrote(" ".join(after))


def unshut(text: str) -> bool:
    """Return whether a line ends with "wrote", without the colon that programs put there."""
    return says_wrote(" ".join(text.rsplit(maxsplit=2)[-2:]))


def is_short_introduction(text: str) -> bool:
    """Return whether an introduction without a date is short enough to be no sentence: "Nora Lind wrote:", "On Monday
    Nora Lind wrote:".
    """
    first, _, _ = text.partition(" ")
    return len(text.split()) <= (MOST_LED if len(first) > 1 and text.startswith(vocabulary().beginnings) else MOST_BARE)


def says_wrote(text: str) -> bool:
    padded = f" {' '.join(split_words(text))} "
    known = vocabulary()
    if any(word in padded for word in known.wrote):
        return True
    return not text.isascii() and any(word in text for word in known.wrote_unspaced)


def begins(text: str) -> bool:
    """Return whether the line begins with a date, or with the word that stands before one."""
    text = text.lstrip("\"'«([ ")
    if DAY_FIRST.match(text):
        return True
    return text.startswith(vocabulary().beginnings) and any(sign.isdigit() for sign in text[:60])


def unclosed(text: str) -> bool:
    """Return whether an address ends in it that began on a line above."""
    return text.count(">") > text.count("<")
