"""Languages: the script and direction of a language tag, and guessing the language of a text.

The guess is naive Bayes over character n-grams, among the languages of the text's script. It is trained on the
Universal Declaration of Human Rights (`declarations/`) and the words of `function_words.toml`.

Tags are BCP 47 (RFC 5646). A script subtag takes precedence over the language's usual script. Scripts are ISO 15924
codes.
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

MAX_EXAMINED_CHARS = 4000  # characters at the beginning of a text; more don't improve a guess
MAX_NGRAM_CHARS = 500  # characters of the normalised words from which n-grams are taken
MAX_NGRAM_SIZE = 4  # characters
MIN_KNOWN_NGRAM_SIZE = 4  # characters; a language is guessed only if its training text has an n-gram of this size
FUNCTION_WORD_WEIGHT = 10  # function words are rarer in the declaration than in readers' questions
SHORT_TEXT = 12  # letters; in a shorter text, the best language must lead over the next by `MIN_LEAD`
MIN_LEAD = 15  # a difference of log-likelihoods; with it, 96 % of the guesses for single words are correct, not 75 %
UNSEEN_LOG_LIKELIHOOD = log(4e-6)  # the log-likelihood of an n-gram that a language's training text lacks
# Log-likelihoods are stored as fixed-point numbers.
FIXED_POINT_ONE = 1 << 16
BITS_PER_LANGUAGE = 32  # enough for the sum over the two thousand n-grams of a text
MIN_TRIGRAMS = 10  # below, the share of known trigrams says nothing
MIN_KNOWN_SHARE = 0.4  # of the trigrams of an ASCII text in any language; random letters have less
_APOSTROPHE = re.compile("[‘’ʻʼ'`´]")
_WORD = re.compile(r"[^\W\d_]+(?:ʼ[^\W\d_]+)*ʼ?")
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # as BCP 47 has them, with any subtags


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text in a table for extraction; it is translated where it is used."""
    return text


@cache
def interface_languages() -> frozenset[str]:
    """Return the languages into which all texts for readers and experts are translated, and English."""
    return frozenset(["en", *word_tables(__file__, "languages")["spoken"]["outside"].split()])


def script_subtag(language: str) -> str:
    """Return the script subtag of a tag, such as "Arab" for "kk-Arab", or "" if it has none."""
    parts = language.replace("_", "-").split("-")[1:]
    return next((part.title() for part in parts if len(part) == 4 and part.isalpha()), "")


@cache
def likely_script(language: str) -> str:
    """Return the script that CLDR expects for a language, in the country that the tag names if any; "" if unknown."""
    primary, *subtags = language.replace("_", "-").lower().split("-")
    tags_with_country = [f"{primary}_{subtag.upper()}" for subtag in subtags if len(subtag) == 2]
    likely_subtags = get_global("likely_subtags") | word_tables(__file__, "languages")["likely_subtags"]
    for tag in (*tags_with_country, primary):
        if tag in likely_subtags:
            return script_subtag(likely_subtags[tag])
    return ""


@cache
def direction(language: str) -> str:
    """Return 'rtl' or 'ltr', for the `dir` attribute of text in this language."""
    script = script_subtag(language) or likely_script(language)
    return "rtl" if script in word_tables(__file__, "languages")["right_to_left"]["scripts"].split() else "ltr"


@cache
def _scripts() -> dict[str, re.Pattern[str]]:
    """Return, by script, a pattern that matches its letters."""
    char_classes = word_tables(__file__, "languages")["letters"]
    return {script: re.compile(f"[{char_class}]") for script, char_class in char_classes.items()}


def script_of(text: str) -> str:
    """Return the script of most letters in a text (ISO 15924), or 'Zyyy' if it has no letters."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text[:MAX_EXAMINED_CHARS])) else "Zyyy"
    counts = {script: len(letter.findall(text[:MAX_EXAMINED_CHARS])) for script, letter in _scripts().items()}
    best = max(counts, key=lambda script: counts[script])
    # Japanese mixes Kana with Han characters, so one Kana for five Han characters is enough.
    if best == "Hani" and counts["Kana"] * 5 >= counts["Hani"]:
        best = "Kana"
    return best if counts[best] else "Zyyy"


@cache
def function_words() -> dict[str, list[str]]:
    """Return, by language, the words that don't say what a text is about."""
    return {language: words.split() for language, words in word_tables(__file__, "function_words").items()}


@cache
def scripts_with_function_words() -> frozenset[str]:
    return frozenset(script_of(" ".join(words)) for words in function_words().values())


def guessable_languages() -> list[str]:
    """Return the tags that `guess_language` can return, without 'und'."""
    table = word_tables(__file__, "languages")
    return [*function_words(), *table["signs"], *table["language_of_script"].values()]


def guess_language(text: str) -> str:
    """Guess the BCP 47 tag of a text from its beginning; 'und' if it could be in several languages, such as "Salt".

    A person can correct the guess. docs/adr/0011-languages.md compares its accuracy with that of several libraries.
    """
    text = text[:MAX_EXAMINED_CHARS]
    script = script_of(text)
    table = word_tables(__file__, "languages")
    if script in table["language_of_script"]:
        return str(table["language_of_script"][script])
    if script == "Hani":
        signs_by_language: dict[str, str] = table["signs"]
        return max(signs_by_language, key=lambda language: sum(map(text.count, signs_by_language[language])))
    words = _normalize_words(text)
    ngrams = _ngrams(words[:MAX_NGRAM_CHARS])
    model = _load_model(script)
    scores = model.scores(ngrams)
    if not scores:
        return "und"
    best, *others = sorted(scores, key=lambda language: scores[language], reverse=True)
    if not any(model.knows(ngram, best) for ngram in ngrams if len(ngram) >= MIN_KNOWN_NGRAM_SIZE):
        return "und"
    is_short = len(words.replace(" ", "")) < SHORT_TEXT
    if is_short and others and scores[best] - scores[others[0]] < MIN_LEAD:
        return "und"
    return best


def load_models() -> None:
    """Train the models of all scripts, unless this process has them. That takes a third of a second."""
    for script in sorted(scripts_with_function_words()):
        _load_model(script)


def known_share(text: str) -> float:
    """Return the share of a text's trigrams that occur in the training text of a language of its script.

    For a text with fewer than `MIN_TRIGRAMS`, and for scripts whose language isn't guessed by n-grams, it is 1.
    """
    script = script_of(text)
    if script not in scripts_with_function_words():
        return 1.0
    words = _normalize_words(text[:MAX_EXAMINED_CHARS])[:MAX_NGRAM_CHARS]
    trigrams = [ngram for ngram in (words[start : start + 3] for start in range(len(words) - 2)) if " " not in ngram]
    if len(trigrams) < MIN_TRIGRAMS:
        return 1.0
    return sum(trigram in _load_model(script).ngrams for trigram in trigrams) / len(trigrams)


def _normalize_words(text: str) -> str:
    """Return the words of a text in lower case, separated and surrounded by spaces, with all apostrophes as ʼ."""
    words = _WORD.findall(_APOSTROPHE.sub("ʼ", text.replace("İ", "i").lower()))
    return f" {' '.join(words)} "


def _ngrams(text: str) -> list[str]:
    """Return the substrings of one to `MAX_NGRAM_SIZE` characters."""
    sizes = range(1, MAX_NGRAM_SIZE + 1)
    return [text[start : start + size] for size in sizes for start in range(len(text) - size + 1)]


@dataclass(frozen=True)
class LanguageModel:
    """The n-gram model of one script's languages: the negative log-likelihood of each n-gram in each of them.

    The numbers of one n-gram are packed into one integer, with `BITS_PER_LANGUAGE` bits for each language. So a single
    sum over the n-grams of a text scores it in all languages, in a tenth of the time.
    """

    languages: tuple[str, ...]
    ngrams: dict[str, int]  # n-gram: packed scores
    unseen: int  # the packed scores of an n-gram that no language's training text has

    def scores(self, ngrams: Sequence[str]) -> dict[str, float]:
        """Return the log-likelihood of these n-grams in each language."""
        total = sum(map(self.ngrams.get, ngrams, repeat(self.unseen)))
        return {
            language: -_unpack_score(total, index) / FIXED_POINT_ONE for index, language in enumerate(self.languages)
        }

    def knows(self, ngram: str, language: str) -> bool:
        """Return whether this n-gram occurs in a language's training text."""
        index = self.languages.index(language)
        return _unpack_score(self.ngrams.get(ngram, self.unseen), index) != _unpack_score(self.unseen, index)


def _unpack_score(packed: int, index: int) -> int:
    return (packed >> (BITS_PER_LANGUAGE * index)) & ((1 << BITS_PER_LANGUAGE) - 1)


@cache
def _load_model(script: str) -> LanguageModel:
    """Train the model of a script. This takes a fifth of a second, once per process."""
    languages = tuple(language for language, words in function_words().items() if script_of(" ".join(words)) == script)
    unseen = sum(_pack_score(-UNSEEN_LOG_LIKELIHOOD, index) for index in range(len(languages)))
    packed_scores: dict[str, int] = {}
    for index, language in enumerate(languages):
        for ngram, log_likelihood in _likelihoods(language).items():
            difference = _pack_score(UNSEEN_LOG_LIKELIHOOD - log_likelihood, index)  # negative
            packed_scores[ngram] = packed_scores.get(ngram, unseen) + difference
    # Many n-grams are equally rare: let equal numbers share one object, which saves memory.
    shared: dict[int, int] = {}
    ngrams = {ngram: shared.setdefault(packed, packed) for ngram, packed in packed_scores.items()}
    return LanguageModel(languages, ngrams, unseen)


def _pack_score(score: float, index: int) -> int:
    return round(score * FIXED_POINT_ONE) << (BITS_PER_LANGUAGE * index)


def _likelihoods(language: str) -> dict[str, float]:
    """Return the log-likelihood of each n-gram that occurs more than once in a language's training texts."""
    declaration = Path(__file__).with_name("declarations").joinpath(f"{language}.txt").read_text("utf-8")
    counts = Counter(_ngrams(_normalize_words(declaration)))
    words = " ".join(function_words()[language])
    for ngram, count in Counter(_ngrams(_normalize_words(words))).items():
        counts[ngram] += FUNCTION_WORD_WEIGHT * count
    repeated = {ngram: count for ngram, count in counts.items() if count > 1}
    total = sum(repeated.values())
    # Most n-grams have one of a few counts, so compute each logarithm once.
    log_likelihoods = {count: log(count / total) for count in set(repeated.values())}
    return {ngram: log_likelihoods[count] for ngram, count in repeated.items()}
