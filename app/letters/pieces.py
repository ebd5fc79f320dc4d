"""Letters cut into pieces, by which it is told how alike two of them are; kept in memory for the next one that comes.

A new letter is compared with sixty of its day, which were compared with the one before it too. Of a letter nothing is
kept but hashes under a salt that Python draws anew in each process: no word of it can be read from them.
"""

import re

PIECE = 5  # letters
LOOKED_AT = 600  # characters of a letter
MOST = 240  # letters that a process keeps, of some ten kilobytes each
LIKE = 0.6  # of the pieces of two texts that both have (Jaccard): the same words, with some gaps filled anew
_NO_LETTER = re.compile(r"[\W\d_]+")
_kept: dict[int, frozenset[int]] = {}


def pieces_of(text: str) -> frozenset[int]:
    """Return a letter's pieces, each as its hash."""
    key = hash(text)
    if (pieces := _kept.get(key)) is None:
        letters = _NO_LETTER.sub("", text[:LOOKED_AT].casefold())
        pieces = frozenset(hash(letters[at : at + PIECE]) for at in range(max(1, len(letters) - PIECE + 1)))
        if len(_kept) >= MOST:
            _kept.clear()
        _kept[key] = pieces
    return pieces


def are_like(one: frozenset[int], other: frozenset[int]) -> bool:
    few, many = sorted((len(one), len(other)))
    if few / many < LIKE:  # they can't have more in common than the shorter one has
        return False
    both = len(one & other)
    return both / (len(one) + len(other) - both) >= LIKE
