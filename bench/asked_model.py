"""A statistical model of repeated questions: words by Zipf's law within topics, some of which a repetition keeps,
inflects or replaces.

Its texts have no meaning. It serves to measure what depends on the distribution of words: speed at any size, the cost
of dropping common words, and methods of ranking by words alone.
"""

import random
from dataclasses import dataclass
from itertools import accumulate

ALPHABETS = {
    "latin": ("bcdfghklmnprstvz", "aeiou", ["", "", "s", "ed", "ing", "er"]),
    "cyrillic": ("бвгджзклмнпрстх", "аеиоуы", ["", "а", "ы", "ом", "ами", "ах", "ов", "ский"]),
    "arabic": ("بتجدرزسشعفقكلمنه", "اوي", ["", "ها", "های", "ان"]),
    "han": ("".join(chr(0x4E00 + 7 * n) for n in range(2_000)), "", [""]),
}
TOPICS, TOPIC_WORDS, COMMON = 4_000, 40, 120
KEPT, INFLECTED, MISTYPED = 0.55, 0.3, 0.02


@dataclass
class Tongue:
    """An invented language of one alphabet."""

    rng: random.Random
    alphabet: str

    def __post_init__(self) -> None:
        rng = self.rng
        self.vocabulary = [self._word() for _ in range(30_000)]
        self.common = [self._word(short=True) for _ in range(COMMON)]
        self.common_weights = list(accumulate(1 / (n + 1) for n in range(COMMON)))
        self.weights = list(accumulate(1 / (n + 20) for n in range(len(self.vocabulary))))
        self.topics = [rng.choices(self.vocabulary, cum_weights=self.weights, k=TOPIC_WORDS) for _ in range(TOPICS)]
        self.topic_weights = list(accumulate(1 / (n + 50) for n in range(TOPICS)))

    def _word(self, short: bool = False) -> str:
        consonants, vowels, _ = ALPHABETS[self.alphabet]
        rng = self.rng
        if not vowels:
            return "".join(rng.choice(consonants) for _ in range(1 if short else 2))
        return "".join(rng.choice(consonants) + rng.choice(vowels) for _ in range(1 if short else rng.randrange(2, 5)))

    def _set(self, words: list[str]) -> str:
        rng = self.rng
        said = []
        for plain in words:
            word = plain
            said += rng.choices(self.common, cum_weights=self.common_weights, k=rng.randrange(0, 3))
            ending = rng.choice(ALPHABETS[self.alphabet][2]) if rng.random() < INFLECTED else ""
            if rng.random() < MISTYPED and len(word) > 3:
                word = word[0] + word[2] + word[1] + word[3:]
            said.append(word + ending)
        return ("" if self.alphabet == "han" else " ").join(said) + "?"

    def ask(self) -> tuple[str, str]:
        """Return a question and a repetition of it."""
        rng = self.rng
        topic = rng.choices(self.topics, cum_weights=self.topic_weights)[0]
        words = [rng.choice(topic) for _ in range(rng.randrange(3, 8))]
        words += rng.choices(self.vocabulary, cum_weights=self.weights, k=rng.randrange(1, 3))
        again = [word if rng.random() < KEPT else rng.choice(topic) for word in words]
        rng.shuffle(again)
        return self._set(words), self._set(again)
