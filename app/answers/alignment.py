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


def align(old_items: Sequence[str], new_items: Sequence[str], depth: int = DEPTH) -> list[tuple[int, int]]:
    """Return pairs of places that hold the same item, rising on both sides."""
    start, end_old, end_new = 0, len(old_items), len(new_items)
    while start < min(end_old, end_new) and old_items[start] == new_items[start]:
        start += 1
    while end_old > start and end_new > start and old_items[end_old - 1] == new_items[end_new - 1]:
        end_old, end_new = end_old - 1, end_new - 1
    head = [(i, i) for i in range(start)]
    tail = [(end_old + k, end_new + k) for k in range(len(old_items) - end_old)]
    middle = _align_middle(old_items[start:end_old], new_items[start:end_new], depth)
    return head + [(start + i, start + j) for i, j in middle] + tail


def _align_middle(old_items: Sequence[str], new_items: Sequence[str], depth: int) -> list[tuple[int, int]]:
    if len(old_items) * len(new_items) <= CELLS:
        return _longest_common_subsequence(old_items, new_items)
    if not depth:
        return []
    found: list[tuple[int, int]] = []
    at_old = at_new = 0
    anchors = _anchors(old_items, new_items)
    for i, j in [*anchors, (len(old_items), len(new_items))] if anchors else []:
        inside = align(old_items[at_old:i], new_items[at_new:j], depth - 1)
        found += [(at_old + k, at_new + m) for k, m in inside]
        if i < len(old_items):
            found.append((i, j))
        at_old, at_new = i + 1, j + 1
    return found


def _anchors(old_items: Sequence[str], new_items: Sequence[str]) -> list[tuple[int, int]]:
    """Pair the items that stand once on each side, as patience diff does: the longest rising run of them."""
    once_old, once_new = (
        {item for item, times in Counter(side).items() if times == 1} for side in (old_items, new_items)
    )
    place = {item: j for j, item in enumerate(new_items) if item in once_new}
    pairs = [(i, place[item]) for i, item in enumerate(old_items) if item in once_old and item in place]
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


def _longest_common_subsequence(old_items: Sequence[str], new_items: Sequence[str]) -> list[tuple[int, int]]:
    """Find the common subsequence with most characters, so that one long word outweighs a comma and an article."""
    best = [[0] * (len(new_items) + 1) for _ in range(len(old_items) + 1)]
    for i in range(len(old_items) - 1, -1, -1):
        item, row, below = old_items[i], best[i], best[i + 1]
        weight = len(item)
        for j in range(len(new_items) - 1, -1, -1):
            if item == new_items[j]:
                row[j] = below[j + 1] + weight
            else:
                row[j] = max(below[j], row[j + 1])
    found, i, j = [], 0, 0
    while i < len(old_items) and j < len(new_items):
        if old_items[i] == new_items[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return found
