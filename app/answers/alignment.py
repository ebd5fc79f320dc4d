"""The longest common subsequence of two sequences: the comparison under the diff, bounded in time.

The cost is at most about `CELLS` ** 0.5 steps for each item, whatever the input.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

# Two stretches of at most this product of lengths are compared exactly (200 words against 200).
CELLS = 40_000
# How often a stretch is cut at its unique items before it counts as rewritten.
DEPTH = 8


def aligned(old: Sequence[str], new: Sequence[str], depth: int = DEPTH) -> list[tuple[int, int]]:
    """Return pairs of places that hold the same item, rising on both sides."""
    start, end_old, end_new = 0, len(old), len(new)
    while start < min(end_old, end_new) and old[start] == new[start]:
        start += 1
    while end_old > start and end_new > start and old[end_old - 1] == new[end_new - 1]:
        end_old, end_new = end_old - 1, end_new - 1
    head = [(i, i) for i in range(start)]
    tail = [(end_old + k, end_new + k) for k in range(len(old) - end_old)]
    middle = _middle(old[start:end_old], new[start:end_new], depth)
    return head + [(start + i, start + j) for i, j in middle] + tail


def _middle(old: Sequence[str], new: Sequence[str], depth: int) -> list[tuple[int, int]]:
    if len(old) * len(new) <= CELLS:
        return _longest(old, new)
    if not depth:
        return []
    found: list[tuple[int, int]] = []
    at_old = at_new = 0
    anchors = _anchors(old, new)
    for i, j in [*anchors, (len(old), len(new))] if anchors else []:
        inside = aligned(old[at_old:i], new[at_new:j], depth - 1)
        found += [(at_old + k, at_new + m) for k, m in inside]
        if i < len(old):
            found.append((i, j))
        at_old, at_new = i + 1, j + 1
    return found


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Pair the items that stand once on each side, as patience diff does: the longest rising run of them."""
    once_old, once_new = ({item for item, times in Counter(side).items() if times == 1} for side in (old, new))
    place = {item: j for j, item in enumerate(new) if item in once_new}
    pairs = [(i, place[item]) for i, item in enumerate(old) if item in once_old and item in place]
    ends: list[int] = []  # The lowest last place of a rising run of each length.
    last: list[int] = []  # The pair that each such run ends with.
    before: list[int] = []  # For each pair, the one before it in its run.
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1], last[at : at + 1] = [j], [number]
    run: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        run.append(pairs[number])
        number = before[number]
    return run[::-1]


def _longest(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Find the common subsequence with most characters, so that one long word outweighs a comma and an article."""
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        item, row, below = old[i], best[i], best[i + 1]
        weight = len(item)
        for j in range(len(new) - 1, -1, -1):
            if item == new[j]:
                row[j] = below[j + 1] + weight
            else:
                row[j] = max(below[j], row[j + 1])
    found, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if old[i] == new[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return found
