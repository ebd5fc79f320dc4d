"""Find our own texts in a reply: the edition or mail that it quotes, even if rewrapped and requoted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from .boilerplate import boilerplate
from .folding import UNSPACED, fold, split_words
from .lines import LINK, URL, Line, Mark, has_words, runs

RUN = 4  # consecutive words that are compared; characters in scripts without spaces
# People use our words in their questions; only this many consecutive words, also across lines, make a quote.
LEAST = 8
LEAST_SHARE = 0.75  # of a line's words that must be in such runs
# A citation that a person put into their own text by hand is theirs, and short. More of our words than this are a quote
# by a program, within a letter and at its end.
LONGEST_CITATION, LONGEST_LAST_WORDS = 40, 20
GAP = 6  # lines between two of ours that are bridged if they contain no sentence
MOST_WORDS = 100_000  # words that are compared
MOST_SIGNS = 300_000  # characters of a mail that are compared; an edition has a tenth of that
MOST_IN_LINE = 50_000  # characters of a line that are compared

BRACKETED = re.compile(r"\[(?:image|cid|inline)[^\]\n]{0,300}\]")


def tokens(text: str) -> list[str]:
    """Return the words of a text without links, punctuation and line breaks, which programs change in transit."""
    bare = fold(BRACKETED.sub(" ", URL.sub(" ", LINK.sub(" ", text[:MOST_SIGNS]))))[:MOST_SIGNS]
    return split_words(UNSPACED.sub(lambda sign: f" {sign[0]} ", bare))


@lru_cache(maxsize=32)
def _cut(text: str) -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
    """Return the runs of `RUN` consecutive words in a text of ours, and its complete short lines."""
    every = tokens(text)[:MOST_WORDS]
    short = frozenset(tuple(line) for part in text.splitlines() if 0 < len(line := tokens(part)) <= 2 * RUN)
    return frozenset(_iter_word_runs(every)), short


@lru_cache(maxsize=8)
def _cut_together(texts: tuple[str, ...]) -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
    """Return the union of `_cut` for several texts, cached, because replies quote the same few texts."""
    cuts = [_cut(text) for text in texts]
    return frozenset().union(*(rows for rows, _ in cuts)), frozenset().union(*(short for _, short in cuts))


def _iter_word_runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield each run of `RUN` consecutive words."""
    return zip(*(words[place:] for place in range(RUN)), strict=False)


def find_original_lines(lines: Sequence[Line], texts: Sequence[str]) -> list[bool]:
    """Return for each line whether it is from one of our `texts`. Takes linear time.

    A match ends where consecutive runs no longer overlap, so that the last words of a quote and the first ones of an
    answer don't join.
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
    """Flag short lines of our texts ("Thank you,") that are next to another line of ours, ignoring boilerplate between
    them.
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
    """Mark our own lines as quoted: all within marked quotes, else only long runs and tails.

    Lines with `boilerplate_flags`, added by a sending tool, are treated like the lines around and above them.
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
    """Return whether a line has only links or pictures, and no words."""
    return has_words(line.core) and not tokens(line.core if line.quoted else line.text)


def sentence(line: Line) -> bool:
    """Return whether a line contains words other than links, pictures and copied headers."""
    return not line.blank and not line.label and bool(tokens(line.core if line.quoted else line.text))
