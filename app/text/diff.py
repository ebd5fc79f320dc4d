"""Differences between two versions of a text: paragraphs are paired first, then words within each pair."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from app.text.clean import SIGN, WORD, clean
from app.text.styles import OPENING, TOKEN

# Two sequences are compared exactly if the product of their lengths is at most this (200 words against 200).
MAX_EXACT_CELLS = 40_000
# Longer sequences are split at the items that occur once in both. Their parts are split again, to this many levels;
# parts that are still too long count as rewritten.
MAX_DEPTH = 8


def align(old_items: Sequence[str], new_items: Sequence[str], depth: int = MAX_DEPTH) -> list[tuple[int, int]]:
    """Return the indexes of equal items as pairs (old, new), increasing on both sides."""
    start = 0
    old_end = len(old_items)
    new_end = len(new_items)
    while start < min(old_end, new_end) and old_items[start] == new_items[start]:
        start += 1
    while min(old_end, new_end) > start and old_items[old_end - 1] == new_items[new_end - 1]:
        old_end -= 1
        new_end -= 1
    head = [(i, i) for i in range(start)]
    middle = _align_middle(old_items[start:old_end], new_items[start:new_end], depth)
    tail = [(old_end + k, new_end + k) for k in range(len(old_items) - old_end)]
    return head + [(start + i, start + j) for i, j in middle] + tail


def _align_middle(old_items: Sequence[str], new_items: Sequence[str], depth: int) -> list[tuple[int, int]]:
    """Align two sequences exactly if they are short, otherwise piece by piece between their anchors."""
    if len(old_items) * len(new_items) <= MAX_EXACT_CELLS:
        return _longest_common_subsequence(old_items, new_items)
    anchors = _anchors(old_items, new_items) if depth else []
    if not anchors:
        return []
    pairs: list[tuple[int, int]] = []
    old_start = new_start = 0
    for i, j in anchors:
        gap_pairs = align(old_items[old_start:i], new_items[new_start:j], depth - 1)
        pairs += [(old_start + k, new_start + m) for k, m in gap_pairs]
        pairs.append((i, j))
        old_start, new_start = i + 1, j + 1
    last_pairs = align(old_items[old_start:], new_items[new_start:], depth - 1)
    return pairs + [(old_start + k, new_start + m) for k, m in last_pairs]


def _anchors(old_items: Sequence[str], new_items: Sequence[str]) -> list[tuple[int, int]]:
    """Pair the items that occur once on each side, and keep the longest increasing run, as patience diff does."""
    old_index = _index_unique_items(old_items)
    new_index = _index_unique_items(new_items)
    pairs = [(i, new_index[item]) for item, i in old_index.items() if item in new_index]
    # Find the longest run of pairs whose new indexes increase. Of several runs of the same length, continue only the
    # run that ends with the lowest index.
    lowest_ends: list[int] = []  # by length of the run, less 1: the new index that it ends with
    last_pairs: list[int] = []  # by length of the run, less 1: the number of its last pair
    previous_pairs: list[int] = []  # by number of a pair: the number of the pair before it in its run, or -1
    for number, (_, j) in enumerate(pairs):
        length = bisect_left(lowest_ends, j)
        previous_pairs.append(last_pairs[length - 1] if length else -1)
        lowest_ends[length : length + 1] = [j]
        last_pairs[length : length + 1] = [number]
    run: list[tuple[int, int]] = []
    number = last_pairs[-1] if last_pairs else -1
    while number >= 0:
        run.append(pairs[number])
        number = previous_pairs[number]
    return run[::-1]


def _index_unique_items(items: Sequence[str]) -> dict[str, int]:
    """Return the index of each item that occurs once, in order."""
    counts = Counter(items)
    return {item: index for index, item in enumerate(items) if counts[item] == 1}


def _longest_common_subsequence(old_items: Sequence[str], new_items: Sequence[str]) -> list[tuple[int, int]]:
    """Find the common subsequence with the most characters: a long word counts more than a comma and an article."""
    # best[i][j]: the most characters that old_items[i:] and new_items[j:] have in common.
    best = [[0] * (len(new_items) + 1) for _ in range(len(old_items) + 1)]
    for i in range(len(old_items) - 1, -1, -1):
        item = old_items[i]
        row = best[i]
        next_row = best[i + 1]
        weight = len(item)
        for j in range(len(new_items) - 1, -1, -1):
            if item == new_items[j]:
                row[j] = next_row[j + 1] + weight
            else:
                row[j] = max(next_row[j], row[j + 1])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(old_items) and j < len(new_items):
        if old_items[i] == new_items[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


BREAK = "\n\n"
WORDS = re.compile(rf"{SIGN}|{WORD}")
# Two paragraphs are versions of each other if they share at least this part of their letters.
PARAGRAPH_SIMILARITY = 0.3
# If a paragraph was split (or two were joined), each part must share at least this part of its letters with the whole.
SPLIT_SHARE = 0.5
# With more combinations than this (100 paragraphs against 100), differing paragraphs are paired by position.
MAX_PARAGRAPH_PAIRS = 10_000
# The numbers of old and of new paragraphs that a pair may have.
_PAIRINGS = ((1, 0), (0, 1), (1, 1), (1, 2), (2, 1))


def split_paragraphs(text: str) -> list[str]:
    """Clean a text and split it at its blank lines."""
    return [part for part in clean(text).split(BREAK) if part]


def pair_paragraphs(old_paragraphs: list[str], new_paragraphs: list[str]) -> Iterator[tuple[str, str]]:
    """Pair old and new paragraphs: equal ones first, then the paragraphs in between by similarity.

    A paragraph without a partner is paired with ''.
    """
    old_start = new_start = 0
    for i, j in align(old_paragraphs, new_paragraphs):
        yield from _pair_by_similarity(old_paragraphs[old_start:i], new_paragraphs[new_start:j])
        yield old_paragraphs[i], new_paragraphs[j]
        old_start, new_start = i + 1, j + 1
    yield from _pair_by_similarity(old_paragraphs[old_start:], new_paragraphs[new_start:])


def _pair_by_similarity(old_paragraphs: list[str], new_paragraphs: list[str]) -> list[tuple[str, str]]:
    """Find the pairing whose pairs share the most letters. It keeps the order, and may pair one paragraph with two."""
    rows = len(old_paragraphs)
    columns = len(new_paragraphs)
    if rows == columns == 1:
        return [(old_paragraphs[0], new_paragraphs[0])]
    if rows * columns > MAX_PARAGRAPH_PAIRS:
        return list(zip_longest(old_paragraphs, new_paragraphs, fillvalue=""))
    gains = _PairingGains(old_paragraphs, new_paragraphs)
    # best[i][j]: the letters shared by the best pairing of old_paragraphs[i:] with new_paragraphs[j:], and how many old
    # and new paragraphs are in its first pair.
    best: list[list[tuple[float, int, int]]] = [[(0, 0, 0)] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            options = [
                (best[i + di][j + dj][0] + gain, di, dj)
                for di, dj in _PAIRINGS
                if i + di <= rows and j + dj <= columns and (gain := gains.get_gain(i, j, di, dj)) is not None
            ]
            # On a tie the first option wins: a removed paragraph comes before a new one.
            best[i][j] = max(options, key=lambda option: option[0], default=(0, 0, 0))
    pairs: list[tuple[str, str]] = []
    i = j = 0
    while i < rows or j < columns:
        _, di, dj = best[i][j]
        pairs.append((BREAK.join(old_paragraphs[i : i + di]), BREAK.join(new_paragraphs[j : j + dj])))
        i, j = i + di, j + dj
    return pairs


def _weigh_words(paragraph: str) -> Counter[str]:
    """Count the letters of each word of a paragraph, so that 'the' and 'of' hardly make paragraphs similar."""
    weights: Counter[str] = Counter()
    for word in WORDS.findall(paragraph):
        weights[word.casefold()] += len(word)
    return weights


class _PairingGains:
    """The numbers of letters that old and new paragraphs share, computed once for all of them."""

    def __init__(self, old_paragraphs: list[str], new_paragraphs: list[str]) -> None:
        old_weights = [_weigh_words(paragraph) for paragraph in old_paragraphs]
        new_weights = [_weigh_words(paragraph) for paragraph in new_paragraphs]
        self.old_sizes = [weights.total() for weights in old_weights]
        self.new_sizes = [weights.total() for weights in new_weights]
        self.shared_letters = [[(old & new).total() for new in new_weights] for old in old_weights]

    def get_gain(self, i: int, j: int, di: int, dj: int) -> int | None:
        """Return the letters shared by `di` old paragraphs from `i` on and `dj` new ones from `j` on.

        Return None if they are too different to be a pair.
        """
        if not (di and dj):
            return 0
        # `di` or `dj` is 1, so there is an entry for each part of a split or joined paragraph.
        shared_by_part = [self.shared_letters[k][m] for k in range(i, i + di) for m in range(j, j + dj)]
        shared = sum(shared_by_part)
        total_size = sum(self.old_sizes[i : i + di]) + sum(self.new_sizes[j : j + dj])
        if not shared or shared < PARAGRAPH_SIMILARITY * total_size / 2:
            return None
        part_sizes: list[int] = []
        if dj > 1:
            part_sizes = self.new_sizes[j : j + dj]
        elif di > 1:
            part_sizes = self.old_sizes[i : i + di]
        if any(letters < SPLIT_SHARE * size for letters, size in zip(shared_by_part, part_sizes, strict=False)):
            return None
        return min(shared, total_size // 2)  # a word in both parts is counted twice; equal texts share half the total


Op = Literal["same", "del", "ins"]
Run = tuple[Op, str]  # the text of neighbouring tokens that are all unchanged, deleted or inserted
Kind = Literal["cut", "new", "changed", "removed", "added", "marks"]

# A token with the white space after it, so that joined tokens give back the text. Its bold and italics are part of it.
_TOKEN = re.compile(rf"{BREAK}|(?:{TOKEN}|\S|\s)(?:(?!{BREAK})\s)*")
# A token that ends a sentence: it begins with one of these marks, or contains a paragraph break.
_SENTENCE_END = re.compile(rf"^{OPENING}[.!?…。！？؟։।]|{BREAK}")
# Unchanged text between two changes can be shown as changed if it has no more letters than this (`_merge_islands`).
ISLAND_LETTERS = 5
# Words of context on each side of a change, if it would be hard to locate without them.
CONTEXT_WORDS = 3


@dataclass(frozen=True)
class ParagraphPair:
    """A paragraph in two versions; one side is empty if it was removed or is new.

    If a paragraph was split or two were joined, one side has both parts, with a blank line in between. The texts of
    `old`, joined, are the old paragraph. The texts of `new` are the new paragraph, and so are those of `merged` without
    'del'. In `merged`, a deletion includes the space before it if the new text has no space there.
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
    """Neighbouring tokens of both sides that are either all the same or all changed."""

    same: bool
    old: list[str]
    new: list[str]
    size: int = 0  # letters of the longer side; a Han or Kana character says about as much as three

    def __post_init__(self) -> None:
        self.size = max(
            sum(3 if re.match(SIGN, word) else len(word) for word in WORDS.findall("".join(side)))
            for side in (self.old, self.new)
        )


_EMPTY = _Stretch(True, [], [])


def compare(old_text: str, new_text: str) -> list[ParagraphPair]:
    """Compare two texts word by word, paragraph by paragraph."""
    return [_build_pair(stretches) for stretches in _diff_paragraphs(old_text, new_text)]


def has_changes(old_text: str, new_text: str) -> bool:
    """Return whether words, marks or paragraphs differ, ignoring white space."""
    old_keys, new_keys = (
        [_token_keys(_tokens(paragraph)) for paragraph in split_paragraphs(text)] for text in (old_text, new_text)
    )
    return old_keys != new_keys


def changes(old_text: str, new_text: str) -> list[Change]:
    """List the changes in reading order, for the mail and the page of the quote check."""
    return [change for stretches in _diff_paragraphs(old_text, new_text) for change in _changes_in(stretches)]


def _tokens(text: str) -> list[str]:
    return [match.group() for match in _TOKEN.finditer(text)]


def _token_keys(tokens: Sequence[str]) -> list[str]:
    """Return the texts by which tokens are compared, without white space; for white space alone, two characters."""
    return [token.strip() or token[:2] for token in tokens]


def _diff_paragraphs(old_text: str, new_text: str) -> Iterator[list[_Stretch]]:
    old_paragraphs, new_paragraphs = split_paragraphs(old_text), split_paragraphs(new_text)
    for old_part, new_part in pair_paragraphs(old_paragraphs, new_paragraphs):
        if old_part == new_part:
            yield [_Stretch(True, [old_part], [new_part])]
        else:
            yield _group_tokens(_tokens(old_part), _tokens(new_part))


def _group_tokens(old_tokens: list[str], new_tokens: list[str]) -> list[_Stretch]:
    """Group two lists of tokens into stretches, alternately unchanged and changed."""
    stretches: list[_Stretch] = []
    old_start = new_start = 0  # where the current stretch of equal tokens begins
    old_end = new_end = 0  # where it ends: after the last pair of equal tokens
    pairs = align(_token_keys(old_tokens), _token_keys(new_tokens))
    for i, j in [*pairs, (len(old_tokens), len(new_tokens))]:
        if (i, j) != (old_end, new_end) or i == len(old_tokens):
            stretches += [
                _Stretch(True, old_tokens[old_start:old_end], new_tokens[new_start:new_end]),
                _Stretch(False, old_tokens[old_end:i], new_tokens[new_end:j]),
            ]
            old_start, new_start = i, j
        old_end, new_end = i + 1, j + 1
    return _merge_islands([stretch for stretch in stretches if stretch.old or stretch.new])


def _merge_islands(stretches: list[_Stretch]) -> list[_Stretch]:
    """Merge small unchanged islands into the changes around them.

    The rule is that of diff-match-patch's `diff_cleanupSemantic`: an island is at most as long as the longer side of
    each neighbour. Here it also has at most `ISLAND_LETTERS`, so that content words stay, and ends no sentence.
    """
    merged: list[_Stretch] = []
    for stretch in stretches:
        merged.append(stretch)
        while len(merged) > 2 and _is_island(*merged[-3:]):
            left, island, right = merged[-3:]
            left.old += island.old + right.old
            left.new += island.new + right.new
            left.size += island.size + right.size
            del merged[-2:]
    return merged


def _is_island(left: _Stretch, island: _Stretch, right: _Stretch) -> bool:
    if left.same or right.same or any(map(_SENTENCE_END.search, island.new)):
        return False
    return island.size <= min(ISLAND_LETTERS, left.size, right.size)


def _build_pair(stretches: list[_Stretch]) -> ParagraphPair:
    pair = ParagraphPair([], [], [])
    lost_space = ""  # white space before a deletion that the new text doesn't have
    for stretch in stretches:
        before, after = "".join(stretch.old), "".join(stretch.new)
        if stretch.same:
            has_lost_space = after == after.rstrip()
            lost_space = before[len(before.rstrip()) :] if has_lost_space else ""
            pair.old.append(("same", before))
            pair.new.append(("same", after))
            pair.merged.append(("same", after))
            continue
        if before:
            pair.old.append(("del", before))
            pair.merged.append(("del", lost_space + before))
        if after:
            pair.new.append(("ins", after))
            pair.merged.append(("ins", after))
    return pair


def _changes_in(stretches: list[_Stretch]) -> Iterator[Change]:
    if len(stretches) == 1 and not stretches[0].old:
        yield Change("", "".join(stretches[0].new), "new")
        return
    if len(stretches) == 1 and not stretches[0].new:
        yield Change("".join(stretches[0].old), "", "cut")
        return
    # An empty stretch is added at both ends, so that every change has a neighbour on each side.
    for left, stretch, right in zip([_EMPTY, *stretches], stretches, [*stretches[1:], _EMPTY], strict=False):
        if stretch.same:
            continue
        before, after = stretch.old, stretch.new
        if _needs_context(stretch):
            before = _trailing_tokens(left.old) + before + _leading_tokens(right.old)
            after = _trailing_tokens(left.new) + after + _leading_tokens(right.new)
        yield Change("".join(before).strip(), "".join(after).strip(), _classify_change(stretch))


def _needs_context(stretch: _Stretch) -> bool:
    """Return whether a change is hard to locate without context: an insertion, a deletion, or only a word or two."""
    word_counts = [len(WORDS.findall("".join(side))) for side in (stretch.old, stretch.new)]
    return min(word_counts) == 0 or max(word_counts) < CONTEXT_WORDS


def _classify_change(stretch: _Stretch) -> Kind:
    before, after = ([word.casefold() for word in WORDS.findall("".join(side))] for side in (stretch.old, stretch.new))
    if before == after:
        return "marks"
    if before and after:
        return "changed"
    return "removed" if before else "added"


def _leading_tokens(tokens: list[str]) -> list[str]:
    """Return the first `CONTEXT_WORDS` words with the marks between them, but none of the next sentence."""
    leading: list[str] = []
    word_count = 0
    for token in tokens:
        if word_count == CONTEXT_WORDS or token == BREAK:
            break
        if leading and _SENTENCE_END.search(token):
            break
        leading.append(token)
        if WORDS.search(token):
            word_count += 1
    return leading


def _trailing_tokens(tokens: list[str]) -> list[str]:
    return _leading_tokens(tokens[::-1])[::-1]
