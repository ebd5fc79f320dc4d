"""What a thief of a blind index reads in it without its key: a simulation of three ways to guess the words.

The thief knows for each letter the set of its hashes, what is published, and the letters that they sent themselves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from math import sqrt

from app.search.terms import STEM, cut, stems

Guesses = Mapping[str, str]  # the guessed term of a hash


def guess_by_frequency(hash_sets: Sequence[Set[str]], known_texts: Iterable[str]) -> dict[str, str]:
    """Guess that the n-th most frequent hash is the n-th most frequent term of similar texts."""
    hash_ranks = Counter(entry for entries in hash_sets for entry in entries).most_common()
    term_ranks = Counter(term for known in known_texts for term in list_index_terms(known)).most_common()
    return {entry: term for (entry, _), (term, _) in zip(hash_ranks, term_ranks, strict=False)}


def guess_by_published(pairs: Sequence[tuple[Set[str], str]]) -> dict[str, str]:
    """Guess the term of each hash from letters that a published question answers: the term that goes most with it.

    Each pair has the hashes of a letter and the published wording, to which the database links the letter.
    """
    hash_counts, term_counts, joint_counts = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for entries, wording in pairs:
        terms = list_index_terms(wording)
        hash_counts.update(entries)
        term_counts.update(terms)
        joint_counts.update((entry, term) for entry in entries for term in terms)
    best: dict[str, tuple[float, str]] = {}
    for (entry, term), count in joint_counts.items():
        if count > 1:
            strength = count / sqrt(hash_counts[entry] * term_counts[term])
            best[entry] = max(best.get(entry, (0.0, "")), (strength, term))
    return {entry: term for entry, (_, term) in best.items()}


def write_planted_letters(words: Sequence[str]) -> list[str]:
    """Return letters that tell the hashes of these words apart: each word is in another choice of the letters."""
    return [
        " ".join(word for number, word in enumerate(words, 1) if number >> bit & 1)
        for bit in range(len(words).bit_length())
    ]


def guess_by_planting(
    planted_letters: Sequence[str], planted_sets: Sequence[Set[str]], hash_sets: Iterable[Set[str]]
) -> dict[str, str]:
    """Read the hashes of words from letters that the thief sent.

    `planted_sets` are their hashes, `hash_sets` those of all letters. A word and its stem are in the same planted
    letters, but the stem is in more of the others. Terms that can't be told apart are left out.
    """
    terms_by_choice, hashes_by_choice = (
        _group_by_choice(sets) for sets in ([list_index_terms(letter) for letter in planted_letters], planted_sets)
    )
    frequencies = Counter(entry for entries in hash_sets for entry in entries)
    guesses: dict[str, str] = {}
    for choice, terms in terms_by_choice.items():
        entries = hashes_by_choice.get(choice, [])
        if len(terms) == len(entries) <= 2 and sum(not term.startswith(STEM) for term in terms) == 1:
            entries.sort(key=lambda entry: frequencies[entry])
            terms.sort(key=lambda term: term.startswith(STEM))
            guesses.update(zip(entries, terms, strict=True))
    return guesses


def _group_by_choice(sets: Sequence[Set[str]]) -> dict[frozenset[int], list[str]]:
    """Return the members of the sets by the numbers of the sets that they are in."""
    groups: dict[frozenset[int], list[str]] = {}
    for member, choice in _list_choices(sets).items():
        groups.setdefault(choice, []).append(member)
    return groups


def _list_choices(sets: Sequence[Set[str]]) -> dict[str, frozenset[int]]:
    """Return for each member of the sets the numbers of the sets that it is in."""
    numbers: dict[str, set[int]] = {}
    for number, members in enumerate(sets):
        for member in members:
            numbers.setdefault(member, set()).add(number)
    return {member: frozenset(found) for member, found in numbers.items()}


def share_read(guesses: Guesses, letters: Iterable[Mapping[str, str]], left_out: Set[str]) -> float:
    """Return the share of the words of letters that the guesses get right, without the common words in `left_out`.

    Each letter maps its words and stems to their hashes; stems don't count.
    """
    right = total = 0
    for hashes in letters:
        for term, entry in hashes.items():
            if term not in left_out and not term.startswith(STEM):
                total += 1
                right += guesses.get(entry) == term
    return right / max(1, total)


def list_index_terms(content: str) -> set[str]:
    """Return the words of a text and their stems, as the index has them."""
    terms = cut(content)
    return {*terms, *stems(terms)}
