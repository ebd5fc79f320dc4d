"""Differences between two versions of a text: paragraphs are paired first, then words within each pair."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.text.clean import SIGN, WORD, clean

# Two sequences are compared exactly if the product of their lengths is at most this (200 words against 200).
MAX_EXACT_CELLS = 40_000
# How many levels deep a sequence is split at its unique items before the rest counts as rewritten.
MAX_DEPTH = 8


def align(old_items: Sequence[str], new_items: Sequence[str], depth: int = MAX_DEPTH) -> list[tuple[int, int]]:
    """Return pairs of indexes of equal items, increasing on both sides."""
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
    if len(old_items) * len(new_items) <= MAX_EXACT_CELLS:
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
    """Pair the items that occur once on each side, keeping the longest increasing run, as patience diff does."""
    once_old, once_new = (
        {item for item, times in Counter(side).items() if times == 1} for side in (old_items, new_items)
    )
    place = {item: j for j, item in enumerate(new_items) if item in once_new}
    pairs = [(i, place[item]) for i, item in enumerate(old_items) if item in once_old and item in place]
    ends: list[int] = []  # For each length, the lowest index that an increasing run of it ends with.
    last: list[int] = []  # The pair that each of these runs ends with.
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
    """Find the common subsequence with the most characters, so that one long word outweighs a comma and an article."""
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


BREAK = "\n\n"
WORDS = re.compile(rf"{SIGN}|{WORD}")
# Two paragraphs that share a smaller part of their letters than this are not one edited paragraph.
PARAGRAPH_SIMILARITY = 0.3
# Each part of a split (or joined) paragraph must share at least this part of its letters with the whole.
SPLIT_SHARE = 0.5
# Above this many combinations (100 paragraphs against 100), differing paragraphs are paired by position.
MAX_PARAGRAPH_PAIRS = 10_000
# The numbers of old and new paragraphs that one pair may consist of.
_PAIRINGS = ((1, 0), (0, 1), (1, 1), (1, 2), (2, 1))


def split_paragraphs(text: str) -> list[str]:
    """Clean a text and split it at its blank lines."""
    return [part for part in clean(text).split(BREAK) if part]


def pair_paragraphs(olds: list[str], news: list[str]) -> Iterator[tuple[str, str]]:
    """Pair old and new paragraphs: equal ones first, then those in between by similarity; '' stands for no partner."""
    at_old = at_new = 0
    for i, j in [*align(olds, news), (len(olds), len(news))]:
        yield from _pair_by_likeness(olds[at_old:i], news[at_new:j])
        if i < len(olds):
            yield olds[i], news[j]
        at_old, at_new = i + 1, j + 1


def _pair_by_likeness(olds: list[str], news: list[str]) -> list[tuple[str, str]]:
    """Find the pairing, in order, that shares the most letters; it may pair one paragraph with two."""
    rows, columns = len(olds), len(news)
    if rows == columns == 1:
        return [(olds[0], news[0])]
    if rows * columns > MAX_PARAGRAPH_PAIRS:
        length = max(rows, columns)
        return list(zip(olds + [""] * (length - rows), news + [""] * (length - columns), strict=True))
    gains = _PairingGains(olds, news)
    best: list[list[tuple[float, int, int]]] = [[(0, 0, 0)] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            options = [
                (best[i + di][j + dj][0] + gain, di, dj)
                for di, dj in _PAIRINGS
                if i + di <= rows and j + dj <= columns and (gain := gains.of(i, j, di, dj)) is not None
            ]
            # On a tie the first option wins: a removed paragraph comes before a new one.
            best[i][j] = max(options, key=lambda option: option[0], default=(0, 0, 0))
    found, i, j = [], 0, 0
    while i < rows or j < columns:
        _, di, dj = best[i][j]
        found.append((BREAK.join(olds[i : i + di]), BREAK.join(news[j : j + dj])))
        i, j = i + di, j + dj
    return found


def _weigh_words(paragraph: str) -> Counter[str]:
    """Count a paragraph's words, weighted by length, so that 'the' and 'of' hardly make paragraphs similar."""
    bag: Counter[str] = Counter()
    for word in WORDS.findall(paragraph):
        bag[word.casefold()] += len(word)
    return bag


class _PairingGains:
    """The letters shared by paired paragraphs, computed once for every old and new paragraph."""

    def __init__(self, olds: list[str], news: list[str]) -> None:
        old_bags, new_bags = [_weigh_words(part) for part in olds], [_weigh_words(part) for part in news]
        self.old_sizes, self.new_sizes = [bag.total() for bag in old_bags], [bag.total() for bag in new_bags]
        self.shared = [[sum((one & other).values()) for other in new_bags] for one in old_bags]

    def of(self, i: int, j: int, di: int, dj: int) -> int | None:
        """Return the letters shared by `di` old paragraphs from `i` and `dj` new ones from `j`, or None if they are too
        different to be a pair."""
        if not (di and dj):
            return 0
        cells = [(k, m) for k in range(i, i + di) for m in range(j, j + dj)]
        shared = [self.shared[k][m] for k, m in cells]
        sizes = sum(self.old_sizes[i : i + di]) + sum(self.new_sizes[j : j + dj])
        if not sum(shared) or sum(shared) < PARAGRAPH_SIMILARITY * sizes / 2:
            return None
        parts = self.new_sizes[j : j + dj] if dj > 1 else self.old_sizes[i : i + di] if di > 1 else []
        if any(kept < SPLIT_SHARE * part for kept, part in zip(shared, parts, strict=False)):
            return None
        return min(sum(shared), sizes // 2)


Op = Literal["same", "del", "ins"]
Run = tuple[Op, str]
Kind = Literal["cut", "new", "changed", "removed", "added", "marks"]

# A token includes the white space after it, so that joined tokens give back the text; marks like ** stay together.
_TOKEN = re.compile(rf"{BREAK}|(?:{WORD}|{SIGN}|([^\w\s])\1*|\S|\s)(?:(?!{BREAK})\s)*")
_SENTENCE_END = re.compile(rf"^[.!?…。！？؟։।]|{BREAK}")
# An unchanged island between two changes is marked with them if it has no more letters than this.
ISLAND_LETTERS = 5
# Words of context on each side of a change that would be hard to locate without.
CONTEXT_WORDS = 3


@dataclass(frozen=True)
class Pair:
    """A paragraph in two versions; one side is empty if it was removed or is new.

    If a paragraph was split or two were joined, one side holds both, with a blank line in between. Joining the texts of
    `old` gives the old paragraph; those of `new`, or of `merged` without 'del', give the new one. In `merged`, a
    deletion includes the space before it if the new text has none left there.
    """

    old: list[Run]
    new: list[Run]
    merged: list[Run]


@dataclass(frozen=True)
class Change:
    """One change, with a few words of context if it would be hard to locate without.

    Kinds: 'cut' and 'new' for whole paragraphs; 'changed', 'removed', 'added' for words; 'marks' where only
    punctuation, capitals or paragraph breaks differ.
    """

    before: str
    after: str
    kind: Kind


@dataclass
class _Stretch:
    """A run of neighbouring tokens of both sides, either all the same or all changed."""

    same: bool
    old: list[str]
    new: list[str]
    size: int = 0  # Letters of the longer side; a Han or Kana character counts as three, by what a reader takes in.

    def __post_init__(self) -> None:
        self.size = max(
            sum(3 if re.match(SIGN, word) else len(word) for word in WORDS.findall("".join(side)))
            for side in (self.old, self.new)
        )


_NOTHING = _Stretch(True, [], [])


def compare(old_text: str, new_text: str) -> list[Pair]:
    """Compare two texts word by word, paragraph by paragraph."""
    return [_build_pair(stretches) for stretches in _diff_paragraphs(old_text, new_text)]


def has_changes(old_text: str, new_text: str) -> bool:
    """Return whether words, marks or paragraphs differ, ignoring white space."""
    return [_token_keys(_tokens(part)) for part in split_paragraphs(old_text)] != [
        _token_keys(_tokens(part)) for part in split_paragraphs(new_text)
    ]


def changes(old_text: str, new_text: str) -> list[Change]:
    """List the changes in reading order, for the mail and the page of the quote check."""
    return [change for stretches in _diff_paragraphs(old_text, new_text) for change in _changes_in(stretches)]


def _tokens(text: str) -> list[str]:
    return [match.group() for match in _TOKEN.finditer(text)]


def _token_keys(tokens: Sequence[str]) -> list[str]:
    return [token.strip() or token[:2] for token in tokens]


def _diff_paragraphs(old_text: str, new_text: str) -> Iterator[list[_Stretch]]:
    olds, news = split_paragraphs(old_text), split_paragraphs(new_text)
    for old_part, new_part in pair_paragraphs(olds, news):
        if old_part == new_part:
            yield [_Stretch(True, [old_part], [new_part])]
        else:
            yield _stretches(_tokens(old_part), _tokens(new_part))


def _stretches(old_tokens: list[str], new_tokens: list[str]) -> list[_Stretch]:
    found: list[_Stretch] = []
    at_old = at_new = same_old = same_new = 0
    for i, j in [*align(_token_keys(old_tokens), _token_keys(new_tokens)), (len(old_tokens), len(new_tokens))]:
        if (i, j) != (at_old, at_new) or i == len(old_tokens):
            found += [
                _Stretch(True, old_tokens[same_old:at_old], new_tokens[same_new:at_new]),
                _Stretch(False, old_tokens[at_old:i], new_tokens[at_new:j]),
            ]
            same_old, same_new = i, j
        at_old, at_new = i + 1, j + 1
    return _without_confetti([stretch for stretch in found if stretch.old or stretch.new])


def _without_confetti(stretches: list[_Stretch]) -> list[_Stretch]:
    """Merge small unchanged islands into the changes around them.

    The rule is that of diff-match-patch's `diff_cleanupSemantic` (an island no longer than the longer side of each
    neighbour), limited to `ISLAND_LETTERS` so that content words stay, and never across the end of a sentence.
    """
    kept: list[_Stretch] = []
    for stretch in stretches:
        kept.append(stretch)
        while len(kept) > 2 and _is_island(*kept[-3:]):
            left, island, right = kept[-3:]
            left.old += island.old + right.old
            left.new += island.new + right.new
            left.size += island.size + right.size
            del kept[-2:]
    return kept


def _is_island(left: _Stretch, island: _Stretch, right: _Stretch) -> bool:
    if left.same or right.same or any(map(_SENTENCE_END.search, island.new)):
        return False
    return island.size <= min(ISLAND_LETTERS, left.size, right.size)


def _build_pair(stretches: list[_Stretch]) -> Pair:
    pair = Pair([], [], [])
    gap = ""  # White space before a deletion that the new text no longer has.
    for stretch in stretches:
        before, after = "".join(stretch.old), "".join(stretch.new)
        if stretch.same:
            gap = before[len(before.rstrip()) :] if after == after.rstrip() else ""
            pair.old.append(("same", before))
            pair.new.append(("same", after))
            pair.merged.append(("same", after))
            continue
        if before:
            pair.old.append(("del", before))
            pair.merged.append(("del", gap + before))
        if after:
            pair.new.append(("ins", after))
            pair.merged.append(("ins", after))
    return pair


def _changes_in(stretches: list[_Stretch]) -> Iterator[Change]:
    if len(stretches) == 1 and not stretches[0].same and not (stretches[0].old and stretches[0].new):
        before, after = "".join(stretches[0].old), "".join(stretches[0].new)
        yield Change(before, after, "cut" if before else "new")
        return
    for at, stretch in enumerate(stretches):
        if stretch.same:
            continue
        near = _needs_context(stretch)
        lead = stretches[at - 1] if near and at else _NOTHING
        tail = stretches[at + 1] if near and at + 1 < len(stretches) else _NOTHING
        before = "".join(_trailing_tokens(lead.old) + stretch.old + _leading_tokens(tail.old)).strip()
        after = "".join(_trailing_tokens(lead.new) + stretch.new + _leading_tokens(tail.new)).strip()
        yield Change(before, after, _classify_change(stretch))


def _needs_context(stretch: _Stretch) -> bool:
    """Return whether a change is hard to locate by itself: a pure insertion or deletion, or only a word or two."""
    counts = [len(WORDS.findall("".join(side))) for side in (stretch.old, stretch.new)]
    return not min(counts) or max(counts) < CONTEXT_WORDS


def _classify_change(stretch: _Stretch) -> Kind:
    before, after = ([word.casefold() for word in WORDS.findall("".join(side))] for side in (stretch.old, stretch.new))
    if before == after:
        return "marks"
    return "changed" if before and after else "removed" if before else "added"


def _leading_tokens(tokens: list[str]) -> list[str]:
    """Return the tokens up to the `CONTEXT_WORDS`th word, within the sentence."""
    found: list[str] = []
    words = 0
    for token in tokens:
        if words == CONTEXT_WORDS or token == BREAK:
            break
        if found and _SENTENCE_END.search(token):
            break
        found.append(token)
        words += bool(WORDS.match(token))
    return found


def _trailing_tokens(tokens: list[str]) -> list[str]:
    return _leading_tokens(tokens[::-1])[::-1]
