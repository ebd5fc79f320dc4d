"""Languages: the direction that a tag implies, and the language that a text's letters suggest.

Tags are BCP 47 (RFC 5646): a script subtag, where there is one, decides. Scripts have their ISO 15924 codes.
"""

import re
from functools import cache

from .word_tables import word_tables

LOOKED_AT = 4000  # Characters; more of a text doesn't make a guess better.


@cache
def _right_to_left(kind: str) -> frozenset[str]:
    return frozenset(word_tables(__file__, "languages")["right_to_left"][kind].split())


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text in a table for translation; it is translated where it is used."""
    return text


def direction(language: str) -> str:
    """Return 'rtl' or 'ltr', for the `dir` attribute of text in this language."""
    name, *rest = language.replace("_", "-").lower().split("-")
    scripts = [part for part in rest if len(part) == 4 and part.isalpha()]
    if scripts:
        return "rtl" if scripts[0] in _right_to_left("scripts") else "ltr"
    countries = [part for part in rest if len(part) == 2]
    rtl = name in _right_to_left("languages") or any(
        f"{name}-{country}" in _right_to_left("in_country") for country in countries
    )
    return "rtl" if rtl else "ltr"


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
