"""The texts of readers and experts of the big newsletter: sentences with randomly filled gaps, in the languages of
`tongues/`.

Two letters about the same matter share the thing and the place but are worded differently, so that matching has to find
them.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from .book import Chances, any_of

TONGUES = Path(__file__).parent / "tongues"
_AFTER_A_STOP = re.compile(r"(?:^|(?<=[.?!] ))[^\W\d_]")
# The Latin alphabet of Kazakhstan (2021), which some readers already use.
_LATIN = dict(
    zip(
        "абвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщыіьъэюяә",
        [
            "a",
            "b",
            "v",
            "g",
            "ğ",
            "d",
            "e",
            "io",
            "j",
            "z",
            "i",
            "i",
            "k",
            "q",
            "l",
            "m",
            "n",
            "ñ",
            "o",
            "ö",
            "p",
            "r",
            "s",
            "t",
            "u",
            "ū",
            "ü",
            "f",
            "h",
            "h",
            "ts",
            "ş",
            "ş",
            "ş",
            "y",
            "ı",
            "_",
            "_",
            "e",
            "iu",
            "ia",
            "ä",
        ],
        strict=True,
    )
)
_LATIN_KAZAKH = str.maketrans(
    {sign: "" if latin == "_" else latin for sign, latin in _LATIN.items()}
    | {sign.upper(): "" if latin == "_" else latin.capitalize() for sign, latin in _LATIN.items()}
)
ALSO_LATIN = 0.15  # the share of Kazakh texts in Latin letters


class _Gaps(dict[str, str]):
    """The values for a sentence's gaps. A time, number or year is drawn at random when it is needed."""

    def __init__(self, known: dict[str, str], rng: Random, times: list[str]) -> None:
        super().__init__(known)
        self.rng, self.times = rng, times

    def __missing__(self, gap: str) -> str:
        if gap == "time":
            self[gap] = any_of(self.rng, self.times)
        elif gap == "number":
            self[gap] = str(self.rng.randrange(5, 20))  # so that Russian and Ukrainian count them alike
        elif gap == "year":
            self[gap] = str(self.rng.randrange(2009, 2026))
        else:
            raise KeyError(gap)
        return self[gap]


@dataclass(frozen=True)
class Tongue:
    """A language with its sentences. With `latin`, they are transliterated into Latin letters."""

    language: str
    phrases: dict[str, Any]
    latin: bool = False

    def spell(self, text: str) -> str:
        text = _AFTER_A_STOP.sub(lambda letter: letter[0].upper(), text)
        return text.translate(_LATIN_KAZAKH) if self.latin else text


@dataclass(frozen=True)
class Matter:
    """The matter of a question: the phrasing, the thing, and the place."""

    tongue: Tongue
    topic: str
    ask: dict[str, Any]
    thing: str
    name: str
    place: str

    def _fill(self, rng: Random, pattern: str, ask: str = "") -> str:
        known = {"thing": self.thing, "place": self.place, "name": self.name, "ask": ask}
        return pattern.format_map(_Gaps(known, rng, self.tongue.phrases["times"]))

    def headline(self, rng: Random) -> str:
        return self.tongue.spell(self._fill(rng, self.ask["head"]))

    def question(self, rng: Random) -> str:
        return self.tongue.spell(self._fill(rng, any_of(rng, self.ask["words"])))

    def letter(self, rng: Random, kind: str = "letter") -> str:
        """Return the text of a letter: a question, or as `kind` says, a comment, a tip or an advertisement."""
        ask = self._fill(rng, any_of(rng, self.ask["words"]))
        return self.tongue.spell(self._fill(rng, any_of(rng, self.tongue.phrases["wrap"][kind]), ask=ask))

    def answer(self, rng: Random) -> list[str]:
        """Return an expert's answer, in three paragraphs."""
        parts = self.tongue.phrases["answer"]
        middle = rng.sample(parts["middle"], min(4, len(parts["middle"])))
        half = len(middle) // 2
        paragraphs = ([rng.choice(parts["open"]), *middle[:half]], middle[half:], [rng.choice(parts["close"])])
        space = "" if self.tongue.language == "zh" else " "
        return [
            self.tongue.spell(self._fill(rng, space.join(sentences))).replace("。 ", "。") for sentences in paragraphs
        ]


@cache
def tongues() -> tuple[Tongue, ...]:
    """Return all languages, the most frequent first."""
    found = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(TONGUES.glob("*.toml"))]
    return tuple(Tongue(one["language"], one) for one in sorted(found, key=lambda one: -one["share"]))


@cache
def _chances() -> Chances[int]:
    return Chances({number: tongue.phrases["share"] for number, tongue in enumerate(tongues())})


def any_tongue(rng: Random) -> Tongue:
    tongue = tongues()[_chances().drawn(rng)]
    if tongue.language == "kk" and rng.random() < ALSO_LATIN:
        return Tongue("kk-Latn", tongue.phrases, latin=True)
    return tongue


def any_matter(rng: Random) -> Matter:
    tongue = any_tongue(rng)
    topic = any_of(rng, list(tongue.phrases["things"]))
    head, tail = any_of(rng, tongue.phrases["heads"]), any_of(rng, tongue.phrases["tails"])
    name = head + (tail.capitalize() if head.endswith(" ") else tail)
    return Matter(
        tongue,
        topic,
        any_of(rng, tongue.phrases["ask"]),
        any_of(rng, tongue.phrases["things"][topic]),
        name,
        any_of(rng, tongue.phrases["places"]).format(name=name),
    )
