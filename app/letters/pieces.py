"""Letters cut into pieces, by which it is told how alike two of them are.

They are cut anew for each letter that comes: pieces that a process keeps would be readers' words in its memory after
they were erased, hashed or not.
"""

import re

PIECE = 5  # letters
LOOKED_AT = 600  # characters of a letter
LIKE = 0.6  # of the pieces of two texts that both have (Jaccard): the same words, with some gaps filled anew
_NO_LETTER = re.compile(r"[\W\d_]+")


def pieces_of(text: str) -> frozenset[str]:
    """Return a letter's pieces."""
    letters = _NO_LETTER.sub("", text[:LOOKED_AT].casefold())
    return frozenset(letters[at : at + PIECE] for at in range(max(1, len(letters) - PIECE + 1)))


def are_like(one: frozenset[str], other: frozenset[str]) -> bool:
    few, many = sorted((len(one), len(other)))
    if few / many < LIKE:  # they can't have more in common than the shorter one has
        return False
    both = len(one & other)
    return both / (len(one) + len(other) - both) >= LIKE
