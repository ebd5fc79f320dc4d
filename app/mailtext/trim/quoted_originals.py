"""Finds our own texts in a reply: the edition or the invitation that it quotes, re-wrapped and re-quoted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from .boilerplate import boilerplate
from .folding import UNSPACED, fold, split_words
from .lines import LINK, URL, Line, Mark, has_words, runs

RUN = 4  # words in a row that must be ours; in scripts without spaces, signs
# People use our words when they ask; only as many in a row as this, over the ends of lines, are a quote.
LEAST = 8
LEAST_SHARE = 0.75  # of a line's words that must lie in such stretches
# A citation that somebody put into their own text by hand is theirs, and short. More words of ours than these are a
# quote, in the midst of a letter and at its end.
LONGEST_CITATION, LONGEST_LAST_WORDS = 40, 20
GAP = 6  # lines between two of ours that are bridged if they hold no sentence
MOST_WORDS = 100_000
MOST_SIGNS = 300_000  # of a mail that are compared; an edition has a tenth of that
MOST_IN_LINE = 50_000

BRACKETED = re.compile(r"\[(?:image|cid|inline)[^\]\n]{0,300}\]")


def tokens(text: str) -> list[str]:
    """The words of a text without links and signs; what programs change on the way (quotation marks, wraps) is not in
    them.
    """
    bare = fold(BRACKETED.sub(" ", URL.sub(" ", LINK.sub(" ", text[:MOST_SIGNS]))))[:MOST_SIGNS]
    return split_words(UNSPACED.sub(lambda sign: f" {sign[0]} ", bare))


@lru_cache(maxsize=32)
def _cut(text: str) -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
    """Every `RUN` words in a row of a text of ours, and its short lines whole."""
    every = tokens(text)[:MOST_WORDS]
    short = frozenset(tuple(line) for part in text.splitlines() if 0 < len(line := tokens(part)) <= 2 * RUN)
    return frozenset(_iter_word_runs(every)), short


@lru_cache(maxsize=8)
def _cut_together(texts: tuple[str, ...]) -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
    """The same of several texts, put together once: replies quote the same few."""
    cuts = [_cut(text) for text in texts]
    return frozenset().union(*(rows for rows, _ in cuts)), frozenset().union(*(short for _, short in cuts))


def _iter_word_runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every `RUN` words in a row."""
    return zip(*(words[place:] for place in range(RUN)), strict=False)


def find_original_lines(lines: Sequence[Line], texts: Sequence[str]) -> list[bool]:
    """Return which of the lines are ours. Linear in both.

    A stretch of ours is broken where two runs do not overlap: the last words of a quote and the first of an answer.
    """
    found = [False] * len(lines)
    if not texts:
        return found
    of_line: list[list[str]] = []
    left = MOST_SIGNS
    for line in lines:
        text = line.core if line.quoted else line.text
        of_line.append(tokens(text[: min(left, MOST_IN_LINE)]) if left > 0 and not line.blank else [])
        left -= len(text)
    stream = [(word, place) for place, line in enumerate(of_line) for word in line][:MOST_WORDS]
    only = [word for word, _ in stream]
    rows, short = _cut_together(tuple(texts))
    starts = [row in rows for row in _iter_word_runs(only)]
    counts = [0] * len(lines)
    for start, end in runs(starts):
        if end - start + RUN - 1 >= LEAST:
            for _, place in stream[start : end + RUN - 1]:
                counts[place] += 1
    for place, said in enumerate(of_line):
        found[place] = bool(said) and counts[place] >= LEAST_SHARE * len(said)
    if any(found):
        _join_short(of_line, found, boilerplate(lines, found), short)
    return found


def _join_short(
    of_line: list[list[str]],
    original_flags: list[bool],
    boilerplate_flags: list[bool],
    short: frozenset[tuple[str, ...]],
) -> None:
    """A short line of ours ("Thank you,") is ours beside another of ours, not alone; what a newsletter's program put
    between them doesn't part them.
    """
    full = [place for place, line in enumerate(of_line) if line]
    for order in (range(len(full)), range(len(full) - 1, -1, -1)):
        before = False
        for number in order:
            place = full[number]
            line = of_line[place]
            if not original_flags[place] and before and len(line) <= 2 * RUN:
                original_flags[place] = tuple(line) in short
            before = original_flags[place] or (before and boilerplate_flags[place])


def mark_originals(lines: list[Line], original_flags: list[bool], boilerplate_flags: list[bool]) -> list[Line]:
    """The lines, with those that are ours marked as quoted: all in marked quotes, else long runs and whole tails.

    Those that a newsletter's program `boilerplate_flags` are nobody's words, and go with what they stand in and under.
    """
    said = [sentence(line) and not by_program for line, by_program in zip(lines, boilerplate_flags, strict=True)]
    result = list(lines)
    written_after = False
    behind = len(lines)
    for start, end in reversed(runs(original_flags, GAP)):
        written_after = written_after or any(said[end:behind])
        size = sum(len(tokens(lines[place].text)) for place in range(start, end) if original_flags[place])
        shown = all(line.quoted or line.blank for line in lines[start:end])
        if shown or size > (LONGEST_CITATION if written_after else LONGEST_LAST_WORDS):
            below = next(
                (
                    place
                    for place in range(end, behind)
                    if not (lines[place].blank or boilerplate_flags[place] or link_only(lines[place]))
                ),
                behind,
            )
            for place in range(start, below):
                if original_flags[place] or not said[place]:
                    result[place] = replace(lines[place], mark=Mark.QUOTED, quoted=True)
        written_after = written_after or any(not original_flags[place] and said[place] for place in range(start, end))
        behind = start
    return result


def link_only(line: Line) -> bool:
    """Return whether there is a link or a picture on a line and no word."""
    return has_words(line.core) and not tokens(line.core if line.quoted else line.text)


def sentence(line: Line) -> bool:
    """Return whether a line that is not ours says something: a word that is no link, no picture, no heading."""
    return not line.blank and not line.label and bool(tokens(line.core if line.quoted else line.text))
