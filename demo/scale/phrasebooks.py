"""The texts of The Long Road: sentences with randomly filled placeholders, in the languages of `phrasebooks/`.

Two letters about the same subject name the same thing and place but are worded differently, so that matching has to
find them.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from .bulk_writer import WeightedChoice, pick_random

FOLDER = Path(__file__).parent / "phrasebooks"
LATIN_SHARE = 0.15  # the share of Kazakh texts in Latin letters
_FIRST_LETTER = re.compile(r"(?:^|(?<=[.?!] ))[^\W\d_]")
# The Latin alphabet of Kazakhstan (2021), which some readers already use. "_" stands for no letter.
_CYRILLIC = "абвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщыіьъэюяә"
_LATIN = "a b v g ğ d e io j z i i k q l m n ñ o ö p r s t u ū ü f h h ts ş ş ş y ı _ _ e iu ia ä"


def _build_transliteration() -> dict[int, str]:
    table = {}
    for cyrillic, latin in zip(_CYRILLIC, _LATIN.split(), strict=True):
        letters = "" if latin == "_" else latin
        table[cyrillic] = letters
        table[cyrillic.upper()] = letters.capitalize()
    return str.maketrans(table)


_TRANSLITERATION = _build_transliteration()


class _Placeholders(dict[str, str]):
    """The values of a sentence's placeholders. A time, number or year is picked at random when it is first needed."""

    def __init__(self, values: dict[str, str], rng: Random, times: list[str]) -> None:
        super().__init__(values)
        self.rng, self.times = rng, times

    def __missing__(self, name: str) -> str:
        if name == "time":
            self[name] = pick_random(self.rng, self.times)
        elif name == "number":
            self[name] = str(
                self.rng.randrange(5, 20)
            )  # Russian and Ukrainian use the same plural form for all of these
        elif name == "year":
            self[name] = str(self.rng.randrange(2009, 2026))
        else:
            raise KeyError(name)
        return self[name]


@dataclass(frozen=True)
class Phrasebook:
    """The sentences of a language; with `is_latin`, they are transliterated into Latin letters."""

    language: str
    phrases: dict[str, Any]
    is_latin: bool = False

    def spell(self, text: str) -> str:
        """Capitalize the sentences of a text, and transliterate it if needed."""
        text = _FIRST_LETTER.sub(lambda match: match[0].upper(), text)
        return text.translate(_TRANSLITERATION) if self.is_latin else text


@dataclass(frozen=True)
class Subject:
    """The subject of a question: its phrasing (a table of the phrasebook's `questions`), thing and place.

    `place` is a phrase such as "in the district of Talbulaq", and `place_name` is the name in it.
    """

    phrasebook: Phrasebook
    topic: str
    phrasing: dict[str, Any]
    thing: str
    place_name: str
    place: str

    def write_headline(self, rng: Random) -> str:
        return self.phrasebook.spell(self._fill(rng, self.phrasing["headline"]))

    def write_question(self, rng: Random) -> str:
        return self.phrasebook.spell(self._fill(rng, pick_random(rng, self.phrasing["wordings"])))

    def write_letter(self, rng: Random, text_kind: str = "letter") -> str:
        """Return the text of a letter. `text_kind` is "letter" (a question), "comment", "tip" or "spam"."""
        question = self._fill(rng, pick_random(rng, self.phrasing["wordings"]))
        template = pick_random(rng, self.phrasebook.phrases["letters"][text_kind])
        return self.phrasebook.spell(self._fill(rng, template, question))

    def write_answer(self, rng: Random) -> list[str]:
        """Return an expert's answer in three paragraphs."""
        sentences = self.phrasebook.phrases["answer"]
        middle = rng.sample(sentences["middle"], min(4, len(sentences["middle"])))
        half = len(middle) // 2
        first = [rng.choice(sentences["opening"]), *middle[:half]]
        last = [rng.choice(sentences["closing"])]
        return [self._join(rng, paragraph) for paragraph in (first, middle[half:], last)]

    def _join(self, rng: Random, sentences: list[str]) -> str:
        space = "" if self.phrasebook.language == "zh" else " "
        return self.phrasebook.spell(self._fill(rng, space.join(sentences))).replace("。 ", "。")

    def _fill(self, rng: Random, template: str, question: str = "") -> str:
        values = {"thing": self.thing, "place": self.place, "name": self.place_name, "question": question}
        return template.format_map(_Placeholders(values, rng, self.phrasebook.phrases["times"]))


@cache
def list_phrasebooks() -> tuple[Phrasebook, ...]:
    """Return the phrasebooks of all languages, the most frequent first."""
    tables = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))]
    tables.sort(key=lambda table: table["share"], reverse=True)
    return tuple(Phrasebook(table["language"], table) for table in tables)


@cache
def _get_language_choice() -> WeightedChoice[int]:
    return WeightedChoice({index: book.phrases["share"] for index, book in enumerate(list_phrasebooks())})


def pick_phrasebook(rng: Random) -> Phrasebook:
    """Return a random phrasebook, each language by its share of the readers."""
    phrasebook = list_phrasebooks()[_get_language_choice().pick(rng)]
    if phrasebook.language == "kk" and rng.random() < LATIN_SHARE:
        return Phrasebook("kk-Latn", phrasebook.phrases, is_latin=True)
    return phrasebook


def pick_subject(rng: Random) -> Subject:
    """Return a random subject in a random language."""
    phrasebook = pick_phrasebook(rng)
    phrases = phrasebook.phrases
    topic = pick_random(rng, list(phrases["things"]))
    start, end = pick_random(rng, phrases["name_starts"]), pick_random(rng, phrases["name_ends"])
    place_name = start + (end.capitalize() if start.endswith(" ") else end)
    return Subject(
        phrasebook,
        topic,
        pick_random(rng, phrases["questions"]),
        pick_random(rng, phrases["things"][topic]),
        place_name,
        pick_random(rng, phrases["places"]).format(name=place_name),
    )
