"""Levels of how many readers ask a question, in the coarse words that readers and experts are told.

A count that changed with each letter would tell whoever watches a page when somebody asked, or withdrew. So questions
store a level, which changes at most once a day (app/workflows/asker_counts.py).
"""

from typing import NamedTuple

from ..text.translation import N_


class AskerLevel(NamedTuple):
    """A level of a count. `minimum` is the fewest readers that it stands for, and is stored with the question."""

    minimum: int
    sentence: str


ASKER_LEVELS = (
    AskerLevel(20, N_("Many readers ask this.")),
    AskerLevel(3, N_("Several readers ask this.")),
    AskerLevel(1, N_("One or two readers ask this.")),
    AskerLevel(0, ""),  # nobody asks it, or it hasn't been counted yet
)
SENTENCES = {level.minimum: level.sentence for level in ASKER_LEVELS}


def get_level(count: int) -> int:
    """Return the level to store for a number of readers."""
    return next(level.minimum for level in ASKER_LEVELS if count >= level.minimum)
