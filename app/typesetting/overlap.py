"""Measuring how much of one text occurs in another, by runs of four words, in any script and in linear time."""

import re
from collections.abc import Iterable

from ..text.clean import SIGN, WORD

RUN_LENGTH = 4  # words; a Han or Kana character counts as one
MAX_TEXT_LENGTH = 200_000  # characters of a text that are examined

_WORDS = re.compile(rf"{WORD}|{SIGN}")


def word_runs(text: str) -> set[tuple[str, ...]]:
    """Return all runs of `RUN_LENGTH` consecutive words; a text of fewer words is one run."""
    words = _WORDS.findall(text[:MAX_TEXT_LENGTH].casefold())
    run_length = min(RUN_LENGTH, len(words))
    return set(zip(*(words[start:] for start in range(run_length)), strict=False))


def overlap_ratio(text_runs: Iterable[tuple[str, ...]], source_runs: set[tuple[str, ...]]) -> float:
    """Return the share of `text_runs` that are in `source_runs`, from 0 to 1."""
    text_runs = list(text_runs)
    if not text_runs:
        return 0.0
    return sum(run in source_runs for run in text_runs) / len(text_runs)
