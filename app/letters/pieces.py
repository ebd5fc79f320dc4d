"""Letters cut into pieces, by which it is told how alike two of them are.

They are cut anew for each letter that comes: pieces that a process keeps would be readers' words in its memory after
they were erased, hashed or not.
"""

import re
from collections.abc import Iterator

PIECE = 5  # letters
LOOKED_AT = 600  # characters of a letter
SIMILARITY_THRESHOLD = (
    0.6  # of the pieces of two texts that both have (Jaccard): the same words, with some gaps filled anew
)
_PLACES = [slice(at, at + PIECE) for at in range(3 * LOOKED_AT)]  # a letter has three others as its small one at most
_NO_LETTER = re.compile(r"[\W\d_]+")


def pieces_of(text: str) -> frozenset[str]:
    """Return a letter's pieces."""
    return frozenset(_one_by_one(text)[1])


def are_similar(pieces: frozenset[str], other_pieces: frozenset[str]) -> bool:
    here, there = len(pieces), len(other_pieces)
    if (
        here / there if here < there else there / here
    ) < SIMILARITY_THRESHOLD:  # no more in common than the shorter one has
        return False
    both = len(pieces & other_pieces)
    return both / (here + there - both) >= SIMILARITY_THRESHOLD


def is_similar(letter_pieces: frozenset[str], text: str) -> bool:
    """Return whether a letter's pieces and those of a text are like each other, mostly without keeping the text's."""
    here, (most, pieces) = len(letter_pieces), _one_by_one(text)
    both = len(letter_pieces.intersection(pieces))
    if both / here < SIMILARITY_THRESHOLD:  # what the text has beside makes it less
        return False
    # It has as many pieces as places where one begins, or fewer where some come again.
    return both / (here + most - both) >= SIMILARITY_THRESHOLD or are_similar(letter_pieces, pieces_of(text))


def _one_by_one(text: str) -> tuple[int, Iterator[str]]:
    """Return how many pieces a letter has, those that come again counted too, and one after the other."""
    letters = _NO_LETTER.sub("", text[:LOOKED_AT].casefold())
    most = max(1, len(letters) - PIECE + 1)
    return most, map(letters.__getitem__, _PLACES[:most])
