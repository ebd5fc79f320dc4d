"""Synthetic duplicate questions: the same question in other words, among many that only look like it.

No collection of real duplicate questions has a licence that would allow us to include it. So these are generated, with
a seed, from hand-written families of phrasings with slots. They compare matchers, but don't predict the results of a
real desk: real collections vary more in wording and have fewer near misses. `flask matching evaluate` takes a real one.
"""

import random
from dataclasses import dataclass

from app.text.word_tables import word_tables

WORDS = word_tables(__file__, "asked_words")
PLACES, THINGS, WHO, OPENINGS = (WORDS[name] for name in ("places", "things", "who", "openings"))


@dataclass(frozen=True)
class Pair:
    """A stored question and its repetition, perhaps in another language (`asked_in`)."""

    stored: str
    asked: str
    language: str
    asked_in: str


Slots = tuple[int, int, int, int]


def _fill(rng: random.Random, phrasing: str, language: str, slots: Slots) -> str:
    """Fill the slots of a phrasing, each with one of its synonyms."""
    nominative, locative = PLACES[language][slots[0]]
    thing, who = (rng.choice(words[language][key].split("|")) for words, key in ((THINGS, slots[1]), (WHO, slots[2])))
    return phrasing.format(place=nominative, at=locative, thing=thing, who=who, year=1991 + slots[3])


def _slots(rng: random.Random, *languages: str) -> Slots:
    """Draw indexes into the lists, which begin with the same entries in each language."""
    places, things, who = (rng.randrange(min(len(words[one]) for one in languages)) for words in (PLACES, THINGS, WHO))
    return places, things, who, rng.randrange(36)


def _spoken(rng: random.Random, text: str, language: str) -> str:
    """Make a text look typed by a person: some begin with why they ask, some mistype a letter."""
    if rng.random() < 0.35:
        text = f"{rng.choice(OPENINGS[language])} {text}"
    if rng.random() < 0.2 and language != "zh" and len(text) > 30:
        at = rng.randrange(10, len(text) - 10)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def pairs(language: str, count: int, seed: int = 1, asked_in: str | None = None) -> list[Pair]:
    """Return up to `count` questions with their repetitions. No two of them ask the same."""
    rng = random.Random(seed)
    again = asked_in or language
    families = [family for family in WORDS["families"] if language in family and again in family]
    seen: set[str] = set()
    made: list[Pair] = []
    for _ in range(20 * count):
        family, slots = rng.choice(families), _slots(rng, language, again)
        plain = [_fill(random.Random(0), phrasing, language, slots) for phrasing in family[language]]
        if len(made) == count or not seen.isdisjoint(plain):
            continue
        seen.update(plain)
        first = rng.randrange(len(family[language]))
        other = rng.choice([n for n in range(len(family[again])) if n != first or again != language])
        stored, asked = (
            _fill(rng, family[language][first], language, slots),
            _fill(rng, family[again][other], again, slots),
        )
        if language == again == "en" and rng.random() < 0.8:
            said = rng.choice(WORDS["moments"]).split("|")
            stored, asked = f"{stored} {rng.choice(said)}", f"{asked} {rng.choice(said)}"
        made.append(Pair(_spoken(rng, stored, language), _spoken(rng, asked, again), language, again))
    return made


def collection(language: str, stored: int, queries: int, asked_in: str | None = None) -> tuple[list[Pair], list[Pair]]:
    """Return `stored` pairs whose first questions are to be stored, and up to `queries // 2` pairs that are not stored,
    so that their repetitions should find nothing.
    """
    made = pairs(language, stored + queries // 2, asked_in=asked_in)
    return made[:stored], made[stored:]
