"""Languages: the script and direction that a tag implies, and the language that a text's letters suggest.

The guess adds up how likely each part of a word is in each language of the text's script (naive Bayes). What it has
read for that are the Universal Declaration of Human Rights (`declarations/`) and the words of `function_words.toml`.

Tags are BCP 47 (RFC 5646): a script subtag, where there is one, decides. Scripts have their ISO 15924 codes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from math import log
from pathlib import Path

from babel.core import get_global

from .word_tables import word_tables

LOOKED_AT = 4000  # Characters; more of a text doesn't make a guess better.
GUESSED_FROM = 500  # characters of its words
LONGEST = 4  # signs of a part of a word
TELLING = 4  # signs of a part without which nothing is guessed
WORDS_COUNT = 10  # so often does each of the small words count: they are rarer in a declaration than in what people ask
FEW = 12  # letters; in fewer than these one language has to stand out
LEAD = 15  # by so much, as a logarithm: of a single word of a question 96 in 100 guesses are right then, 75 without it
UNSEEN = log(4e-6)  # a part that a language's text doesn't have
# A logarithm is kept in whole numbers of such parts of one; the sum over two thousand of them has room in so many bits.
ONE, BITS = 1 << 16, 32
_APOSTROPHE = re.compile("[‘’ʻʼ'`´]")
_WORD = re.compile(r"[^\W\d_]+(?:ʼ[^\W\d_]+)*ʼ?")


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text in a table for translation; it is translated where it is used."""
    return text


@cache
def spoken_outside() -> frozenset[str]:
    """Return the languages in which everything is said that readers and experts see."""
    return frozenset(["en", *word_tables(__file__, "languages")["spoken"]["outside"].split()])


def own_script(language: str) -> str:
    """Return the script that a tag names, such as "Arab", or nothing."""
    parts = language.replace("_", "-").split("-")[1:]
    return next((part.title() for part in parts if len(part) == 4 and part.isalpha()), "")


@cache
def usual_script(language: str) -> str:
    """Return the script that a language is written in, and in its country where the tag names one, or nothing."""
    name, *rest = language.replace("_", "-").split("-")
    places = [f"{name.lower()}_{part.upper()}" for part in rest if len(part) == 2]
    likely = get_global("likely_subtags") | word_tables(__file__, "languages")["likely_subtags"]
    return next((own_script(likely[tag]) for tag in [*places, name.lower()] if tag in likely), "")


@cache
def direction(language: str) -> str:
    """Return 'rtl' or 'ltr', for the `dir` attribute of text in this language."""
    script = own_script(language) or usual_script(language)
    return "rtl" if script in word_tables(__file__, "languages")["right_to_left"]["scripts"].split() else "ltr"


@cache
def _scripts() -> dict[str, re.Pattern[str]]:
    """Return how each script is found in a text."""
    letters = word_tables(__file__, "languages")["letters"]
    return {script: re.compile(f"[{listed}]") for script, listed in letters.items()}


def script_of(text: str) -> str:
    """Name the script that most letters of a text belong to (ISO 15924), or 'Zyyy' if there is none."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text[:LOOKED_AT])) else "Zyyy"
    seen = {script: len(letters.findall(text[:LOOKED_AT])) for script, letters in _scripts().items()}
    best = max(seen, key=lambda script: seen[script])
    # Japanese writes its grammar in kana between Han signs, so a fifth of kana settles it.
    if best == "Hani" and seen["Kana"] * 5 >= seen["Hani"]:
        best = "Kana"
    return best if seen[best] else "Zyyy"


@cache
def function_words() -> dict[str, list[str]]:
    """Return by language the words that say nothing of what a text is about."""
    return {language: words.split() for language, words in word_tables(__file__, "function_words").items()}


def guessed_languages() -> list[str]:
    """Return the tags that can be guessed."""
    table = word_tables(__file__, "languages")
    return [*function_words(), *table["signs"], *table["language_of_script"].values()]


def guess_language(text: str) -> str:
    """Suggest a BCP 47 tag for a text, or 'und': a word or two, such as "Salt", are of any language.

    It is a guess from the letters of its first words, shown for a person to correct. How often it is right, and beside
    which libraries, stands in docs/adr/0011-languages.md.
    """
    script, table = script_of(text), word_tables(__file__, "languages")
    if script in table["language_of_script"]:
        return str(table["language_of_script"][script])
    if script == "Hani":
        ways: dict[str, str] = table["signs"]
        return max(ways, key=lambda way: sum(map(text[:LOOKED_AT].count, ways[way])))
    plain, learned = _normalize_words(text[:LOOKED_AT]), _load_model(script)
    parts = _ngrams(plain[:GUESSED_FROM])
    scores = learned.scores(parts)
    best, *others = sorted(scores, key=lambda language: scores[language], reverse=True) or ["und"]
    is_known = bool(scores) and any(learned.knows(part, best) for part in parts if len(part) >= TELLING)
    stands_out = len(plain.replace(" ", "")) >= FEW or all(scores[best] - scores[other] >= LEAD for other in others[:1])
    return best if is_known and stands_out else "und"


def _normalize_words(text: str) -> str:
    """Return a text's words alone, in small letters, with one space around each and one sign for every apostrophe."""
    words = _WORD.findall(_APOSTROPHE.sub("ʼ", text.replace("İ", "i").lower()))
    return f" {' '.join(words)} "


def _ngrams(text: str) -> list[str]:
    """Return the stretches of one to four signs."""
    return [text[at : at + size] for size in range(1, LONGEST + 1) for at in range(len(text) - size + 1)]


@dataclass(frozen=True)
class LanguageModel:
    """The languages of one script, as they were learned: how unlikely each part of a word is in each of them.

    The numbers of a part stand side by side in one whole number, `BITS` bits for each language. So one sum over the
    parts of a text adds up the numbers of all languages at once, in a tenth of the time that it takes one by one.
    """

    languages: tuple[str, ...]
    parts: dict[str, int]
    unseen: int  # what stands for a part that no language has

    def scores(self, parts: Sequence[str]) -> dict[str, float]:
        """Return how likely these parts are in each language, as logarithms."""
        total = sum(map(self.parts.get, parts, repeat(self.unseen)))
        return {language: -_unpack_score(total, place) / ONE for place, language in enumerate(self.languages)}

    def knows(self, ngram: str, language: str) -> bool:
        """Return whether a language's text has this part."""
        place = self.languages.index(language)
        return _unpack_score(self.parts.get(ngram, self.unseen), place) != _unpack_score(self.unseen, place)


def _unpack_score(number: int, index: int) -> int:
    return (number >> (BITS * index)) & ((1 << BITS) - 1)


@cache
def _load_model(script: str) -> LanguageModel:
    """Learn the languages of a script. It takes a fifth of a second, once in a process, when the first text of the
    script is looked at.
    """
    languages = tuple(one for one, words in function_words().items() if script_of(" ".join(words)) == script)
    unseen = sum(round(-UNSEEN * ONE) << (BITS * place) for place in range(len(languages)))
    numbers: dict[str, int] = {}
    for place, language in enumerate(languages):
        for part, likely in _likelihoods(language).items():
            numbers[part] = numbers.get(part, unseen) + (round((UNSEEN - likely) * ONE) << (BITS * place))
    same: dict[int, int] = {}  # many parts are as rare in one language alone, and need one number
    return LanguageModel(languages, {part: same.setdefault(one, one) for part, one in numbers.items()}, unseen)


def _likelihoods(language: str) -> dict[str, float]:
    """Return how likely a part of a word is in a language, as logarithms."""
    declaration = Path(__file__).with_name("declarations").joinpath(f"{language}.txt").read_text("utf-8")
    counted = Counter(_ngrams(_normalize_words(declaration)))
    for part, number in Counter(_ngrams(_normalize_words(" ".join(function_words()[language])))).items():
        counted[part] += WORDS_COUNT * number
    often = {part: number for part, number in counted.items() if number > 1}
    total = sum(often.values())
    likely = {number: log(number / total) for number in set(often.values())}
    return {part: likely[number] for part, number in often.items()}
