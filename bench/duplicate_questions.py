"""Synthetic duplicate questions: the same question in other words, among many that only look like it.

No collection of real duplicate questions has a licence that would allow us to include it. So these are generated, with
a seed, from hand-written families of phrasings with slots. They compare matchers, but don't predict the results of a
real desk: real collections vary more in wording and have fewer near misses. `readers-asked matching evaluate` takes a
real one.
"""

import random
from dataclasses import dataclass
from typing import NamedTuple

from app.text.word_tables import word_tables

_TABLES = word_tables(__file__, "duplicate_questions")
PLACES, THINGS, PEOPLE, OPENINGS = (_TABLES[name] for name in ("places", "things", "who", "openings"))
FIRST_YEAR, YEARS = 1991, 36


@dataclass(frozen=True)
class QuestionPair:
    """A question in a language, and its repetition, perhaps in another language."""

    stored: str
    repeated: str


class Slots(NamedTuple):
    """The matter of a question, as indexes into the lists of a language, which begin with the same entries in each."""

    place: int
    thing: int
    person: int
    year: int


def _fill_phrasing(rng: random.Random, phrasing: str, language: str, slots: Slots) -> str:
    """Fill the slots of a phrasing, each with one of its synonyms."""
    nominative, locative = PLACES[language][slots.place]
    thing = rng.choice(THINGS[language][slots.thing].split("|"))
    person = rng.choice(PEOPLE[language][slots.person].split("|"))
    return phrasing.format(place=nominative, at=locative, thing=thing, who=person, year=FIRST_YEAR + slots.year)


def _draw_slots(rng: random.Random, *languages: str) -> Slots:
    """Draw a matter that all these languages have words for."""

    def draw_index(table: dict[str, list[object]]) -> int:
        return rng.randrange(min(len(table[language]) for language in languages))

    return Slots(draw_index(PLACES), draw_index(THINGS), draw_index(PEOPLE), rng.randrange(YEARS))


def _imitate_typing(rng: random.Random, text: str, language: str) -> str:
    """Make a text look typed by a person: some begin with why they ask, some mistype a letter."""
    if rng.random() < 0.35:
        text = f"{rng.choice(OPENINGS[language])} {text}"
    if rng.random() < 0.2 and language != "zh" and len(text) > 30:
        index = rng.randrange(10, len(text) - 10)
        text = text[:index] + text[index + 1] + text[index] + text[index + 2 :]
    return text


def generate_pairs(language: str, count: int, repeat_language: str | None = None, seed: int = 1) -> list[QuestionPair]:
    """Return up to `count` questions with their repetitions. No two of them ask the same."""
    rng = random.Random(seed)
    repeat_language = repeat_language or language
    families = [family for family in _TABLES["families"] if language in family and repeat_language in family]
    used_texts: set[str] = set()
    pairs: list[QuestionPair] = []
    for _ in range(20 * count):
        family, slots = rng.choice(families), _draw_slots(rng, language, repeat_language)
        plain_texts = [_fill_phrasing(random.Random(0), phrasing, language, slots) for phrasing in family[language]]
        if len(pairs) == count or not used_texts.isdisjoint(plain_texts):
            continue
        used_texts.update(plain_texts)
        pairs.append(_write_pair(rng, family, slots, language, repeat_language))
    return pairs


def _write_pair(
    rng: random.Random, family: dict[str, list[str]], slots: Slots, language: str, repeat_language: str
) -> QuestionPair:
    """Write a question with one phrasing of a family, and its repetition with another."""
    first = rng.randrange(len(family[language]))
    others = [index for index in range(len(family[repeat_language])) if index != first or repeat_language != language]
    second = rng.choice(others)
    stored = _fill_phrasing(rng, family[language][first], language, slots)
    repeated = _fill_phrasing(rng, family[repeat_language][second], repeat_language, slots)
    if language == repeat_language == "en" and rng.random() < 0.8:
        reasons = rng.choice(_TABLES["moments"]).split("|")
        stored, repeated = f"{stored} {rng.choice(reasons)}", f"{repeated} {rng.choice(reasons)}"
    return QuestionPair(_imitate_typing(rng, stored, language), _imitate_typing(rng, repeated, repeat_language))


def generate_collection(
    language: str, stored: int, queries: int, repeat_language: str | None = None
) -> tuple[list[QuestionPair], list[QuestionPair]]:
    """Return `stored` pairs whose first questions are to be stored, and up to `queries // 2` pairs that are not stored,
    so that their repetitions should find nothing.
    """
    pairs = generate_pairs(language, stored + queries // 2, repeat_language)
    return pairs[:stored], pairs[stored:]
