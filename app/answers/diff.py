"""Differences between two versions of a text, marked as a person with a pencil would mark them.

Paragraphs are paired first and words compared inside each pair. Every step is bounded: equal parts are trimmed, long
parts are cut at words that stand once on both sides, and only what is then small enough gets the exact comparison.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.answers.alignment import align
from app.answers.paragraphs import BREAK, WORDS, pair_paragraphs, paragraphs
from app.text.clean import SIGN, WORD

Op = Literal["same", "del", "ins"]
Run = tuple[Op, str]
Kind = Literal["cut", "new", "changed", "removed", "added", "marks"]

# A token keeps the white space after it, so that joining tokens gives the text back; marks like ** stay together.
_TOKEN = re.compile(rf"{BREAK}|(?:{WORD}|{SIGN}|([^\w\s])\1*|\S|\s)(?:(?!{BREAK})\s)*")
_SENTENCE_END = re.compile(rf"^[.!?…。！？؟։।]|{BREAK}")
# An untouched island between two changes is marked with them if it has no more letters than this.
ISLAND = 5
# Words of context on each side of a change that would not be found without it.
CONTEXT = 3


@dataclass(frozen=True)
class Pair:
    """A paragraph in two versions; one side is empty where it was cut or is new.

    Where a paragraph was split or two were joined, that side holds both, with a blank line between them. Joining the
    texts of `old` gives the old paragraph, of `new` the new one, and of `merged` without 'del' the new one. In `merged`
    a cut keeps the space before it, where the new text has none left.
    """

    old: list[Run]
    new: list[Run]
    merged: list[Run]


@dataclass(frozen=True)
class Change:
    """One change in reading order, with a few words around it where it would not be found without them.

    Kinds: 'cut' and 'new' for whole paragraphs; 'changed', 'removed', 'added' for words; 'marks' where only
    punctuation, capitals or paragraph breaks differ.
    """

    before: str
    after: str
    kind: Kind


@dataclass
class _Stretch:
    """Neighbouring tokens of both sides: the same, or changed."""

    same: bool
    old: list[str]
    new: list[str]
    size: int = 0  # Letters of the longer side; a Han or Kana sign counts three, for what a reader has to take in.

    def __post_init__(self) -> None:
        self.size = max(
            sum(3 if re.match(SIGN, word) else len(word) for word in WORDS.findall("".join(side)))
            for side in (self.old, self.new)
        )


_NOTHING = _Stretch(True, [], [])


def compare(old_text: str, new_text: str) -> list[Pair]:
    """Compare two texts word by word, paragraph by paragraph."""
    return [_pair(stretches) for stretches in _diff_paragraphs(old_text, new_text)]


def has_changes(old_text: str, new_text: str) -> bool:
    """Say whether words, marks or paragraphs differ; white space alone does not count."""
    return [_keys(_tokens(part)) for part in paragraphs(old_text)] != [
        _keys(_tokens(part)) for part in paragraphs(new_text)
    ]


def changes(old_text: str, new_text: str) -> list[Change]:
    """List what changed, in order, for the letter and the page that ask the expert to check it."""
    return [change for stretches in _diff_paragraphs(old_text, new_text) for change in _changes_in(stretches)]


def _tokens(text: str) -> list[str]:
    return [match.group() for match in _TOKEN.finditer(text)]


def _keys(tokens: Sequence[str]) -> list[str]:
    return [token.strip() or token[:2] for token in tokens]


def _diff_paragraphs(old_text: str, new_text: str) -> Iterator[list[_Stretch]]:
    olds, news = paragraphs(old_text), paragraphs(new_text)
    for old_part, new_part in pair_paragraphs(olds, news):
        if old_part == new_part:
            yield [_Stretch(True, [old_part], [new_part])]
        else:
            yield _stretches(_tokens(old_part), _tokens(new_part))


def _stretches(old_tokens: list[str], new_tokens: list[str]) -> list[_Stretch]:
    found: list[_Stretch] = []
    at_old = at_new = same_old = same_new = 0
    for i, j in [*align(_keys(old_tokens), _keys(new_tokens)), (len(old_tokens), len(new_tokens))]:
        if (i, j) != (at_old, at_new) or i == len(old_tokens):
            found += [
                _Stretch(True, old_tokens[same_old:at_old], new_tokens[same_new:at_new]),
                _Stretch(False, old_tokens[at_old:i], new_tokens[at_new:j]),
            ]
            same_old, same_new = i, j
        at_old, at_new = i + 1, j + 1
    return _without_confetti([stretch for stretch in found if stretch.old or stretch.new])


def _without_confetti(stretches: list[_Stretch]) -> list[_Stretch]:
    """Take small untouched islands into the changes around them.

    The rule is that of diff-match-patch's `diff_cleanupSemantic` (an island no longer than the longer side of each
    neighbour), kept to `ISLAND` letters so that a word of content stays, and never across the end of a sentence.
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
    return island.size <= min(ISLAND, left.size, right.size)


def _pair(stretches: list[_Stretch]) -> Pair:
    pair = Pair([], [], [])
    gap = ""  # What only the old text has between the words before a change and the words that are cut.
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
        yield Change(before, after, _kind(stretch))


def _needs_context(stretch: _Stretch) -> bool:
    """A pure insertion or cut can't be found by itself, and neither can one or two words in place of others."""
    counts = [len(WORDS.findall("".join(side))) for side in (stretch.old, stretch.new)]
    return not min(counts) or max(counts) < CONTEXT


def _kind(stretch: _Stretch) -> Kind:
    before, after = ([word.casefold() for word in WORDS.findall("".join(side))] for side in (stretch.old, stretch.new))
    if before == after:
        return "marks"
    return "changed" if before and after else "removed" if before else "added"


def _leading_tokens(tokens: list[str]) -> list[str]:
    """Take tokens up to the third word, within the sentence."""
    found: list[str] = []
    words = 0
    for token in tokens:
        if words == CONTEXT or token == BREAK:
            break
        if found and _SENTENCE_END.search(token):
            break
        found.append(token)
        words += bool(WORDS.match(token))
    return found


def _trailing_tokens(tokens: list[str]) -> list[str]:
    return _leading_tokens(tokens[::-1])[::-1]
