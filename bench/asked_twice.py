"""Questions asked twice, made and not collected: the same question in other words, among many that only look like it.

No collection of real duplicate questions has a licence that lets it lie here, so these are written by hand as families
of phrasings with slots, and mixed with a seed. They tell one matcher from another; they don't say what a real desk will
see. Real collections are harder in wording and easier in having fewer near misses. `flask matching evaluate` takes any
real one.
"""

import random
from dataclasses import dataclass

from app.text.word_tables import word_tables

WORDS = word_tables(__file__, "asked_words")
PLACES, THINGS, WHO, OPENINGS = (WORDS[name] for name in ("places", "things", "who", "openings"))


@dataclass(frozen=True)
class Pair:
    """A question as it is stored and as somebody asks it again, perhaps in another language (`asked_in`)."""

    stored: str
    asked: str
    language: str
    asked_in: str


Slots = tuple[int, int, int, int]


def _fill(rng: random.Random, phrasing: str, language: str, slots: Slots) -> str:
    """A phrasing with its slots filled, each by one of the ways there are to say it."""
    nominative, locative = PLACES[language][slots[0]]
    thing, who = (rng.choice(words[language][key].split("|")) for words, key in ((THINGS, slots[1]), (WHO, slots[2])))
    return phrasing.format(place=nominative, at=locative, thing=thing, who=who, year=1991 + slots[3])


def _slots(rng: random.Random, *languages: str) -> Slots:
    """Keys into the lists, of which each language's begin with the same entries."""
    places, things, who = (rng.randrange(min(len(words[one]) for one in languages)) for words in (PLACES, THINGS, WHO))
    return places, things, who, rng.randrange(36)


def _spoken(rng: random.Random, text: str, language: str) -> str:
    """As people write: some begin with how they come to ask, some mistype a letter."""
    if rng.random() < 0.35:
        text = f"{rng.choice(OPENINGS[language])} {text}"
    if rng.random() < 0.2 and language != "zh" and len(text) > 30:
        at = rng.randrange(10, len(text) - 10)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def pairs(language: str, count: int, seed: int = 1, asked_in: str | None = None) -> list[Pair]:
    """Questions with their repetitions, `count` of them or as many as there are. No two of them ask the same."""
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
    """Pairs whose first halves are stored, and as many whose repetition finds nothing: those are never stored."""
    made = pairs(language, stored + queries // 2, asked_in=asked_in)
    return made[:stored], made[stored:]
