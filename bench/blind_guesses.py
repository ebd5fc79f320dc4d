"""What a thief of a blind index reads in it without its key: a simulation of three ways to guess the words.

The thief knows for each letter the set of its hashes, what is published, and the letters that they sent themselves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from math import sqrt

from app.search.terms import cut, stems

Guesses = Mapping[str, str]  # the guessed term of a hash


def guess_by_frequency(hash_sets: Sequence[Set[str]], known_texts: Iterable[str]) -> dict[str, str]:
    """Guess that the n-th most frequent hash is the n-th most frequent term of similar texts."""
    hash_ranks = Counter(entry for entries in hash_sets for entry in entries).most_common()
    term_ranks = Counter(term for known in known_texts for term in _index_terms(known)).most_common()
    return {entry: term for (entry, _), (term, _) in zip(hash_ranks, term_ranks, strict=False)}


def guess_by_published(pairs: Sequence[tuple[Set[str], str]]) -> dict[str, str]:
    """Guess the term of each hash from letters that a published question answers: the term that goes most with it.

    Each pair has the hashes of a letter and the published wording, to which the database links the letter.
    """
    hash_counts, term_counts, joint_counts = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for entries, wording in pairs:
        terms = _index_terms(wording)
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


def guess_by_planting(planted_letters: Sequence[str], hash_sets: Sequence[Set[str]]) -> dict[str, str]:
    """Read the hashes of words from letters that the thief sent; `hash_sets` are those of these letters.

    Terms that occur in the same letters as another one are left out.
    """
    terms_by_choice: dict[frozenset[int], list[str]] = {}
    for term, choice in _list_choices([_index_terms(letter) for letter in planted_letters]).items():
        terms_by_choice.setdefault(choice, []).append(term)
    choices = _list_choices(hash_sets)
    return {entry: terms_by_choice[choice][0] for entry, choice in choices.items() if len(terms_by_choice[choice]) == 1}


def _list_choices(sets: Sequence[Set[str]]) -> dict[str, frozenset[int]]:
    """Return for each member of the sets the numbers of the sets that it is in."""
    numbers: dict[str, set[int]] = {}
    for number, members in enumerate(sets):
        for member in members:
            numbers.setdefault(member, set()).add(number)
    return {member: frozenset(found) for member, found in numbers.items()}


def share_read(guesses: Guesses, letters: Iterable[Mapping[str, str]], left_out: Set[str]) -> float:
    """Return the share of the words of letters that the guesses get right, without the common words in `left_out`.

    Each letter maps its words to their hashes.
    """
    right = total = 0
    for hashes in letters:
        for term, entry in hashes.items():
            if term not in left_out:
                total += 1
                right += guesses.get(entry) == term
    return right / max(1, total)


def _index_terms(content: str) -> set[str]:
    terms = cut(content)
    return {*terms, *stems(terms)}
