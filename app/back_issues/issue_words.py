"""The phrases that editions use around readers' questions, by language, as compiled patterns.

They come from `languages/`, one file per language, and the sentences of the house form, so that our own editions can be
parsed as well. English is always included, since much of what newsletter tools add is English. Every pattern is applied
to the beginning of a paragraph and takes time linear in it.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from ..text.clean import SIGN
from ..text.languages import guess_language
from ..typesetting.house_languages import LANGUAGES, phrases_for

FOLDER = Path(__file__).with_name("languages")
LONGEST_LABEL = 400  # characters of a paragraph in which a label, credit or lead-in must end
HOLES = "{name}{credit_line}{relation}"
ASKED = ("asked_many", "asked_one", "asked_credit")
MANY = ("asked_many",)
LED_IN = ("lead_in", "also")
COLON = r"[\s\u00a0\u202f]*[:：]"
QUOTES = "\"“”„«»‹›‘’'「『"
_SAME = {
    " ": r"[\s\u00a0\u202f]+",
    "'": "['’ʼ]",
    "’": "['’ʼ]",
    "ي": "[يی]",
    "ی": "[يی]",
    "ک": "[كک]",
    "ك": "[كک]",
    "\u200c": "[\u200c ]?",
    "-": "[-\u2010\u2011–]",
    "ё": "[её]",
    "İ": "[iİ]",
    "أ": "[أا]",
    "إ": "[إا]",
    "ً": "ً?",
}
_ALIKE = str.maketrans({"ي": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "ё": "е", "ً": None, "’": " ", "'": " ", "ʼ": " "})
_KEY = re.compile(rf"{SIGN}|(?:(?!{SIGN})\w)+")
_BARE = re.compile(r"[^\w؟?]+")


def _literal(phrase: str) -> str:
    """Convert a phrase to a regular expression: it matches whole words, with * for an ending, and equates variants of
    letters and apostrophes."""
    stem = phrase.endswith("*")
    phrase = phrase.rstrip("*") if stem else phrase
    written = "".join(_SAME.get(char, r"\w{0,3}" if char == "*" else re.escape(char)) for char in phrase)
    before = r"(?<!\w)" if phrase[:1].isalnum() and not re.match(SIGN, phrase) else ""
    after = r"(?![^\W\d])" if phrase[-1:].isalnum() and not stem and not re.match(SIGN, phrase[-1]) else ""
    return before + written + after


def _any_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of the phrases, longest first; without phrases it never matches."""
    listed = sorted(set(phrases), key=len, reverse=True)
    return re.compile("|".join(map(_literal, listed)) if listed else r"(?!)", re.IGNORECASE)


def _phrase_pattern(phrases: Iterable[str], after: str) -> re.Pattern[str]:
    return re.compile(rf"\W{{0,6}}(?:{_any_pattern(phrases).pattern}){after}", re.IGNORECASE)


def _split_at_hole(pattern: str) -> tuple[str, str]:
    """Split a pattern at its placeholder, without adjacent colons and spaces, which are optional."""
    before, _, after = pattern.partition("{who}")
    return before.rstrip(), after.strip().rstrip(":：").rstrip("\u00a0\u202f ").strip()


def _house(language: str, kinds: Sequence[str]) -> list[str]:
    """Return the sentences of the house form as patterns with a single placeholder, {who}."""
    found = []
    for kind in kinds:
        said = phrases_for(language)[kind]
        said = re.sub(r"\{name\}[^{}]*\{credit_line\}[^{}]*\{relation\}", "{who}", said).replace("{credit}", "{who}")
        found.append(said)
    return found


@dataclass(frozen=True)
class NamePattern:
    """A pattern around a name: what comes before and after it (None for nothing).

    `key` is a word that every match contains, so that most patterns needn't be tried.
    """

    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    key: str


class Patterns(tuple[NamePattern, ...]):
    """Several patterns, longest first."""

    def that_may_fit(self, text: str) -> Iterator[NamePattern]:
        """Yield the patterns whose key occurs in a text."""
        there = keys_in(text)
        return (one for one in self if one.key in there)


def _compile_patterns(patterns: Iterable[str]) -> Patterns:
    made = []
    for before, after in sorted(map(_split_at_hole, set(patterns)), key=lambda pair: (-len(pair[0] + pair[1]), pair)):
        made.append(
            NamePattern(
                re.compile(_literal(before), re.IGNORECASE) if before else None,
                re.compile(_literal(after), re.IGNORECASE) if after else None,
                max(keys_in(f"{before} {after}"), key=lambda word: (len(word), word)),
            )
        )
    return Patterns(made)


@lru_cache(maxsize=2_000)
def keys_in(text: str) -> frozenset[str]:
    """Return the words of a text, case-folded and with variants of letters unified."""
    return frozenset(_KEY.findall(text.replace("İ", "i").casefold().translate(_ALIKE)))


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The patterns of a language. `asked` matches announcements of questions without a name: "Readers asked:".

    `own` is `strong` without the English phrases.
    """

    language: str
    question: re.Pattern[str]
    answer: re.Pattern[str]
    asked: re.Pattern[str]
    asked_many: re.Pattern[str]
    answer_heading: re.Pattern[str]
    asks: Patterns
    answers: Patterns
    guests: Patterns
    readers: re.Pattern[str]
    has_readers: re.Pattern[str]
    cut: re.Pattern[str]
    strong: re.Pattern[str]
    own: re.Pattern[str]
    weak: re.Pattern[str]
    vetoes: re.Pattern[str]
    bars: re.Pattern[str]
    when: re.Pattern[str]
    calls: re.Pattern[str]
    signoffs: re.Pattern[str]
    buttons: re.Pattern[str]
    adverts: re.Pattern[str]
    advert_label: re.Pattern[str]
    captions: re.Pattern[str]
    relatives: re.Pattern[str]
    relative_end: re.Pattern[str]
    relative_start: re.Pattern[str]
    dear: re.Pattern[str]
    issues: re.Pattern[str]


IN_BRACKETS = r"(?:[\s\u00a0]*[(\[（](?P<who>[^()\[\]（）]{2,90})[)\]）])?"
NUMBER = r"(?:[\s\u00a0]?[#№]?\d{1,3}(?!\d))?"
AFTER_LABEL = (
    rf"{NUMBER}{IN_BRACKETS}[*_\s]{{0,3}}?"
    rf"(?:\W{{0,4}}\Z|{COLON}|(?<=\d)[.)]|[\s\u00a0]+[—–-](?=\s)|\.(?=\s)|\)(?=\s))\**\s*"
)


@cache
def _rows() -> dict[str, dict[str, list[str]]]:
    files = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    empty: dict[str, list[str]] = {kind: [] for kind in files["en"]}
    return {tag: empty | lists for tag, lists in files.items()}


def known_languages() -> list[str]:
    return list(_rows())


@cache
def get_lexicon(language: str) -> Lexicon:
    """Return the patterns of a language, including the English ones; for an unknown language only those."""
    rows = _rows()
    tag = language.lower().split("-")[0]
    tags = [tag, "en"] if tag in rows and tag != "en" else ["en"]

    def of(kind: str) -> list[str]:
        return [phrase for one in tags for phrase in rows[one][kind]]

    houses = [one for one in tags if one in LANGUAGES]
    announced = [said for one in houses for said in _house(one, ASKED)]
    readers = of("readers")
    return Lexicon(
        language=tags[0],
        question=_phrase_pattern(of("question"), AFTER_LABEL),
        answer=_phrase_pattern([*of("answer"), *of("replies")], AFTER_LABEL),
        asked=_phrase_pattern(
            [said.rstrip(" :：\u00a0\u202f") for said in announced if "{who}" not in said], rf"{COLON}\s*"
        ),
        asked_many=_phrase_pattern(
            [said.rstrip(" :：\u00a0\u202f") for one in houses for said in _house(one, MANY)], COLON
        ),
        answer_heading=_phrase_pattern([*of("replies"), *of("answer")], r"\W{0,4}\Z"),
        asks=_compile_patterns([*of("asks"), *(said for said in announced if "{who}" in said)]),
        answers=_compile_patterns([*of("answers"), *(said for one in houses for said in _house(one, LED_IN))]),
        guests=_compile_patterns(of("guests")),
        readers=_phrase_pattern(readers, r"\W{0,3}\Z"),
        has_readers=_any_pattern(readers),
        cut=re.compile("|".join(re.escape(one) + ("" if one.endswith(" ") else r"(?!\w)") for one in of("cut")), re.I),
        strong=_any_pattern(of("strong")),
        own=_any_pattern(rows[tags[0]]["strong"]),
        weak=_any_pattern(of("weak")),
        vetoes=_any_pattern(of("vetoes")),
        bars=_any_pattern(of("bars")),
        when=_phrase_pattern(of("when"), r"[\s\u00a0,:،]+"),
        calls=_any_pattern(of("calls")),
        signoffs=_any_pattern(of("signoffs")),
        buttons=_phrase_pattern(of("buttons"), r"\W{0,6}\Z"),
        adverts=_phrase_pattern(of("adverts"), rf"(?:{COLON}|\W{{0,4}}\Z|\s+[—–|-]\s)"),
        advert_label=_phrase_pattern(of("adverts"), r"\W{0,4}\Z"),
        captions=_phrase_pattern(of("captions"), rf"(?:\s*/|{COLON}|\s+©)"),
        relatives=re.compile(
            rf"[\s\u00a0]*[,،，、—–(][\s\u00a0]*(?:[^\s,،]{{1,4}}\s)?(?={_any_pattern(of('relatives')).pattern})",
            re.IGNORECASE,
        ),
        relative_end=re.compile(rf"(?:{_any_pattern(of('relatives')).pattern})\Z", re.IGNORECASE),
        relative_start=_any_pattern(of("relatives")),
        dear=_phrase_pattern(of("dear"), r"(?!\w)[^.!?؟]{0,60}?[,:!،]"),
        issues=_any_pattern(of("issues")),
    )


@cache
def _labels() -> re.Pattern[str]:
    """Return a pattern for the labels of questions and answers in any language, at the beginning of a line."""
    every = [phrase for row in _rows().values() for kind in ("question", "answer") for phrase in row[kind]]
    return _phrase_pattern(every, rf"{NUMBER}\**{COLON}")


def begins_with_label(line: str) -> bool:
    """Return whether a line begins with the label of a question or answer in any language."""
    return _labels().match(line[:LONGEST_LABEL]) is not None


def language_of(texts: Iterable[str]) -> str:
    """Guess which of the known languages an edition is in, by its longest paragraphs; English if it is another one."""
    longest = sorted(texts, key=len, reverse=True)[:6]
    guessed = guess_language(" ".join(text[:300] for text in longest)) if longest else "und"
    tag = guessed.lower().split("-")[0]
    return tag if tag in _rows() else "en"


def normalize_text(text: str) -> str:
    """Return a text case-folded and without punctuation other than question marks, for comparison."""
    return _BARE.sub(" ", text.casefold()).strip()
