"""Languages: the script and direction of a language tag, and guessing the language of a text.

The guess is naive Bayes over character n-grams, among the languages of the text's script. It is trained on the
Universal Declaration of Human Rights (`declarations/`) and the words of `function_words.toml`.

Tags are BCP 47 (RFC 5646), and a script subtag takes precedence. Scripts are ISO 15924 codes.
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

LOOKED_AT = 4000  # characters of a text that are examined; more don't improve a guess
GUESSED_FROM = 500  # characters of normalised words that n-grams are taken from
LONGEST = 4  # characters of the longest n-gram
TELLING = 4  # characters of an n-gram that must be known in a language for it to be guessed
WORDS_COUNT = 10  # weight of the function words, which are rarer in a declaration than in readers' questions
FEW = 12  # letters; in a shorter text the best language needs a lead over the next one
LEAD = 15  # that lead, as a logarithm: for single words of questions it raises correct guesses from 75 to 96 %
UNSEEN = log(4e-6)  # the logarithm for an n-gram that a language's training text lacks
# Fixed-point logarithms: units per whole number, and the bits that the sum over a text's two thousand n-grams fits in.
ONE, BITS = 1 << 16, 32
_APOSTROPHE = re.compile("[‘’ʻʼ'`´]")
_WORD = re.compile(r"[^\W\d_]+(?:ʼ[^\W\d_]+)*ʼ?")


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text in a table for extraction; it is translated where it is used."""
    return text


@cache
def spoken_outside() -> frozenset[str]:
    """Return the languages into which everything is translated that readers and experts see."""
    return frozenset(["en", *word_tables(__file__, "languages")["spoken"]["outside"].split()])


def own_script(language: str) -> str:
    """Return the script subtag of a tag, such as "Arab", or ""."""
    parts = language.replace("_", "-").split("-")[1:]
    return next((part.title() for part in parts if len(part) == 4 and part.isalpha()), "")


@cache
def usual_script(language: str) -> str:
    """Return the likely script of a language, in the country that the tag names if any, or "" if unknown."""
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
    """Return, by script, a pattern that matches its letters."""
    letters = word_tables(__file__, "languages")["letters"]
    return {script: re.compile(f"[{listed}]") for script, listed in letters.items()}


def script_of(text: str) -> str:
    """Return the script of most letters in a text (ISO 15924), or 'Zyyy' if it has no letters."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text[:LOOKED_AT])) else "Zyyy"
    seen = {script: len(letters.findall(text[:LOOKED_AT])) for script, letters in _scripts().items()}
    best = max(seen, key=lambda script: seen[script])
    # Japanese writes its grammar in kana between Han characters, so a fifth of kana is enough.
    if best == "Hani" and seen["Kana"] * 5 >= seen["Hani"]:
        best = "Kana"
    return best if seen[best] else "Zyyy"


@cache
def function_words() -> dict[str, list[str]]:
    """Return, by language, the words that don't say what a text is about."""
    return {language: words.split() for language, words in word_tables(__file__, "function_words").items()}


def guessed_languages() -> list[str]:
    """Return the tags that `guess_language` can return, without 'und'."""
    table = word_tables(__file__, "languages")
    return [*function_words(), *table["signs"], *table["language_of_script"].values()]


def guess_language(text: str) -> str:
    """Guess the BCP 47 tag of a text, or 'und', as for a word or two that could be of any language, such as "Salt".

    The guess uses the beginning of the text, and a person can correct it. docs/adr/0011-languages.md compares its
    accuracy with that of several libraries.
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
    """Return the words of a text in lower case, a space around each, with all apostrophes as one character."""
    words = _WORD.findall(_APOSTROPHE.sub("ʼ", text.replace("İ", "i").lower()))
    return f" {' '.join(words)} "


def _ngrams(text: str) -> list[str]:
    """Return the substrings of one to `LONGEST` characters."""
    return [text[at : at + size] for size in range(1, LONGEST + 1) for at in range(len(text) - size + 1)]


@dataclass(frozen=True)
class LanguageModel:
    """The n-gram model of one script's languages: the negative log-likelihood of each n-gram in each of them.

    The numbers of an n-gram are packed into one integer, `BITS` bits for each language, so that a single sum over the
    n-grams of a text adds up those of all languages, in a tenth of the time.
    """

    languages: tuple[str, ...]
    parts: dict[str, int]
    unseen: int  # the packed numbers of an n-gram that no language has

    def scores(self, parts: Sequence[str]) -> dict[str, float]:
        """Return the log-likelihood of these n-grams in each language."""
        total = sum(map(self.parts.get, parts, repeat(self.unseen)))
        return {language: -_unpack_score(total, place) / ONE for place, language in enumerate(self.languages)}

    def knows(self, ngram: str, language: str) -> bool:
        """Return whether this n-gram occurs in a language's training text."""
        place = self.languages.index(language)
        return _unpack_score(self.parts.get(ngram, self.unseen), place) != _unpack_score(self.unseen, place)


def _unpack_score(number: int, index: int) -> int:
    return (number >> (BITS * index)) & ((1 << BITS) - 1)


@cache
def _load_model(script: str) -> LanguageModel:
    """Train the model of a script, which takes a fifth of a second at the first text of the script in a process."""
    languages = tuple(one for one, words in function_words().items() if script_of(" ".join(words)) == script)
    unseen = sum(round(-UNSEEN * ONE) << (BITS * place) for place in range(len(languages)))
    numbers: dict[str, int] = {}
    for place, language in enumerate(languages):
        for part, likely in _likelihoods(language).items():
            numbers[part] = numbers.get(part, unseen) + (round((UNSEEN - likely) * ONE) << (BITS * place))
    same: dict[int, int] = {}  # equal packed numbers share one object, as many n-grams are equally rare
    return LanguageModel(languages, {part: same.setdefault(one, one) for part, one in numbers.items()}, unseen)


def _likelihoods(language: str) -> dict[str, float]:
    """Return the log-likelihood of each n-gram that occurs more than once in a language's training texts."""
    declaration = Path(__file__).with_name("declarations").joinpath(f"{language}.txt").read_text("utf-8")
    counted = Counter(_ngrams(_normalize_words(declaration)))
    for part, number in Counter(_ngrams(_normalize_words(" ".join(function_words()[language])))).items():
        counted[part] += WORDS_COUNT * number
    often = {part: number for part, number in counted.items() if number > 1}
    total = sum(often.values())
    likely = {number: log(number / total) for number in set(often.values())}
    return {part: likely[number] for part, number in often.items()}
