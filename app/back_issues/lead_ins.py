"""Parsing lines that say who asks or answers, in the sentences of the house form or of other newsletters."""

import re
from dataclasses import dataclass
from functools import lru_cache

from .issue_words import LONGEST_LABEL, QUOTES, Lexicon, NamePattern
from .printed_names import EDGES, PARTICLES, REMEMBERED, SENTENCE_END, Expert, can_be_asker, is_name, parse_expert

LONGEST_INTRO = 2_000  # characters of an introduction that are examined
LONGEST_LEAD_IN = 320  # characters of a lead-in that doesn't end with a colon
_COLON = re.compile(r"[\s\u00a0\u202f]*[:：](?=[\s\u00a0\u202f]|\Z|[\"“«„»‘'])")
_TAIL = re.compile(
    rf"[^:：.!?؟{QUOTES}]{{0,60}}?[\s\u00a0\u202f]*[:：]\s*"
    rf"|[^:：.!?؟{QUOTES}]{{0,16}}?(?:[.!]?\Z|[,،]?\s?(?=[\"“«„‘]))"
)


@dataclass(frozen=True)
class AskerLine:
    """An announcement of a question: `who` asks, as printed ("" for unnamed readers), and the `rest` after it.

    With `by_reader`, it says that a reader asks.
    """

    who: str
    rest: str
    by_reader: bool


def _get_sentence_before(text: str, end: int) -> str:
    start = 0
    for found in SENTENCE_END.finditer(text, 0, end):
        start = found.end()
    return text[start:end]


def _match_pattern(pattern: NamePattern, text: str, anywhere: bool) -> tuple[str, str] | None:
    """Return what is at the place of the name and what follows the match; None if the pattern doesn't match.

    With `anywhere`, the match may begin later in the text.
    """
    start = 0
    if pattern.before:
        begins = (
            pattern.before.search(text)
            if anywhere
            else pattern.before.match(text, len(text) - len(text.lstrip(" *_—–")))
        )
        if not begins:
            return None
        start = begins.end()
        if pattern.after is None:
            colon = _COLON.search(text, start)
            if colon and not text[start : colon.start()].strip():
                start, colon = colon.end(), _COLON.search(text, colon.end())
            if colon:
                return text[start : colon.start()], text[colon.end() :]
            whole = len(text) <= LONGEST_LEAD_IN and not SENTENCE_END.search(text, start)
            return (text[start:], "") if whole and not text.rstrip().endswith(("?", "؟")) else None
    ends = pattern.after.search(text, start) if pattern.after else None
    tail = _TAIL.match(text, ends.end()) if ends else None
    if not ends or not tail:
        return None
    who = text[start : ends.start()]
    more = tail[0].rstrip(" \u00a0\u202f:：")
    if pattern.before and more.lstrip().startswith(",") and tail[0].rstrip().endswith((":", "：")):
        who += more  # "We have asked Jiri Novak, an engineer:", with part of the verb after the name
    return (_get_sentence_before(text, ends.start()) if not pattern.before and anywhere else who), text[tail.end() :]


@lru_cache(maxsize=REMEMBERED)
def parse_lead_in(text: str, lexicon: Lexicon) -> tuple[Expert, str] | None:
    """Parse a paragraph that begins with a lead-in; return the expert and the beginning of the answer, or None."""
    start = text[:LONGEST_LABEL]
    for pattern in lexicon.answers.that_may_fit(start):
        held = _match_pattern(pattern, start, anywhere=True)
        if held and len(held[0]) <= LONGEST_LEAD_IN:
            for who in (held[0], held[0].partition(",")[2]):  # "Our whale person, Dr. Nomvula Dube, says:"
                expert = parse_expert(who, lexicon)
                if is_name(expert.name, single=bool(expert.credit_line or expert.relation)):
                    return expert, (held[1] + text[LONGEST_LABEL:]).strip()
    return None


def find_host(text: str, lexicon: Lexicon) -> Expert | None:
    """Return the expert that an introduction to readers' questions names as answering them, however it is phrased."""
    text = text[:LONGEST_INTRO]
    for pattern in lexicon.answers.that_may_fit(text):
        ends = pattern.after.search(text) if pattern.after and not pattern.before else None
        if ends:
            expert = parse_expert(_get_sentence_before(text, ends.start()), lexicon)
            if (expert.credit_line or expert.relation) and is_name(expert.name):
                return expert
    return None


_RUN = re.compile(
    r"(?:(?:Dr|Prof|Mr|Ms|Mrs)\. )*[^\W\d_a-z][\w'’.-]*"
    r"(?: (?:(?:de|da|van|von|der|den|del|la|le|bin|al|du|di) )*[^\W\d_a-z][\w'’-]*){1,4}"
)


def find_name_before_colon(text: str, lexicon: Lexicon) -> Expert | None:
    """Return the person named in a line that ends with a colon, however it is phrased, or None."""
    for found in _RUN.finditer(text[:LONGEST_LABEL]):
        name = found[0].strip()
        first = name.split()[0]
        if not first[:1].isupper() or not all(word[:1].isupper() or word in PARTICLES for word in name.split()):
            continue
        if lexicon.weak.fullmatch(name) or lexicon.strong.search(name) or lexicon.has_readers.match(name):
            continue
        after = text[found.end() :]
        if not re.match(r"[\s\u00a0]*(?:[,،(:：]|[—–-]\s|\Z)|\s\w{2,12}[\s\u00a0]*[:：]?\Z", after):
            continue
        stop = _stop(after, 0) if after.startswith((",", " (", " —", " –")) else 0
        return parse_expert(name + after[:stop], lexicon)
    return None


@lru_cache(maxsize=REMEMBERED)
def find_guest(text: str, lexicon: Lexicon) -> Expert | None:
    """Return the expert that an introduction presents as the guest of its section, or None."""
    text = text[:LONGEST_INTRO]
    for pattern in lexicon.guests.that_may_fit(text[:LONGEST_INTRO]):
        at = pattern.before.search(text) if pattern.before else None
        if pattern.before and not at:
            continue
        start = at.end() if at else 0
        if pattern.after:
            ends = pattern.after.search(text, start)
            if not ends:
                continue
            who = text[start : ends.start()] if at else _get_sentence_before(text, ends.start())
        else:
            stop = re.compile(r"[:：]|[.!](?=\s|\Z)|\Z").search(text, start)
            who = text[start : _stop(text, start) if stop else len(text)]
        expert = parse_expert(who, lexicon)
        if len(who) <= LONGEST_LEAD_IN and is_name(expert.name):
            return expert
    return None


def _stop(text: str, start: int) -> int:
    """Return where the sentence ends that begins at `start`: at a colon, or a full stop that isn't of an abbreviation.

    Without either, it is the end of the text.
    """
    ends = [len(text.rstrip().rstrip(".!"))]
    for pattern in (SENTENCE_END, _COLON):
        if found := pattern.search(text, start):
            ends.append(found.start())
    return min(ends)


@lru_cache(maxsize=REMEMBERED)
def parse_asker(text: str, lexicon: Lexicon) -> AskerLine | None:
    """Parse a paragraph that begins by saying who asks, or return None."""
    start, more = text[:LONGEST_LABEL], text[LONGEST_LABEL:]
    if found := lexicon.asked.match(start):
        return AskerLine("", start[found.end() :] + more, by_reader=True)
    for pattern in lexicon.asks.that_may_fit(start):
        held = _match_pattern(pattern, start, anywhere=False)
        if held is None or not held[0].strip() or len(held[0]) > 100 or SENTENCE_END.search(held[0]):
            continue
        if lexicon.relative_end.search(held[0].strip()):  # "A subscriber who asked not to be named"
            continue
        who = held[0].strip(EDGES.replace(".", "") + QUOTES)
        if lexicon.readers.match(who):
            return AskerLine("", held[1] + more, by_reader=True)
        if begun := lexicon.has_readers.search(who):
            rest = who[begun.end() :].strip() if not begun.start() else ""
            return AskerLine(rest if rest[:1].isupper() and can_be_asker(rest) else who, held[1] + more, by_reader=True)
        if can_be_asker(who):
            return AskerLine(who, held[1] + more, by_reader=False)
    colon = _COLON.search(start, 0, 100)
    if colon and lexicon.has_readers.match(start) and not SENTENCE_END.search(start, 0, colon.start()):
        who = start[: colon.start()].strip(EDGES)
        rest = who[lexicon.has_readers.match(start).end() :].lstrip()  # type: ignore[union-attr]
        described = rest[:1] in ",،(" or rest[:1].isupper() or lexicon.relative_start.match(rest)
        return AskerLine(
            who if described and not lexicon.readers.match(who) else "", start[colon.end() :] + more, by_reader=True
        )
    return None


def is_expert_announcement(text: str, lexicon: Lexicon) -> bool:
    """Return whether a short paragraph says that someone was asked or answers, without checking for a name."""
    if len(text.split()) > 30:
        return False
    return any(
        one.before and one.before.search(text)
        for patterns in (lexicon.answers, lexicon.guests)
        for one in patterns.that_may_fit(text)
    )


def find_asker_after(text: str, lexicon: Lexicon) -> str | None:
    """Return who asks, in text after a quoted question: "asks Harriet from Hereford", "Harriet asks"; "" for unnamed
    readers, or None."""
    bare = text.strip(" \t\u00a0\u202f,،.–—-")
    if not bare or len(bare) > 140 or SENTENCE_END.search(bare):
        return None
    for pattern in lexicon.asks.that_may_fit(bare):
        if pattern.after is None or pattern.before is not None:
            continue
        found = pattern.after.search(bare)
        if not found or (found.start() and found.end() != len(bare)):
            continue
        who = (bare[: found.start()] or bare[found.end() :]).strip(" ,،.")
        if lexicon.has_readers.match(who) or (who and can_be_asker(who)):
            return "" if lexicon.readers.match(who) else who
    return None
