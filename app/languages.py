"""Languages: the script and direction that a tag implies, and the language that a text's letters suggest.

Tags are BCP 47 (RFC 5646): a script subtag, where there is one, decides. Scripts have their ISO 15924 codes.
"""

import re
from functools import cache

from babel.core import get_global

from .word_tables import word_tables

LOOKED_AT = 4000  # Characters; more of a text doesn't make a guess better.


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
    seen = {script: len(letters.findall(text[:LOOKED_AT])) for script, letters in _scripts().items()}
    best = max(seen, key=lambda script: seen[script])
    # Japanese writes its grammar in kana between Han signs, so a fifth of kana settles it.
    if best == "Hani" and seen["Kana"] * 5 >= seen["Hani"]:
        best = "Kana"
    return best if seen[best] else "Zyyy"


def guess_language(text: str) -> str:
    """Suggest a BCP 47 tag for a text, or 'und'.

    It is a guess from a few telling letters and words, shown for a person to correct and never acted on by itself.
    """
    script, table = script_of(text), word_tables(__file__, "languages")
    if script in table["language_of_script"]:
        return str(table["language_of_script"][script])
    lower = text[:LOOKED_AT].replace("İ", "i").lower().replace("o'", "oʻ").replace("g'", "gʻ").replace("o‘", "oʻ")
    words = re.findall(r"[^\W\d_]+", lower)
    scores = {
        language: sum(map(lower.count, letters)) + 2 * sum(map(words.count, telling.split()))
        for language, (letters, telling) in table["telling"].get(script, {}).items()
    }
    best = max(scores, key=lambda language: scores[language], default="und")
    return best if scores.get(best) else str(table["fallback"].get(script, "und"))
