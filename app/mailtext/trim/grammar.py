"""Grammar of the openings of quoted mail: attribution lines and their certainty, copied headers, separators."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .folding import split_words
from .lines import Line, LineMark
from .vocabulary import vocabulary

# The most words that an attribution may have; longer texts are sentences.
MAX_WORDS_WITHOUT_ADDRESS = 16
MAX_WORDS_WITHOUT_NUMBERS = 8  # if it begins with a word that precedes a date, such as "on"
MAX_WORDS_WITHOUT_DATE = 4  # "Nora Lind wrote:"
MAX_WORDS_BEFORE_ADDRESS = 14
# The most characters that an attribution may have.
MAX_LENGTH = 600  # over all its lines, including links
MAX_WEAK_LENGTH = 200  # if little but the colon at its end shows that it is one
MAX_INLINE_LENGTH = 300  # if it shares its line with the quote
MAX_ATTRIBUTION_LINES = 4
MAX_LINES_UPWARDS = 7  # lines that are searched for the beginning of an attribution, with its last line and blank ones
FULL_LINE_LENGTH = 45  # a line with this many characters was wrapped because the next word did not fit

MAX_HEADER_LINES = 40  # lines of a block of copied headers, which may have long lists of recipients
MIN_SEPARATOR_LENGTH, MAX_SEPARATOR_LENGTH = 4, 159  # characters
MAX_FORWARD_LENGTH = 119  # characters of a separator that names the sender, without its dashes
# A mail has a handful of attributions; further lines that end in a colon were written by the person.
MAX_RATED_LINES = 400
MAX_OPENINGS = 400  # of all kinds, for the same reason

CLOCK = re.compile(r"\d{1,2} ?[:.h時时点點시] ?\d{2}|\d{1,2} ?(?:am|pm)\b|\d{1,2} ?[時时点點시]")
DATE = re.compile(r"(?<!\d)(?:19|20|13|14|25)\d\d(?!\d)|\d{1,2}[./-] ?\d{1,2}|\d{1,2} ?[月월]")
ADDRESS = re.compile(r"[^\s<>@]@[^\s<>@]|<mailto:|\[mailto:")
BRACKETED_ADDRESS = re.compile(r"[<(\[\"][^<>()\[\]\"]{0,200}@[^<>()\[\]]{1,200}[>)\]\"]|<mailto:|\[mailto:")
# A date at the start, possibly after two words, as in "on Monday, 2 May". It never backtracks, so it takes linear time.
DAY_FIRST = re.compile(r"[^\w(]{0,3}+(?:[^\W\d]{1,24}+[.,]?+ ?+){0,2}+[,(]? ?\d")
COLON = re.compile(r": ")
ABBREVIATION_END = re.compile(r"(?:^|[ ,])[^\W\d]{1,4}\.$")  # "Apr." at the end of a wrapped line
DASHES = "-_=~*—–─━"
# An older attribution of Gmail, without the address and the colon: "2016-03-03 17:21 GMT+01:00 Some One".
GMAIL_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d gmt[+-]\d{1,2}:\d\d .{1,60}")


OpeningKind = Literal["attribution", "headers", "original", "forward"]


@dataclass(frozen=True)
class Opening:
    """The lines from `start` to before `end` that introduce a quote.

    A weak opening counts only if a marked quote follows or it contains one of our addresses.
    """

    start: int
    end: int
    kind: OpeningKind
    weak: bool = False


def rate_attribution(text: str) -> Literal["strong", "weak"] | None:
    """Return how certainly a text is an attribution; None if it isn't one. The text is folded, with its lines joined.

    "strong": only a program writes this, for example an address in brackets, or "wrote" with a date, a time and a
    colon. "weak": a person may write this too ("She wrote:"), so it needs further evidence, such as a marked quote.
    """
    text = text.strip(" *_>|")
    has_dashes = text.startswith("---") and text.endswith("---")  # "---- On Thu, 02 May 2024 ... wrote ---" (Zoho)
    if has_dashes:
        text = text.strip("- ")
    has_address = ADDRESS.search(text) is not None
    has_time = CLOCK.search(text) is not None
    has_date = DATE.search(text) is not None
    has_verb = has_wrote(text)
    if not (has_address or has_time or has_date or has_verb):
        return None
    if has_unopened_bracket(text) or text.startswith(("<", "(")):
        return None  # it begins on an earlier line
    begins_with_date = has_date_at_start(text)
    has_moment = has_time or has_date
    has_end = text.rstrip("*_ ").endswith((":", "`")) or has_dashes
    if not has_end and has_address and has_time and has_date:
        has_end = ends_with_wrote(text)
    if GMAIL_STAMP.fullmatch(text):
        return "strong"
    if has_end and has_verb and has_time and has_date and len(text.split()) <= MAX_WORDS_WITHOUT_ADDRESS:
        return "strong"
    if has_end and has_address:
        is_bracketed = BRACKETED_ADDRESS.search(text) is not None
        is_adjacent = _has_adjacent_address(text)
        if begins_with_date and has_moment and (is_bracketed or is_adjacent):
            return "strong"
        if has_verb and ((has_moment and is_bracketed) or is_adjacent):
            return "strong"
    if has_end and len(text) <= MAX_WEAK_LENGTH:
        if has_address or (begins_with_date and has_moment):
            return "weak"
        if has_verb and (has_moment or is_short_introduction(text)):
            return "weak"
    if has_verb and has_address:
        return "weak"
    if begins_with_date and has_moment and (has_address or has_verb):
        return "weak"
    return None


def _has_adjacent_address(text: str) -> bool:
    """Return whether an address is next to "wrote", as in "Some One <one@mail.example> wrote:"."""
    parts = text.split()
    addresses = [index for index, part in enumerate(parts) if "@" in part]
    if not addresses:
        return False
    last = addresses[-1]
    words_after = parts[last + 1 :]
    if words_after:
        return len(words_after) <= 2 and has_wrote(" ".join(words_after))
    return last > 0 and has_wrote(parts[last - 1])


def ends_with_wrote(text: str) -> bool:
    """Return whether the last two words of a text contain "wrote". For attributions without the usual colon."""
    return has_wrote(" ".join(text.rsplit(maxsplit=2)[-2:]))


def is_short_introduction(text: str) -> bool:
    """Return whether an introduction without a full date is too short for a sentence, as in "Nora Lind wrote:"."""
    first_word, _, _ = text.partition(" ")
    begins_with_date_word = len(first_word) > 1 and text.startswith(vocabulary().attribution_prefixes)
    return len(text.split()) <= (MAX_WORDS_WITHOUT_NUMBERS if begins_with_date_word else MAX_WORDS_WITHOUT_DATE)


def has_wrote(text: str) -> bool:
    """Return whether a folded text contains a word for "wrote" in any language."""
    padded = f" {' '.join(split_words(text))} "
    words = vocabulary()
    if any(word in padded for word in words.wrote):
        return True
    return not text.isascii() and any(word in text for word in words.wrote_unspaced)


def has_date_at_start(text: str) -> bool:
    """Return whether a text begins with a date, or with a word such as "on" and has a digit soon after it."""
    text = text.lstrip("\"'«([ ")
    if DAY_FIRST.match(text):
        return True
    return text.startswith(vocabulary().attribution_prefixes) and any(char.isdigit() for char in text[:60])


def has_unopened_bracket(text: str) -> bool:
    """Return whether an address in angle brackets ends in the text, but begins on an earlier line."""
    return text.count(">") > text.count("<")


def is_rule(line: Line) -> bool:
    """Return whether a line is a horizontal rule, such as "________________"."""
    text = line.core.strip(" *>|") or line.core
    return len(text) >= 3 and not text.strip(DASHES)


def get_separator_kind(line: Line) -> OpeningKind | None:
    """Return the kind of a separator such as "---------- Forwarded message ---------"; None for other lines."""
    core = line.core
    if not MIN_SEPARATOR_LENGTH <= len(core) <= MAX_SEPARATOR_LENGTH:
        return None
    phrase = core.strip("-_=*~—–─━#<>| :").rstrip(".")
    has_dashes = core.strip("* >|")[:2].strip("-_=~—–─━# ") == ""
    phrases = vocabulary()
    names_sender = phrase.startswith(phrases.forward_prefixes) and len(phrase) <= MAX_FORWARD_LENGTH
    if has_dashes and (names_sender or phrase in phrases.forward_phrases):
        return "forward"
    if phrase in phrases.bare_forward_phrases and core.rstrip("* ").endswith(":"):
        return "forward"
    if (has_dashes and phrase in phrases.original_phrases) or phrase in phrases.bare_original_phrases:
        return "original"
    return None


def read_header_block(lines: list[Line], start: int) -> tuple[int, frozenset[str]]:
    """Return the end of the block of copied headers that begins at `start`, and the kinds of headers in it."""
    kinds: set[str] = set()
    end = index = start
    skipped_count = 0  # lines without a label since the last one with a label
    while index < len(lines) and index - start < MAX_HEADER_LINES:
        line = lines[index]
        if line.label:
            kinds |= _pick_label_kinds(vocabulary().kinds_by_label[line.label], kinds)
            skipped_count = 0
            end = index + 1
        elif line.blank:
            if skipped_count:
                skipped_count += 1
            if index + 1 < len(lines) and not lines[index + 1].label:
                break
        else:
            skipped_count += 1
            if skipped_count > 2 or (index > end and lines[index - 1].blank):
                break
        index += 1
    while end < len(lines) and kinds and _continues_addresses(lines, end):
        end += 1
    return end, frozenset(kinds)


def _pick_label_kinds(label_kinds: frozenset[str], seen: set[str]) -> frozenset[str]:
    """Return the kinds of a label. If some were not yet seen above, return only one of these."""
    unseen = label_kinds - seen
    return frozenset({min(unseen)}) if unseen else label_kinds


def _continues_addresses(lines: list[Line], index: int) -> bool:
    """Return whether the line continues a list of addresses below the last header."""
    line = lines[index]
    return (
        not line.blank
        and not line.label
        and "@" in line.core
        and (line.core.endswith((";", ",", ">")) or " " not in line.core)
    )


def find_headers(lines: Sequence[Line]) -> dict[str, int]:
    """Return the index of the first copied header of each kind."""
    index_by_kind: dict[str, int] = {}
    for index, line in enumerate(lines):
        if line.label:
            for kind in _pick_label_kinds(vocabulary().kinds_by_label[line.label], {*index_by_kind}):
                index_by_kind.setdefault(kind, index)
    return index_by_kind


def is_header_block(kinds: frozenset[str], lines: list[Line]) -> bool:
    """Return whether a block of labels is a block of copied mail headers.

    Sender, date, recipient and subject together are enough. Any three kinds, among them sender or date, also need an
    address or a time: "From, To, Date" alone may be a railway ticket, and "From, To, Subject" the beginning of a formal
    letter.
    """
    main_kinds = kinds - {"other"}
    if len(main_kinds) < 3 or not main_kinds & {"sender", "sent"}:
        return False
    if {"sender", "sent", "receiver", "subject"} <= main_kinds:
        return True
    return any(ADDRESS.search(line.core) or (line.label and CLOCK.search(line.core)) for line in lines)


def find_header_start(lines: list[Line], start: int, end: int) -> int:
    """Return where the copied headers begin between `start` and `end`.

    The person's own lines above the headers may look like headers too. But then a complete block begins further down,
    which has a header of the same kind as the first line.
    """
    for index in range(end - 1, start, -1):
        if lines[index].label and not lines[index - 1].label:
            stop, kinds = read_header_block(lines, index)
            if vocabulary().kinds_by_label[lines[start].label] & kinds and is_header_block(kinds, lines[index:stop]):
                return index
    return start


def read_attribution(lines: list[Line], last_index: int) -> Opening | None:
    """Return the attribution that ends on line `last_index`, or None.

    Reads upwards, and rates the joined text after each line. A certain attribution gets a further line above it only if
    it then begins with a date, has its first address, or fills the beginning of a paragraph.
    """
    text = ""
    best: Opening | None = None
    best_has_address = False
    used_count = 0
    for index in range(last_index, max(-1, last_index - MAX_LINES_UPWARDS), -1):
        line = lines[index]
        if line.blank:
            if used_count and (has_unopened_bracket(text) or text.startswith("<")):
                continue  # some programs split "Name <address>" with blank lines
            break
        if used_count and (line.label or line.quoted or not _may_continue(line)):
            break
        end_text = line.raw_core if line.ends_address else line.core
        text = f"{line.core} {text}" if text else end_text
        used_count += 1
        if len(text) > MAX_LENGTH or used_count > MAX_ATTRIBUTION_LINES:
            break
        certainty = rate_attribution(text)
        if certainty == "weak" and best is None:
            best = Opening(index, last_index + 1, "attribution", weak=True)
        if certainty != "strong":
            continue
        has_address = ADDRESS.search(text) is not None
        begins_with_date = has_date_at_start(text)
        adds_address = has_address and not best_has_address
        is_longer_better = begins_with_date or adds_address or _fills_paragraph(lines, index, text)
        if best is None or best.weak or is_longer_better:
            best = Opening(index, last_index + 1, "attribution")
            best_has_address = has_address
        if text.startswith(vocabulary().attribution_prefixes) or (has_address and begins_with_date):
            break
    return best


def _fills_paragraph(lines: list[Line], index: int, text: str) -> bool:
    """Return whether the line is the first of its paragraph, and so long that it was wrapped in a long name."""
    is_first = index == 0 or lines[index - 1].blank
    return (
        is_first
        and len(lines[index].core) >= FULL_LINE_LENGTH
        and len(text.partition("@")[0].split()) <= MAX_WORDS_BEFORE_ADDRESS
    )


def _may_continue(line: Line) -> bool:
    """Return whether an attribution can continue on the next line, because this one ends no sentence."""
    return (
        not line.core.endswith((".", "!", "?", ":", "。", "؟"))
        or line.core[-2:-1].isdigit()
        or line.core.count("(") > line.core.count(")")
        or bool(ABBREVIATION_END.search(line.core))
    )


def may_end_attribution(line: Line, next_line: Line | None) -> bool:
    """Return whether a line may end an attribution, as a cheap check before `read_attribution`."""
    core = line.raw_core if line.ends_address else line.core
    if not core or len(core) > MAX_LENGTH or (line.quoted and not line.ends_address):
        return False
    if core.rstrip("*_ ").endswith((":", "`")):
        return True
    if core.endswith("--") or GMAIL_STAMP.fullmatch(core) or ("@" in core and ends_with_wrote(core)):
        return True
    if next_line is None or line.quoted:
        return False
    return next_line.quoted and not next_line.ends_address


def may_begin_with_attribution(line: Line) -> bool:
    """Return whether a line may begin with an attribution, as a cheap check before `begins_with_attribution`."""
    head = line.core[:MAX_INLINE_LENGTH]
    return not line.quoted and ADDRESS.search(head) is not None and has_date_at_start(head)


def begins_with_attribution(line: Line) -> bool:
    """Return whether a line begins with a complete attribution and continues with the quote, as in flattened HTML."""
    head = line.core[:MAX_INLINE_LENGTH]
    ends = [match.end() for match in COLON.finditer(head)][:3]
    return any(rate_attribution(head[:end]) == "strong" and has_wrote(head[:end]) for end in ends)


def find_openings(lines: list[Line]) -> list[Opening]:
    """Return the openings outside of marked quotes, in order and without overlaps."""
    openings: list[Opening] = []
    free_start = 0  # the first line below all openings found so far
    index = rated_count = 0
    while index < len(lines) and len(openings) < MAX_OPENINGS:
        line = lines[index]
        opening, next_index = _read_formal_opening(lines, index)
        if opening is None and not line.blank and rated_count < MAX_RATED_LINES:
            next_line = next((other for other in lines[index + 1 : index + 4] if not other.blank), None)
            if may_end_attribution(line, next_line):
                rated_count += 1
                opening = read_attribution(lines, index)
            elif may_begin_with_attribution(line):
                rated_count += 1
                if begins_with_attribution(line):
                    opening = Opening(index, index + 1, "attribution")
        if opening is not None and openings and openings[-1].weak and opening.start <= openings[-1].start:
            free_start = openings.pop().start  # the weak opening was the beginning of this opening
        if opening is not None and opening.start >= free_start:
            openings.append(_include_rule(lines, _include_headers(lines, opening, free_start), free_start))
            free_start = next_index = opening.end
        index = next_index
    return openings


def _read_formal_opening(lines: list[Line], index: int) -> tuple[Opening | None, int]:
    """Return the opening at `index`, and the index at which to read on.

    The opening is None unless there is a marked attribution, a separator or a complete block of copied headers.
    """
    line = lines[index]
    if line.mark is LineMark.ATTRIBUTION:
        return Opening(index, index + 1, "attribution"), index + 1
    if line.blank or (line.quoted and not line.ends_address):
        return None, index + 1
    kind = get_separator_kind(line)
    if kind:
        end, header_kinds = _read_headers_below(lines, index + 1)
        has_headers = len(header_kinds - {"other"}) >= 2
        return Opening(index, end if has_headers else index + 1, kind), index + 1
    if line.label:
        end, header_kinds = read_header_block(lines, index)
        if is_header_block(header_kinds, lines[index:end]):
            return Opening(find_header_start(lines, index, end), end, "headers"), index + 1
        return None, max(index + 1, end)
    return None, index + 1


def _read_headers_below(lines: list[Line], start: int) -> tuple[int, frozenset[str]]:
    """Return the result of `read_header_block` for the headers below a separator, after at most two blank lines."""
    for _ in range(2):
        if start < len(lines) and lines[start].blank:
            start += 1
    if start < len(lines) and lines[start].label:
        return read_header_block(lines, start)
    return start, frozenset()


def _include_headers(lines: list[Line], opening: Opening, free_start: int) -> Opening:
    """Extend an attribution upwards over headers below a rule: Yandex puts recipient and subject there."""
    start = opening.start
    while start > free_start and opening.start - start < MAX_ATTRIBUTION_LINES and lines[start - 1].label:
        start -= 1
    has_headers = free_start < start < opening.start
    if opening.kind == "attribution" and has_headers and is_rule(lines[start - 1]):
        return replace(opening, start=start)
    return opening


def _include_rule(lines: list[Line], opening: Opening, free_start: int) -> Opening:
    """Extend an opening upwards over a rule, which Outlook draws above copied headers."""
    start = opening.start
    index = start - 1
    while index >= free_start and lines[index].blank and start - index <= 2:
        index -= 1
    if index >= free_start and is_rule(lines[index]):
        start = index
    return replace(opening, start=start)
