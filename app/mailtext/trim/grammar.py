"""Grammar of the openings of quoted mail: attribution lines and their certainty, copied headers, separators."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .folding import split_words
from .lines import Line, Mark
from .vocabulary import vocabulary

MOST_UNADDRESSED = 16  # words of an attribution without an address; longer ones are sentences
MOST_LED = 8  # words of one that begins with a date word, but has no numbers
MOST_BARE = 4  # words of one without a date: "Nora Lind wrote:"

CLOCK = re.compile(r"\d{1,2} ?[:.h時时点點시] ?\d{2}|\d{1,2} ?(?:am|pm)\b|\d{1,2} ?[時时点點시]")
DATE = re.compile(r"(?<!\d)(?:19|20|13|14|25)\d\d(?!\d)|\d{1,2}[./-] ?\d{1,2}|\d{1,2} ?[月월]")
ADDRESS = re.compile(r"[^\s<>@]@[^\s<>@]|<mailto:|\[mailto:")
BRACKETED = re.compile(r"[<(\[\"][^<>()\[\]\"]{0,200}@[^<>()\[\]]{1,200}[>)\]\"]|<mailto:|\[mailto:")
DAY_FIRST = re.compile(r"[^\w(]{0,3}+(?:[^\W\d]{1,24}+[.,]?+ ?+){0,2}+[,(]? ?\d")  # no backtracking, so linear
# Gmail's older form has no colon where the name was lost: "2016-03-03 17:21 GMT+01:00 Some One".
STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d gmt[+-]\d{1,2}:\d\d .{1,60}")


def judge(text: str) -> Literal["strong", "weak"] | None:
    """Return how certainly `text`, folded and joined, is an attribution; None if it is none.

    "strong": only a program writes this, for example an address in brackets, or "wrote" with a date, a time and a
    colon. "weak": a person may write this too ("She wrote:"), so it needs further evidence, such as a marked quote.
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
    """Return whether an address is next to "wrote", as in "Some One <one@mail.example> wrote:"."""
    parts = text.split()
    place = max((number for number, part in enumerate(parts) if "@" in part), default=-1)
    if place < 0:
        return False
    before, after = parts[max(0, place - 1) : place], parts[place + 1 :]
    if not after:
        return says_wrote(" ".join(before))
    return len(after) <= 2 and says_wrote(" ".join(after))


def unshut(text: str) -> bool:
    """Return whether a text ends with "wrote", without the usual colon."""
    return says_wrote(" ".join(text.rsplit(maxsplit=2)[-2:]))


def is_short_introduction(text: str) -> bool:
    """Return whether an introduction without a full date is too short for a sentence, as in "Nora Lind wrote:"."""
    first, _, _ = text.partition(" ")
    return len(text.split()) <= (MOST_LED if len(first) > 1 and text.startswith(vocabulary().beginnings) else MOST_BARE)


def says_wrote(text: str) -> bool:
    """Return whether a folded text contains a word for "wrote" in any language."""
    padded = f" {' '.join(split_words(text))} "
    known = vocabulary()
    if any(word in padded for word in known.wrote):
        return True
    return not text.isascii() and any(word in text for word in known.wrote_unspaced)


def begins(text: str) -> bool:
    """Return whether a text begins with a date, or with a word that precedes one."""
    text = text.lstrip("\"'«([ ")
    if DAY_FIRST.match(text):
        return True
    return text.startswith(vocabulary().beginnings) and any(sign.isdigit() for sign in text[:60])


def unclosed(text: str) -> bool:
    """Return whether an address in angle brackets ends in the text, but begins on an earlier line."""
    return text.count(">") > text.count("<")


# The most lines of a wrapped attribution, and of a block of copied headers with long lists of recipients.
MOST_WRAPPED, MOST_HEADED = 4, 40
# A mail has a handful of attributions; further lines that end in a colon were written by the person.
MOST_LOOKED_AT = 400
MOST_OPENINGS = 400  # of all kinds, for the same reason
LONGEST_NAME = 14  # words before an address
FULL = 45  # characters of a line that was wrapped because the next word did not fit
LONGEST = 600  # characters of an attribution over all its lines, including links

INLINE = 300  # characters in which an attribution that shares its line with the quote has to end
COLON = re.compile(r": ")

MONTH_CUT = re.compile(r"(?:^|[ ,])[^\W\d]{1,4}\.$")  # an abbreviation such as "Apr." at the end of a wrapped line
RULE = "-_=~*—–─━"

Kind = Literal["attribution", "headers", "original", "forward"]


@dataclass(frozen=True)
class Opening:
    """The lines from `start` to before `end` that introduce a quote.

    A weak one counts only if a marked quote follows or it contains one of our addresses.
    """

    start: int
    end: int
    kind: Kind
    weak: bool = False


def rule(line: Line) -> bool:
    """Return whether a line is a horizontal rule, such as "________________"."""
    drawn = line.core.strip(" *>|") or line.core
    return len(drawn) >= 3 and not drawn.strip(RULE)


def separator(line: Line) -> Kind | None:
    """Return the kind of a separator such as "---------- Forwarded message ---------"; None for other lines."""
    core = line.core
    if not 4 <= len(core) < 160:
        return None
    inner = core.strip("-_=*~—–─━#<>| :").rstrip(".")
    dashed = core.strip("* >|")[:2].strip("-_=~—–─━# ") == ""
    known = vocabulary()
    if dashed and inner.startswith(known.forwarded_by) and len(inner) < 120:
        return "forward"
    if inner in known.forwards and (dashed or (inner in known.bare_forwards and core.rstrip("* ").endswith(":"))):
        return "forward"
    if (dashed and inner in known.originals) or inner in known.bare_originals:
        return "original"
    return None


def read_heading_block(lines: list[Line], start: int) -> tuple[int, frozenset[str]]:
    """Return the end of the block of copied headers that begins at `start`, and the kinds of headers in it."""
    kinds: set[str] = set()
    end = place = start
    missed = 0
    while place < len(lines) and place - start < MOST_HEADED:
        line = lines[place]
        if line.label:
            kinds |= _pick_label_kinds(vocabulary().labels[line.label], kinds)
            missed, end = 0, place + 1
        elif line.blank:
            missed += 1 if missed else 0
            if place + 1 < len(lines) and not lines[place + 1].label:
                break
        else:
            missed += 1
            if missed > 2 or (place > end and lines[place - 1].blank):
                break
        place += 1
    while end < len(lines) and kinds and _continues_addresses(lines, end):
        end += 1
    return end, frozenset(kinds)


def _pick_label_kinds(of_label: frozenset[str], seen: set[str]) -> frozenset[str]:
    """Return the kinds of a label; one that is ambiguous between languages ("De", "A") gets a kind not yet seen."""
    fresh = of_label - seen
    return frozenset(sorted(fresh)[:1]) if fresh else of_label


def _continues_addresses(lines: list[Line], index: int) -> bool:
    """Return whether the line continues a list of addresses below the last header."""
    line = lines[index]
    return (
        not line.blank
        and not line.label
        and "@" in line.core
        and (line.core.endswith((";", ",", ">")) or " " not in line.core)
    )


def find_headings(lines: Sequence[Line]) -> dict[str, int]:
    """Return the index of the first copied header of each kind."""
    places: dict[str, int] = {}
    for place, line in enumerate(lines):
        if line.label:
            for kind in _pick_label_kinds(vocabulary().labels[line.label], {*places}):
                places.setdefault(kind, place)
    return places


def is_head(kinds: frozenset[str], lines: list[Line]) -> bool:
    """Return whether a block of labels is a block of copied mail headers.

    It needs all four main headers, or three of them with an address or a time: "From, To, Date" alone may be a railway
    ticket, and "From, To, Subject" the beginning of a formal letter.
    """
    proof = kinds - {"beside"}
    if len(proof) < 3 or not proof & {"sender", "sent"}:
        return False
    if {"sender", "sent", "receiver", "subject"} <= proof:
        return True
    return any(ADDRESS.search(line.core) or (line.label and CLOCK.search(line.core)) for line in lines)


def head_start(lines: list[Line], start: int, end: int) -> int:
    """Return where the copied headers begin between `start` and `end`.

    The person's own lines above them may look like headers; then a complete block that repeats the first label follows.
    """
    for place in range(end - 1, start, -1):
        if lines[place].label and not lines[place - 1].label:
            stop, kinds = read_heading_block(lines, place)
            if vocabulary().labels[lines[start].label] & kinds and is_head(kinds, lines[place:stop]):
                return place
    return start


def attribution(lines: list[Line], last_index: int) -> Opening | None:
    """Return the attribution that ends on line `last_index`, over as few lines as possible, or None."""
    text = ""
    best: Opening | None = None
    named = False
    used = 0
    for place in range(last_index, max(-1, last_index - 7), -1):
        line = lines[place]
        if line.blank:
            if used and (unclosed(text) or text.startswith("<")):
                continue  # some programs split "Name <address>" with blank lines
            break
        if used and (line.label or line.quoted or not _runs_on(line)):
            break
        text = f"{line.core} {text}" if text else (line.raw_core if line.tail_of_address else line.core)
        used += 1
        if len(text) > LONGEST or used > MOST_WRAPPED:
            break
        said, addressed = judge(text), ADDRESS.search(text) is not None
        whole = begins(text) or (addressed and not named) or _fills_paragraph(lines, place, text)
        if said == "strong" and (best is None or best.weak or whole):
            best, named = Opening(place, last_index + 1, "attribution"), addressed
        elif said == "weak" and best is None:
            best = Opening(place, last_index + 1, "attribution", weak=True)
        if said == "strong" and (text.startswith(vocabulary().beginnings) or (addressed and begins(text))):
            break
    return best


def _fills_paragraph(lines: list[Line], index: int, text: str) -> bool:
    """Return whether this is the full first line of a paragraph, wrapped in a long name."""
    first = index == 0 or lines[index - 1].blank
    return first and len(lines[index].core) >= FULL and len(text.partition("@")[0].split()) <= LONGEST_NAME


def _runs_on(line: Line) -> bool:
    """Return whether an attribution can continue on the next line, because this one ends no sentence."""
    return (
        not line.core.endswith((".", "!", "?", ":", "。", "؟"))
        or line.core[-2:-1].isdigit()
        or line.core.count("(") > line.core.count(")")
        or bool(MONTH_CUT.search(line.core))
    )


def ends_like_one(line: Line, follows: Line | None) -> bool:
    """Return whether a line may end an attribution, as a cheap check before `attribution`."""
    core = line.raw_core if line.tail_of_address else line.core
    if not core or len(core) > LONGEST or (line.quoted and not line.tail_of_address):
        return False
    if core.rstrip("*_ ").endswith((":", "`")):
        return True
    if core.endswith("--") or STAMPED.fullmatch(core) or ("@" in core and unshut(core)):
        return True
    return follows is not None and follows.quoted and not follows.tail_of_address and not line.quoted


def begins_like_one(line: Line) -> bool:
    """Return whether a line may begin with an attribution and continue with the quote, as a cheap check."""
    head = line.core[:INLINE]
    return not line.quoted and ADDRESS.search(head) is not None and begins(head)


def inline(line: Line) -> bool:
    """Return whether a line begins with a complete attribution and continues with the quote, as in flattened HTML."""
    head = line.core[:INLINE]
    ends = [found.end() for found in COLON.finditer(head)][:3]
    return any(judge(head[:end]) == "strong" and says_wrote(head[:end]) for end in ends)


def openings(lines: list[Line]) -> list[Opening]:
    """Return the openings outside of marked quotes, in order and without overlaps."""
    found: list[Opening] = []
    place = looked = 0
    free = 0  # the first line after all openings found so far
    while place < len(lines) and len(found) < MOST_OPENINGS:
        line = lines[place]
        opening, step = None, place + 1
        if line.mark is Mark.INTRO:
            opening = Opening(place, place + 1, "attribution")
        elif line.quoted and not line.tail_of_address or line.blank:
            opening = None
        elif kind := separator(line):
            end, kinds = _headings_below(lines, place + 1)
            opening = Opening(place, end if len(kinds - {"beside"}) >= 2 else place + 1, kind)
        elif line.label:
            end, kinds = read_heading_block(lines, place)
            if is_head(kinds, lines[place:end]):
                opening = Opening(head_start(lines, place, end), end, "headers")
            else:
                step = max(step, end)
        if opening is None and not line.blank and looked < MOST_LOOKED_AT:
            follows = next((one for one in lines[place + 1 : place + 4] if not one.blank), None)
            if ends_like_one(line, follows):
                looked += 1
                opening = attribution(lines, place)
            elif begins_like_one(line):
                looked += 1
                opening = Opening(place, place + 1, "attribution") if inline(line) else None
        if opening is not None and found and found[-1].weak and opening.start <= found[-1].start:
            free = found.pop().start  # it was the beginning of this one
        if opening is not None and opening.start >= free:
            found.append(_with_rule(lines, _with_headings(lines, opening, free), free))
            free = step = opening.end
        place = step
    return found


def _headings_below(lines: list[Line], index: int) -> tuple[int, frozenset[str]]:
    start = next((place for place in range(index, min(index + 3, len(lines))) if not lines[place].blank), index)
    if start < len(lines) and lines[start].label:
        return read_heading_block(lines, start)
    return index, frozenset()


def _with_headings(lines: list[Line], opening: Opening, free: int) -> Opening:
    """Extend an attribution upwards over headers below a rule: Yandex puts recipient and subject there."""
    start = opening.start
    while start > free and opening.start - start < MOST_WRAPPED and lines[start - 1].label:
        start -= 1
    drawn = start < opening.start and start > free and rule(lines[start - 1])
    return replace(opening, start=start) if drawn and opening.kind == "attribution" else opening


def _with_rule(lines: list[Line], opening: Opening, free: int) -> Opening:
    """Extend an opening upwards over a rule, which Outlook draws above copied headers."""
    start = opening.start
    place = start - 1
    while place >= free and lines[place].blank and start - place <= 2:
        place -= 1
    if place >= free and rule(lines[place]):
        start = place
    return replace(opening, start=start)
