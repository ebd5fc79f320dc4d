"""Pairs the paragraphs of two versions, before their words are compared."""

import re
from collections import Counter
from collections.abc import Iterator

from app.answers.alignment import align
from app.text.clean import SIGN, WORD, clean

BREAK = "\n\n"
WORDS = re.compile(rf"{SIGN}|{WORD}")
# Two paragraphs that share less than this part of their letters are not one paragraph edited.
ALIKE = 0.3
# A paragraph of a split (or joined) one must have at least this part of its letters in the other.
PART_OF = 0.5
# Above this many pairs, paragraphs that differ are paired by their place; it stands for about 100 against 100.
PAIRS = 10_000
# How many old and new paragraphs one step of the pairing takes.
_MOVES = ((1, 0), (0, 1), (1, 1), (1, 2), (2, 1))


def paragraphs(text: str) -> list[str]:
    """Split a text at its blank lines."""
    return [part for part in clean(text).split(BREAK) if part]


def pair_paragraphs(olds: list[str], news: list[str]) -> Iterator[tuple[str, str]]:
    """Pair paragraphs: equal ones first, then those between them by likeness; '' stands for none."""
    at_old = at_new = 0
    for i, j in [*align(olds, news), (len(olds), len(news))]:
        yield from _pair_by_likeness(olds[at_old:i], news[at_new:j])
        if i < len(olds):
            yield olds[i], news[j]
        at_old, at_new = i + 1, j + 1


def _pair_by_likeness(olds: list[str], news: list[str]) -> list[tuple[str, str]]:
    """Find the pairing, in order, that keeps most letters together; it may pair one paragraph with two."""
    rows, columns = len(olds), len(news)
    if rows == columns == 1:
        return [(olds[0], news[0])]
    if rows * columns > PAIRS:
        length = max(rows, columns)
        return list(zip(olds + [""] * (length - rows), news + [""] * (length - columns), strict=True))
    gains = _Gains(olds, news)
    best: list[list[tuple[float, int, int]]] = [[(0, 0, 0)] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            options = [
                (best[i + di][j + dj][0] + gain, di, dj)
                for di, dj in _MOVES
                if i + di <= rows and j + dj <= columns and (gain := gains.of(i, j, di, dj)) is not None
            ]
            # On a tie the first move wins: a cut paragraph stands before a new one.
            best[i][j] = max(options, key=lambda option: option[0], default=(0, 0, 0))
    found, i, j = [], 0, 0
    while i < rows or j < columns:
        _, di, dj = best[i][j]
        found.append((BREAK.join(olds[i : i + di]), BREAK.join(news[j : j + dj])))
        i, j = i + di, j + dj
    return found


def _bag(paragraph: str) -> Counter[str]:
    """Count a paragraph's words, each weighed by its letters, so that 'the' and 'of' make nothing alike."""
    bag: Counter[str] = Counter()
    for word in WORDS.findall(paragraph):
        bag[word.casefold()] += len(word)
    return bag


class _Gains:
    """The number of letters that a pairing keeps together, worked out once for each two paragraphs."""

    def __init__(self, olds: list[str], news: list[str]) -> None:
        old_bags, new_bags = [_bag(part) for part in olds], [_bag(part) for part in news]
        self.old_sizes, self.new_sizes = [bag.total() for bag in old_bags], [bag.total() for bag in new_bags]
        self.shared = [[sum((one & other).values()) for other in new_bags] for one in old_bags]

    def of(self, i: int, j: int, di: int, dj: int) -> int | None:
        """Count the letters kept by pairing `di` old paragraphs from `i` with `dj` new ones from `j`; None: unlike."""
        if not (di and dj):
            return 0
        cells = [(k, m) for k in range(i, i + di) for m in range(j, j + dj)]
        shared = [self.shared[k][m] for k, m in cells]
        sizes = sum(self.old_sizes[i : i + di]) + sum(self.new_sizes[j : j + dj])
        if not sum(shared) or sum(shared) < ALIKE * sizes / 2:
            return None
        parts = self.new_sizes[j : j + dj] if dj > 1 else self.old_sizes[i : i + di] if di > 1 else []
        if any(kept < PART_OF * part for kept, part in zip(shared, parts, strict=False)):
            return None
        return min(sum(shared), sizes // 2)
