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

from ..text.clean import SIGN as HAN_OR_KANA
from ..text.languages import guess_language
from ..typesetting.house_languages import LANGUAGES, phrases_for

FOLDER = Path(__file__).with_name("languages")
LONGEST_LABEL = 400  # characters of a paragraph in which a label, credit or lead-in must end
# Kinds of sentences of the house form.
ASKER_SENTENCES = ("asked_many", "asked_one", "asked_credit")
SEVERAL_ASKERS_SENTENCES = ("asked_many",)
LEAD_IN_SENTENCES = ("lead_in", "also")
COLON = r"[\s\u00a0\u202f]*[:：]"
QUOTES = "\"“”„«»‹›‘’'「『"
# Variants that a character of a phrase also matches.
_VARIANTS = {
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
# Unifies variants of letters in keys.
_UNIFIED = str.maketrans({"ي": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "ё": "е", "ً": None, "’": " ", "'": " ", "ʼ": " "})
_KEY_WORD = re.compile(rf"{HAN_OR_KANA}|(?:(?!{HAN_OR_KANA})\w)+")
_PUNCTUATION = re.compile(r"[^\w؟?]+")


def _phrase_regex(phrase: str) -> str:
    """Convert a phrase to a regular expression: it matches whole words, with * for an ending, and equates variants of
    letters and apostrophes."""
    has_open_end = phrase.endswith("*")
    phrase = phrase.rstrip("*")
    regex = "".join(map(_char_regex, phrase))
    if _is_at_word_edge(phrase[:1]):
        regex = r"(?<!\w)" + regex
    if _is_at_word_edge(phrase[-1:]) and not has_open_end:
        regex += r"(?![^\W\d])"
    return regex


def _char_regex(char: str) -> str:
    if char == "*":  # "e*mail" is "email" or "e-mail"
        return r"\w{0,3}"
    return _VARIANTS.get(char) or re.escape(char)


def _is_at_word_edge(char: str) -> bool:
    """Return whether a phrase that begins or ends with this character must begin or end with a word.

    Han and kana are written without spaces, so they may have other letters next to them.
    """
    return char.isalnum() and not re.match(HAN_OR_KANA, char)


def _any_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of the phrases, longest first; without phrases it never matches."""
    longest_first = sorted(set(phrases), key=len, reverse=True)
    if not longest_first:
        return re.compile(r"(?!)")
    return re.compile("|".join(map(_phrase_regex, longest_first)), re.IGNORECASE)


def _phrase_pattern(phrases: Iterable[str], after: str) -> re.Pattern[str]:
    """Return a pattern for any of the phrases at the beginning of a paragraph, with the regex `after` behind it."""
    return re.compile(rf"\W{{0,6}}(?:{_any_pattern(phrases).pattern}){after}", re.IGNORECASE)


def _split_at_placeholder(pattern: str) -> tuple[str, str]:
    """Split a pattern at its placeholder, without adjacent colons and spaces, which are optional."""
    before, _, after = pattern.partition("{who}")
    return before.rstrip(), after.strip().rstrip(":：").rstrip("\u00a0\u202f ").strip()


def _get_house_sentences(language: str, kinds: Sequence[str]) -> list[str]:
    """Return sentences of the house form as patterns with a single placeholder, {who}."""
    sentences = []
    for kind in kinds:
        sentence = phrases_for(language)[kind]
        sentence = re.sub(r"\{name\}[^{}]*\{credit_line\}[^{}]*\{relation\}", "{who}", sentence)
        sentences.append(sentence.replace("{credit}", "{who}"))
    return sentences


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

    def list_candidates(self, text: str) -> Iterator[NamePattern]:
        """Yield the patterns whose key occurs in a text."""
        keys = keys_in(text)
        return (pattern for pattern in self if pattern.key in keys)


def _compile_patterns(patterns: Iterable[str]) -> Patterns:
    parts = sorted(map(_split_at_placeholder, set(patterns)), key=lambda pair: (-len(pair[0] + pair[1]), pair))
    return Patterns(_compile_pattern(before, after) for before, after in parts)


def _compile_pattern(before: str, after: str) -> NamePattern:
    longest_word = max(keys_in(f"{before} {after}"), key=lambda word: (len(word), word))
    return NamePattern(
        re.compile(_phrase_regex(before), re.IGNORECASE) if before else None,
        re.compile(_phrase_regex(after), re.IGNORECASE) if after else None,
        longest_word,
    )


@lru_cache(maxsize=2_000)
def keys_in(text: str) -> frozenset[str]:
    """Return the words of a text, case-folded and with variants of letters unified."""
    return frozenset(_KEY_WORD.findall(text.replace("İ", "i").casefold().translate(_UNIFIED)))


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The patterns of a language. Some stand for a list of the same name in `languages/`, others for several lists."""

    language: str
    # Labels: "Q:", "Reader question (Maria):", "Our answer:". An answer's may also be a heading.
    question_label: re.Pattern[str]
    answer_label: re.Pattern[str]
    answer_heading: re.Pattern[str]
    # The house form's announcements of questions without a name: "A reader asked:", and of several readers.
    unnamed_asker: re.Pattern[str]
    several_askers: re.Pattern[str]
    # Lines with a name: "Maria asks", "We turned to Jane Smith", "This week: Jane Smith".
    asker_patterns: Patterns
    lead_in_patterns: Patterns
    guest_patterns: Patterns
    # Words for readers, such as "a subscriber": all of a line, and anywhere in it.
    only_readers: re.Pattern[str]
    readers: re.Pattern[str]
    # What we asked the expert for, after the name: "to explain", "whether".
    request_phrase: re.Pattern[str]
    # Hints that readers ask ("your questions"), the same without the English ones, and weak hints ("Q&A").
    strong_hints: re.Pattern[str]
    native_strong_hints: re.Pattern[str]
    weak_hints: re.Pattern[str]
    # Hints that it isn't readers who ask: an interview (unless there is a strong hint), or a quiz or advert.
    vetoes: re.Pattern[str]
    bars: re.Pattern[str]
    # "This week", "also", at the beginning of a line.
    time_phrase: re.Pattern[str]
    call_for_questions: re.Pattern[str]
    signoffs: re.Pattern[str]
    buttons: re.Pattern[str]
    adverts: re.Pattern[str]
    advert_label: re.Pattern[str]
    captions: re.Pattern[str]
    # "who", "which": after a comma or dash, at the end of a text, and anywhere.
    relative_clause: re.Pattern[str]
    relative_pronoun_end: re.Pattern[str]
    relative_pronoun: re.Pattern[str]
    # "Dear editors," and "Issue", "Vol."
    salutation: re.Pattern[str]
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

    def get_phrases(kind: str) -> list[str]:
        return [phrase for tag in tags for phrase in rows[tag][kind]]

    def get_sentences(kinds: Sequence[str]) -> list[str]:
        return [line for tag in tags if tag in LANGUAGES for line in _get_house_sentences(tag, kinds)]

    asker_sentences = get_sentences(ASKER_SENTENCES)
    relatives = _any_pattern(get_phrases("relatives"))
    request_phrases = [
        re.escape(phrase) if phrase.endswith(" ") else re.escape(phrase) + r"(?!\w)" for phrase in get_phrases("cut")
    ]
    return Lexicon(
        language=tags[0],
        question_label=_phrase_pattern(get_phrases("question"), AFTER_LABEL),
        answer_label=_phrase_pattern([*get_phrases("answer"), *get_phrases("replies")], AFTER_LABEL),
        answer_heading=_phrase_pattern([*get_phrases("replies"), *get_phrases("answer")], r"\W{0,4}\Z"),
        unnamed_asker=_phrase_pattern(
            [_strip_colon(line) for line in asker_sentences if "{who}" not in line], rf"{COLON}\s*"
        ),
        several_askers=_phrase_pattern(map(_strip_colon, get_sentences(SEVERAL_ASKERS_SENTENCES)), COLON),
        asker_patterns=_compile_patterns(
            [*get_phrases("asks"), *(line for line in asker_sentences if "{who}" in line)]
        ),
        lead_in_patterns=_compile_patterns([*get_phrases("answers"), *get_sentences(LEAD_IN_SENTENCES)]),
        guest_patterns=_compile_patterns(get_phrases("guests")),
        only_readers=_phrase_pattern(get_phrases("readers"), r"\W{0,3}\Z"),
        readers=_any_pattern(get_phrases("readers")),
        request_phrase=re.compile("|".join(request_phrases), re.IGNORECASE),
        strong_hints=_any_pattern(get_phrases("strong")),
        native_strong_hints=_any_pattern(rows[tags[0]]["strong"]),
        weak_hints=_any_pattern(get_phrases("weak")),
        vetoes=_any_pattern(get_phrases("vetoes")),
        bars=_any_pattern(get_phrases("bars")),
        time_phrase=_phrase_pattern(get_phrases("when"), r"[\s\u00a0,:،]+"),
        call_for_questions=_any_pattern(get_phrases("calls")),
        signoffs=_any_pattern(get_phrases("signoffs")),
        buttons=_phrase_pattern(get_phrases("buttons"), r"\W{0,6}\Z"),
        adverts=_phrase_pattern(get_phrases("adverts"), rf"(?:{COLON}|\W{{0,4}}\Z|\s+[—–|-]\s)"),
        advert_label=_phrase_pattern(get_phrases("adverts"), r"\W{0,4}\Z"),
        captions=_phrase_pattern(get_phrases("captions"), rf"(?:\s*/|{COLON}|\s+©)"),
        relative_clause=re.compile(
            rf"[\s\u00a0]*[,،，、—–(][\s\u00a0]*(?:[^\s,،]{{1,4}}\s)?(?={relatives.pattern})", re.IGNORECASE
        ),
        relative_pronoun_end=re.compile(rf"(?:{relatives.pattern})\Z", re.IGNORECASE),
        relative_pronoun=relatives,
        salutation=_phrase_pattern(get_phrases("dear"), r"(?!\w)[^.!?؟]{0,60}?[,:!،]"),
        issues=_any_pattern(get_phrases("issues")),
    )


def _strip_colon(sentence: str) -> str:
    return sentence.rstrip(" :：\u00a0\u202f")


@cache
def _labels() -> re.Pattern[str]:
    """Return a pattern for the labels of questions and answers in any language, at the beginning of a line."""
    labels = [phrase for row in _rows().values() for kind in ("question", "answer") for phrase in row[kind]]
    return _phrase_pattern(labels, rf"{NUMBER}\**{COLON}")


def begins_with_label(line: str) -> bool:
    """Return whether a line begins with the label of a question or answer in any language."""
    return _labels().match(line[:LONGEST_LABEL]) is not None


def guess_edition_language(texts: Iterable[str]) -> str:
    """Guess which of the known languages an edition is in, by its longest paragraphs; English if it is another one."""
    longest = sorted(texts, key=len, reverse=True)[:6]
    if not longest:
        return "en"
    tag = guess_language(" ".join(text[:300] for text in longest)).lower().split("-")[0]
    return tag if tag in _rows() else "en"


def normalize_text(text: str) -> str:
    """Return a text case-folded and without punctuation other than question marks, for comparison."""
    return _PUNCTUATION.sub(" ", text.casefold()).strip()
