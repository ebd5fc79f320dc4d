"""Find our own texts in a reply: the edition or mail that it quotes, even if rewrapped and requoted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from .boilerplate import find_boilerplate
from .folding import UNSPACED, fold, split_words
from .lines import LINK, URL, Line, LineMark, find_runs, has_words

RUN_LENGTH = 4  # consecutive words that are compared; characters in scripts without spaces
# People use our words in their questions. Only this many consecutive words, also across lines, make a quote.
MIN_MATCH_WORDS = 8
MIN_MATCH_SHARE = 0.75  # a line is ours if this share of its words is in such matches
# A person may cite us in their own text, but briefly: a program quoted longer runs of our words. The limit is lower if
# no text of the person follows.
MAX_CITATION_WORDS, MAX_LAST_CITATION_WORDS = 40, 20
MAX_SHORT_LINE_WORDS = 2 * RUN_LENGTH  # lines of up to this many words are compared as a whole
MAX_GAP = 6  # other lines between two of ours; they belong to the quote too, unless they contain a sentence
MAX_WORDS = 100_000  # words of a text that are compared
MAX_LENGTH = 300_000  # characters of a mail that are compared; an edition has a tenth of that
MAX_LINE_LENGTH = 50_000  # characters of a line that are compared

IMAGE_LABEL = re.compile(r"\[(?:image|cid|inline)[^\]\n]{0,300}\]")


def split_tokens(text: str) -> list[str]:
    """Return the words of a text without links, punctuation and line breaks, which programs change in transit."""
    without_links = IMAGE_LABEL.sub(" ", URL.sub(" ", LINK.sub(" ", text[:MAX_LENGTH])))
    folded = fold(without_links)[:MAX_LENGTH]
    return split_words(UNSPACED.sub(lambda match: f" {match[0]} ", folded))


Words = tuple[str, ...]


class TextIndex(NamedTuple):
    """The runs of `RUN_LENGTH` consecutive words in our texts, and their complete short lines."""

    word_runs: frozenset[Words]
    short_lines: frozenset[Words]


@lru_cache(maxsize=32)
def _index_text(text: str) -> TextIndex:
    words = split_tokens(text)[:MAX_WORDS]
    lines = (tuple(split_tokens(line)) for line in text.splitlines())
    short_lines = frozenset(line for line in lines if 0 < len(line) <= MAX_SHORT_LINE_WORDS)
    return TextIndex(frozenset(_iter_word_runs(words)), short_lines)


@lru_cache(maxsize=8)
def _index_texts(texts: tuple[str, ...]) -> TextIndex:
    """Return the union of `_index_text` for several texts, cached, because replies quote the same few texts."""
    indexes = [_index_text(text) for text in texts]
    return TextIndex(
        frozenset().union(*(index.word_runs for index in indexes)),
        frozenset().union(*(index.short_lines for index in indexes)),
    )


def _iter_word_runs(words: Sequence[str]) -> Iterator[Words]:
    """Yield each run of `RUN_LENGTH` consecutive words."""
    return zip(*(words[start:] for start in range(RUN_LENGTH)), strict=False)


def find_original_lines(lines: Sequence[Line], texts: Sequence[str]) -> list[bool]:
    """Return for each line whether it is from one of our `texts`. Takes linear time.

    A match consists of overlapping runs, so it doesn't extend from the last words of a quote into an answer.
    """
    original_flags = [False] * len(lines)
    if not texts:
        return original_flags
    words_by_line = _tokenize_lines(lines)
    numbered_words = [(word, index) for index, words in enumerate(words_by_line) for word in words][:MAX_WORDS]
    word_runs, short_lines = _index_texts(tuple(texts))
    # For each word, whether one of our runs starts at it.
    start_flags = [word_run in word_runs for word_run in _iter_word_runs([word for word, _ in numbered_words])]
    matched_counts = [0] * len(lines)  # for each line, its words in matches that are long enough
    for start, end in find_runs(start_flags):
        match_end = end + RUN_LENGTH - 1
        if match_end - start >= MIN_MATCH_WORDS:
            for _, index in numbered_words[start:match_end]:
                matched_counts[index] += 1
    for index, words in enumerate(words_by_line):
        original_flags[index] = bool(words) and matched_counts[index] >= MIN_MATCH_SHARE * len(words)
    if any(original_flags):
        _flag_short_lines(words_by_line, original_flags, find_boilerplate(lines, original_flags), short_lines)
    return original_flags


def _tokenize_lines(lines: Sequence[Line]) -> list[list[str]]:
    """Return the words of each line; none for blank lines, and for those after the first `MAX_LENGTH` characters."""
    words_by_line: list[list[str]] = []
    remaining = MAX_LENGTH
    for line in lines:
        text = line.core if line.quoted else line.text
        is_read = remaining > 0 and not line.blank
        words_by_line.append(split_tokens(text[: min(remaining, MAX_LINE_LENGTH)]) if is_read else [])
        remaining -= len(text)
    return words_by_line


def _flag_short_lines(
    words_by_line: list[list[str]],
    original_flags: list[bool],
    boilerplate_flags: list[bool],
    short_lines: frozenset[Words],
) -> None:
    """Flag short lines of our texts ("Thank you,") next to another line of ours, ignoring boilerplate between them."""
    filled = [index for index, words in enumerate(words_by_line) if words]
    for indexes in (filled, filled[::-1]):  # downwards, for neighbours above, then upwards
        is_next_to_original = False
        for index in indexes:
            words = words_by_line[index]
            if not original_flags[index] and is_next_to_original and len(words) <= MAX_SHORT_LINE_WORDS:
                original_flags[index] = tuple(words) in short_lines
            is_next_to_original = original_flags[index] or (is_next_to_original and boilerplate_flags[index])


def mark_originals(lines: list[Line], original_flags: list[bool], boilerplate_flags: list[bool]) -> list[Line]:
    """Mark the lines of our texts as quoted: all within marked quotes, elsewhere only runs too long for a citation.

    Lines with `boilerplate_flags`, which a sending tool added, are treated like the lines around or above them.
    """
    # Whether a person wrote the line, either we or the sender.
    prose_flags = [
        has_sentence(line) and not is_boilerplate for line, is_boilerplate in zip(lines, boilerplate_flags, strict=True)
    ]
    marked = list(lines)
    has_text_below = False  # whether the sender wrote something below the run
    next_start = len(lines)  # the start of the run below
    for start, end in reversed(find_runs(original_flags, MAX_GAP)):
        has_text_below = has_text_below or any(prose_flags[end:next_start])
        word_count = sum(len(split_tokens(lines[index].text)) for index in range(start, end) if original_flags[index])
        max_citation = MAX_CITATION_WORDS if has_text_below else MAX_LAST_CITATION_WORDS
        if word_count > max_citation or all(line.quoted or line.blank for line in lines[start:end]):
            quote_end = end
            while quote_end < next_start and (
                lines[quote_end].blank or boilerplate_flags[quote_end] or is_link_only(lines[quote_end])
            ):
                quote_end += 1
            for index in range(start, quote_end):
                if original_flags[index] or not prose_flags[index]:
                    marked[index] = replace(lines[index], mark=LineMark.QUOTED, quoted=True)
        has_text_within = any(prose_flags[index] and not original_flags[index] for index in range(start, end))
        has_text_below = has_text_below or has_text_within
        next_start = start
    return marked


def is_link_only(line: Line) -> bool:
    """Return whether a line has only links or pictures, and no words."""
    return has_words(line.core) and not split_tokens(line.core if line.quoted else line.text)


def has_sentence(line: Line) -> bool:
    """Return whether a line contains words other than links, pictures and copied headers."""
    return not line.blank and not line.label and bool(split_tokens(line.core if line.quoted else line.text))
