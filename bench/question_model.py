"""A statistical model of repeated questions: words by Zipf's law within topics. A repetition keeps, inflects or
replaces each word.

Its texts have no meaning. It serves to measure what depends on the distribution of words: speed at any size, the cost
of dropping common words, and methods of ranking by words alone.
"""

import random
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Alphabet:
    """The letters and endings of an invented language. Without vowels, each character stands for a syllable."""

    consonants: str
    vowels: str
    endings: tuple[str, ...]
    separator: str = " "


ALPHABETS = {
    "latin": Alphabet("bcdfghklmnprstvz", "aeiou", ("", "", "s", "ed", "ing", "er")),
    "cyrillic": Alphabet("бвгджзклмнпрстх", "аеиоуы", ("", "а", "ы", "ом", "ами", "ах", "ов", "ский")),
    "arabic": Alphabet("بتجدرزسشعفقكلمنه", "اوي", ("", "ها", "های", "ان")),
    "han": Alphabet("".join(chr(0x4E00 + 7 * n) for n in range(2_000)), "", ("",), separator=""),
}
VOCABULARY, TOPICS, WORDS_PER_TOPIC, COMMON_WORDS = 30_000, 4_000, 40, 120
KEPT_SHARE = 0.55  # of the words in a repetition
INFLECTED_SHARE, MISTYPED_SHARE = 0.3, 0.02  # of the words in any question


class InventedLanguage:
    """An invented language, whose words and topics are drawn from `rng`. `alphabet` is a key of `ALPHABETS`."""

    def __init__(self, rng: random.Random, alphabet: str) -> None:
        self.rng, self.alphabet = rng, ALPHABETS[alphabet]
        self.vocabulary = [self._invent_word() for _ in range(VOCABULARY)]
        self.common_words = [self._invent_word(is_short=True) for _ in range(COMMON_WORDS)]
        self.common_weights = _zipf_weights(COMMON_WORDS, 1)
        self.weights = _zipf_weights(VOCABULARY, 20)
        self.topics = [rng.choices(self.vocabulary, cum_weights=self.weights, k=WORDS_PER_TOPIC) for _ in range(TOPICS)]
        self.topic_weights = _zipf_weights(TOPICS, 50)

    def _invent_word(self, is_short: bool = False) -> str:
        rng, consonants, vowels = self.rng, self.alphabet.consonants, self.alphabet.vowels
        if not vowels:
            return "".join(rng.choice(consonants) for _ in range(1 if is_short else 2))
        syllables = 1 if is_short else rng.randrange(2, 5)
        return "".join(rng.choice(consonants) + rng.choice(vowels) for _ in range(syllables))

    def _write_question(self, words: list[str]) -> str:
        """Write a question with these words: put common words before each, inflect some and mistype a few."""
        rng = self.rng
        sentence: list[str] = []
        for word in words:
            sentence += rng.choices(self.common_words, cum_weights=self.common_weights, k=rng.randrange(0, 3))
            ending = rng.choice(self.alphabet.endings) if rng.random() < INFLECTED_SHARE else ""
            is_mistyped = rng.random() < MISTYPED_SHARE and len(word) > 3
            stem = word[0] + word[2] + word[1] + word[3:] if is_mistyped else word
            sentence.append(stem + ending)
        return self.alphabet.separator.join(sentence) + "?"

    def draw_pair(self) -> tuple[str, str]:
        """Return a question and a repetition of it."""
        rng = self.rng
        topic = rng.choices(self.topics, cum_weights=self.topic_weights)[0]
        words = [rng.choice(topic) for _ in range(rng.randrange(3, 8))]
        words += rng.choices(self.vocabulary, cum_weights=self.weights, k=rng.randrange(1, 3))
        repeated_words = [word if rng.random() < KEPT_SHARE else rng.choice(topic) for word in words]
        rng.shuffle(repeated_words)
        return self._write_question(words), self._write_question(repeated_words)


def _zipf_weights(count: int, offset: int) -> list[float]:
    """Return the cumulative weights of words by rank, which fall as 1 / (rank + offset)."""
    return list(accumulate(1 / (rank + offset) for rank in range(count)))
