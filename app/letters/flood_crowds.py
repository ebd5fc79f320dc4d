"""Crowds of letters so alike that a few of them stand for all, for erasing the others when a flood fills the day.

Nothing is in a crowd by the words of a topic alone: a letter must share much of its words with several others, or be no
question at all. So an honest letter is in a crowd only if it reads like the letters of the flood.
"""

from collections import defaultdict
from collections.abc import Sequence

from ..text.clean import word_count
from ..text.languages import MIN_KNOWN_SHARE, known_share
from .flood_ranking import NOISE_FUNCTION_WORD_SHARE, content_stems, function_word_share
from .spam_filter import is_only_link

MAX_FRAGMENT_WORDS = 3  # words of a text that is too short to be told apart from others like it
MIN_OVERLAP = 0.3  # the lowest Jaccard index of the stems of two texts that are alike
MIN_ALIKE = 2  # texts among the references that a text in a crowd is like, besides itself
MAX_REFERENCES = 200  # texts with which each text is compared


def find_crowds(texts: Sequence[str]) -> list[list[int]]:
    """Return the crowds among texts, each as the indexes of its texts in rising order.

    Each text is compared with the first `MAX_REFERENCES`, so the order of the texts should be random.
    """
    crowds: dict[object, list[int]] = defaultdict(list)
    stems_by_index: dict[int, set[str]] = {}
    for index, text in enumerate(texts):
        if kind := find_kind(text):
            crowds[kind].append(index)
        else:
            stems_by_index[index] = content_stems(text)
    references = list(stems_by_index)[:MAX_REFERENCES]
    crowd_of = _group_references([stems_by_index[index] for index in references])
    for index, stems in stems_by_index.items():
        alike = [
            number
            for number, reference in enumerate(references)
            if reference != index and are_alike(stems, stems_by_index[reference])
        ]
        if len(alike) >= MIN_ALIKE:
            crowds[crowd_of[alike[0]]].append(index)
    return list(crowds.values())


def find_kind(text: str) -> str | None:
    """Return the kind of a text that asks nothing: "links", "fragment" or "noise"; None for any other text."""
    if is_only_link(text):
        return "links"
    if word_count(text) <= MAX_FRAGMENT_WORDS:
        return "fragment"
    # Outside ASCII, letters that are in no training text are no sign of noise, as in Vietnamese.
    is_noise = text.isascii() and known_share(text) < MIN_KNOWN_SHARE
    return "noise" if is_noise and function_word_share(text) < NOISE_FUNCTION_WORD_SHARE else None


def are_alike(stems: set[str], other_stems: set[str]) -> bool:
    shared = len(stems & other_stems)
    return shared > 0 and shared >= MIN_OVERLAP * (len(stems) + len(other_stems) - shared)


def _group_references(references: Sequence[set[str]]) -> list[int]:
    """Return the number of the first reference of each one's group. Alike references are in the same group."""
    groups = list(range(len(references)))
    for number, stems in enumerate(references):
        alike = {groups[other] for other in range(number) if are_alike(stems, references[other])}
        if alike:
            first = min(alike)
            groups = [first if group in alike or group == number else group for group in groups]
    return groups
