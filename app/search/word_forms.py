"""Other forms of a word, and words that differ from it by one typo.

Most of them exist in no language: the public index says which of them its documents have (`index.count_words`). So
nothing in the index depends on a language, and a language is added without filling it again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from ..text.word_tables import word_tables
from .terms import fold

MIN_STEM_LENGTH = 3  # letters
MIN_LENGTH_FOR_TYPO = 6  # letters; a shorter word has too many neighbours that mean something else
MIN_STEM_LENGTH_FOR_TYPO = 5


@dataclass(frozen=True)
class Grammar:
    """The word forms of a language, folded; see word_forms.toml."""

    letters: frozenset[str]
    beginnings: tuple[str, ...]  # longest first, like each of the `endings`
    endings: tuple[tuple[str, ...], ...]
    alone: frozenset[str]
    particles: frozenset[str]


@cache
def _load_grammars() -> dict[str, Grammar]:
    return {language: _build_grammar(table) for language, table in word_tables(__file__, "word_forms").items()}


def _build_grammar(table: dict[str, Any]) -> Grammar:
    endings = list(table.get("endings", []))
    if "slots" in table:
        endings.append(["".join(parts) for parts in product(*table["slots"])])
    return Grammar(
        letters=frozenset(map(fold, table["letters"])),
        beginnings=_fold_longest_first(table.get("beginnings", [""])),
        endings=tuple(map(_fold_longest_first, endings)),
        alone=frozenset(table.get("alone", "").split()),
        particles=frozenset(map(fold, table.get("particles", "").split())),
    )


def _fold_longest_first(affixes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({fold(affix) for affix in affixes}, key=lambda affix: (-len(affix), affix)))


def _grammars_of(term: str, languages: Iterable[str]) -> list[Grammar]:
    """Return the grammars of those languages whose word it may be, by its first letter. Languages are BCP 47 tags."""
    grammars = _load_grammars()
    known = dict.fromkeys(language.partition("-")[0] for language in languages)
    return [grammars[language] for language in known if language in grammars and term[0] in grammars[language].letters]


def _split_affixes(term: str, grammar: Grammar) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what may be the stem of a word, with the endings that it takes, the shortest stem first."""
    beginning = next(part for part in grammar.beginnings if _leaves_stem(term, part, ""))
    for endings in grammar.endings:
        for ending in endings:
            if _leaves_stem(term, beginning, ending):
                yield term[len(beginning) : len(term) - len(ending)], endings


def _leaves_stem(term: str, beginning: str, ending: str) -> bool:
    has_both = term.startswith(beginning) and term.endswith(ending)
    return has_both and (len(term) - len(beginning) - len(ending) >= MIN_STEM_LENGTH or not (beginning or ending))


def list_forms(term: str, languages: Iterable[str]) -> set[str]:
    """Return what may be other forms of a folded word in these languages."""
    forms = {
        beginning + stem + ending
        for grammar in _grammars_of(term, languages)
        if term not in grammar.alone and len(term) >= MIN_STEM_LENGTH
        for stem, endings in _split_affixes(term, grammar)
        for beginning in grammar.beginnings
        for ending in endings
    }
    return forms - {term}


def list_near_words(term: str, languages: Iterable[str]) -> set[str]:
    """Return the words with one letter more, one less, another, or two swapped; nothing for a word of few letters.

    The same is done with the word's stems: "lawyerrs" may be meant for a "lawyer" in the text.
    """
    if len(term) < MIN_LENGTH_FOR_TYPO:
        return set()
    grammars = _grammars_of(term, languages)
    letters = {*term}.union(*(grammar.letters for grammar in grammars))
    stems = {stem for grammar in grammars for stem, _endings in _split_affixes(term, grammar)}
    bases = {term, *(stem for stem in stems if len(stem) >= MIN_STEM_LENGTH_FOR_TYPO)}
    return {near_word for base in bases for near_word in _edit_once(base, letters)} - {term}


def _edit_once(term: str, letters: Iterable[str]) -> Iterator[str]:
    for position in range(len(term) + 1):
        before, after = term[:position], term[position:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in letters:
            yield before + letter + after
            yield before + letter + after[1:]


def is_particle(term: str, languages: Iterable[str]) -> bool:
    """Return whether a folded word is an ending that stands apart, as Persian ها in کتاب ها."""
    return any(term in grammar.particles for grammar in _grammars_of(term, languages))
