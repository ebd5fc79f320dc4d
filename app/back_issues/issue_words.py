"""The phrases that editions use around readers' questions, by language, as compiled patterns.

They come from `languages/`, one file per language, and from the sentences of the house form, so that our own editions
can be parsed as well. English phrases are always included, since newsletter tools add English text to editions in any
language. Every pattern takes time linear in the length of the text.
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
MAX_LABEL_LENGTH = 400  # characters from the beginning of a paragraph to the end of its label, credit or lead-in
MAX_PREFIX_LENGTH = 200  # the same for a label of a question or answer, with a name in brackets
# Kinds of sentences of the house form.
ASKER_SENTENCES = ("asked_many", "asked_one", "asked_credit")
SEVERAL_ASKERS_SENTENCES = ("asked_many",)
LEAD_IN_SENTENCES = ("lead_in", "also")
COLON = r"[\s\u00a0\u202f]*[:：]"
QUOTES = "\"“”„«»‹›‘’'「『"
# What a character of a phrase matches, if more than itself.
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
# Unifies variants of letters, for comparison.
_UNIFIED = str.maketrans({"ي": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "ё": "е", "ً": None, "’": " ", "'": " ", "ʼ": " "})
_INITIAL = re.compile(r"\s*(?:\(\w\.|[a-z]\))(?!\w)")
_WORD = re.compile(rf"{HAN_OR_KANA}|(?:(?!{HAN_OR_KANA})\w)+")
_PUNCTUATION = re.compile(r"[^\w؟?]+")


def _phrase_regex(phrase: str) -> str:
    """Convert a phrase to a regular expression, which matches whole words in each of their spellings.

    A star at the end stands for any ending, a star inside for up to three letters.
    """
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
    """Return whether a match must begin or end a word if this is the first or last character of a phrase.

    In Han and kana it needn't, as they are written without spaces.
    """
    return char.isalnum() and not re.match(HAN_OR_KANA, char)


def _build_search_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern to search for any of the phrases, the longest first. Without phrases, it never matches."""
    longest_first = sorted(set(phrases), key=len, reverse=True)
    if not longest_first:
        return re.compile(r"(?!)")
    return re.compile("|".join(map(_phrase_regex, longest_first)), re.IGNORECASE)


def _build_start_pattern(phrases: Iterable[str], after: str) -> re.Pattern[str]:
    """Return a pattern for a paragraph that begins with any of the phrases and goes on with the regex `after`."""
    return re.compile(rf"\W{{0,6}}(?:{_build_search_pattern(phrases).pattern}){after}", re.IGNORECASE)


def _split_at_placeholder(pattern: str) -> tuple[str, str]:
    """Split a pattern at its placeholder, {who}. Colons and spaces next to it are removed, as they are optional."""
    before, _, after = pattern.partition("{who}")
    return before.rstrip(), after.strip().rstrip(":：").rstrip("\u00a0\u202f ").strip()


def _get_house_sentences(language: str, kinds: Sequence[str]) -> list[str]:
    """Return sentences of the house form with a single placeholder, {who}, for everything that is filled in."""
    sentences = []
    for kind in kinds:
        sentence = phrases_for(language)[kind]
        sentence = re.sub(r"\{name\}[^{}]*\{credit_line\}[^{}]*\{relation\}", "{who}", sentence)
        sentences.append(sentence.replace("{credit}", "{who}"))
    return sentences


@dataclass(frozen=True)
class NamePattern:
    """The patterns before and after a name, each None if there is nothing.

    Only texts with the word `required_word` can match: for most texts, most patterns needn't be tried.
    """

    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    required_word: str


class Patterns(tuple[NamePattern, ...]):
    """Several patterns, longest first."""

    def iter_candidates(self, text: str) -> Iterator[NamePattern]:
        """Yield the patterns whose required word occurs in a text."""
        text_words = unify_words(text)
        return (pattern for pattern in self if pattern.required_word in text_words)


def _compile_patterns(patterns: Iterable[str]) -> Patterns:
    pairs = map(_split_at_placeholder, set(patterns))
    longest_first = sorted(pairs, key=lambda pair: (-len("".join(pair)), pair))
    return Patterns(_compile_pattern(before, after) for before, after in longest_first)


def _compile_pattern(before: str, after: str) -> NamePattern:
    longest_word = max(unify_words(f"{before} {after}"), key=lambda word: (len(word), word))
    return NamePattern(
        re.compile(_phrase_regex(before), re.IGNORECASE) if before else None,
        re.compile(_phrase_regex(after), re.IGNORECASE) if after else None,
        longest_word,
    )


@lru_cache(maxsize=2_000)
def unify_words(text: str) -> frozenset[str]:
    """Return the words of a text, case-folded and in a single spelling."""
    return frozenset(_WORD.findall(text.replace("İ", "i").casefold().translate(_UNIFIED)))


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The patterns of a language, each compiled from one or more lists of `languages/`; see `get_lexicon`."""

    language: str
    # Labels: "Q:", "Reader question (Maria):", "Our answer:". `answer_heading` is a heading with nothing but a label.
    question_label: re.Pattern[str]
    answer_label: re.Pattern[str]
    answer_heading: re.Pattern[str]
    # The house form's announcements of a question: without a name ("A reader asked:"), and by several readers.
    unnamed_asker: re.Pattern[str]
    several_askers: re.Pattern[str]
    # Lines with a name: "Maria asks", "We turned to Jane Smith", "This week: Jane Smith".
    asker_patterns: Patterns
    lead_in_patterns: Patterns
    guest_patterns: Patterns
    # Words for readers, such as "a subscriber": as the whole line, and anywhere.
    only_readers: re.Pattern[str]
    readers: re.Pattern[str]
    # What we asked the expert for, after the name: "to explain", "whether".
    request_phrase: re.Pattern[str]
    # Hints that readers ask ("your questions"), only those in the edition's own language, and weak hints ("Q&A").
    strong_hints: re.Pattern[str]
    native_strong_hints: re.Pattern[str]
    weak_hints: re.Pattern[str]
    # Hints that somebody else asks: vetoes, such as for an interview, and bars, such as for a quiz or advert. A strong
    # hint outweighs a veto, but not a bar.
    vetoes: re.Pattern[str]
    bars: re.Pattern[str]
    # "This week", "also", at the beginning of a line.
    time_phrase: re.Pattern[str]
    call_for_questions: re.Pattern[str]
    signoffs: re.Pattern[str]
    buttons: re.Pattern[str]
    adverts: re.Pattern[str]
    advert_start: re.Pattern[str]
    advert_label: re.Pattern[str]
    captions: re.Pattern[str]
    # Relative pronouns ("who", "which"): the comma or dash before one, one at the end of a text, and one anywhere.
    relative_clause: re.Pattern[str]
    relative_pronoun_end: re.Pattern[str]
    relative_pronoun: re.Pattern[str]
    # The beginning of a note by the editors: "Correction:".
    note: re.Pattern[str]
    # "I", "my", and "you", "your": readers ask about themselves, and answers and interviewers address somebody.
    first_person: re.Pattern[str]
    second_person: re.Pattern[str]
    # "Dear editors," and "Issue", "Vol."
    salutation: re.Pattern[str]
    issues: re.Pattern[str]

    def match_question_label(self, text: str) -> re.Match[str] | None:
        """Match the label at the beginning of a question; the group "who" is a name in brackets."""
        return _exclude_initial(self.question_label.match(text[:MAX_PREFIX_LENGTH]))

    def match_answer_label(self, text: str) -> re.Match[str] | None:
        """Match the label at the beginning of an answer; the group "who" is a name in brackets."""
        return _exclude_initial(self.answer_label.match(text[:MAX_PREFIX_LENGTH]))


def _exclude_initial(label: re.Match[str] | None) -> re.Match[str] | None:
    """Return a label, or None if it is an initial, as in "(A. Smith)", or the letter of a list: "a) …"."""
    return None if label and _INITIAL.match(label[0]) else label


NAME_IN_BRACKETS = r"(?:[\s\u00a0]*[(\[（](?P<who>[^()\[\]（）]{2,90})[)\]）])?"
NUMBER = r"(?:[\s\u00a0]?[#№]?\d{1,3}(?!\d))?"
# What follows the words of a label: "Question 2 (Maria):", "Question —", "Q1.", or the end of the paragraph.
AFTER_LABEL = (
    rf"{NUMBER}{NAME_IN_BRACKETS}[*_\s]{{0,3}}?"
    rf"(?:\W{{0,4}}\Z|{COLON}|(?<=\d)[.)]|[\s\u00a0]+[—–-](?=\s)|\.(?=\s)|\)(?=\s))\**\s*"
)


@cache
def _load_phrases() -> dict[str, dict[str, list[str]]]:
    """Return the lists of `languages/`, by language and name. A list that a language lacks is empty."""
    lists_by_tag = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    empty_lists: dict[str, list[str]] = {name: [] for name in lists_by_tag["en"]}
    return {tag: empty_lists | lists for tag, lists in lists_by_tag.items()}


def known_languages() -> list[str]:
    return list(_load_phrases())


@cache
def get_lexicon(language: str) -> Lexicon:
    """Return the patterns of a language, including the English ones; for an unknown language only the English ones."""
    phrases = _load_phrases()
    primary_tag = language.lower().split("-")[0]
    tags = [primary_tag, "en"] if primary_tag in phrases and primary_tag != "en" else ["en"]

    def get_phrases(name: str) -> list[str]:
        return [phrase for tag in tags for phrase in phrases[tag][name]]

    def get_sentences(kinds: Sequence[str]) -> list[str]:
        return [line for tag in tags if tag in LANGUAGES for line in _get_house_sentences(tag, kinds)]

    asker_sentences = get_sentences(ASKER_SENTENCES)
    relatives = _build_search_pattern(get_phrases("relatives"))
    request_phrases = [
        re.escape(phrase) + ("" if phrase.endswith(" ") else r"(?!\w)")  # whole words only
        for phrase in get_phrases("cut")
    ]
    return Lexicon(
        language=tags[0],
        question_label=_build_start_pattern(get_phrases("question"), AFTER_LABEL),
        answer_label=_build_start_pattern([*get_phrases("answer"), *get_phrases("replies")], AFTER_LABEL),
        answer_heading=_build_start_pattern([*get_phrases("replies"), *get_phrases("answer")], r"\W{0,4}\Z"),
        unnamed_asker=_build_start_pattern(
            [_strip_colon(line) for line in asker_sentences if "{who}" not in line], rf"{COLON}\s*"
        ),
        several_askers=_build_start_pattern(map(_strip_colon, get_sentences(SEVERAL_ASKERS_SENTENCES)), COLON),
        asker_patterns=_compile_patterns(
            [*get_phrases("asks"), *(line for line in asker_sentences if "{who}" in line)]
        ),
        lead_in_patterns=_compile_patterns([*get_phrases("answers"), *get_sentences(LEAD_IN_SENTENCES)]),
        guest_patterns=_compile_patterns(get_phrases("guests")),
        only_readers=_build_start_pattern(get_phrases("readers"), r"\W{0,3}\Z"),
        readers=_build_search_pattern(get_phrases("readers")),
        request_phrase=re.compile("|".join(request_phrases), re.IGNORECASE),
        strong_hints=_build_search_pattern(get_phrases("strong")),
        native_strong_hints=_build_search_pattern(phrases[tags[0]]["strong"]),
        weak_hints=_build_search_pattern(get_phrases("weak")),
        vetoes=_build_search_pattern(get_phrases("vetoes")),
        bars=_build_search_pattern(get_phrases("bars")),
        time_phrase=_build_start_pattern(get_phrases("when"), r"[\s\u00a0,:،]+"),
        call_for_questions=_build_search_pattern(get_phrases("calls")),
        signoffs=_build_search_pattern(get_phrases("signoffs")),
        buttons=_build_start_pattern(get_phrases("buttons"), r"\W{0,6}\Z"),
        adverts=_build_start_pattern(get_phrases("adverts"), rf"(?:{COLON}|\W{{0,4}}\Z|\s+[—–|·-]\s|\.\s|】)"),
        advert_start=_build_start_pattern(get_phrases("adverts"), r"(?!\w)"),
        advert_label=_build_start_pattern(get_phrases("adverts"), r"\W{0,4}\Z"),
        captions=_build_start_pattern(get_phrases("captions"), rf"(?:\s*/|{COLON}|\s+©)"),
        # A comma, dash or bracket and perhaps a preposition, before the pronoun: ", in which".
        relative_clause=re.compile(
            rf"[\s\u00a0]*[,،，、—–(][\s\u00a0]*(?:[^\s,،]{{1,4}}\s)?(?={relatives.pattern})", re.IGNORECASE
        ),
        relative_pronoun_end=re.compile(rf"(?:{relatives.pattern})\Z", re.IGNORECASE),
        relative_pronoun=relatives,
        note=_build_start_pattern(get_phrases("notes"), rf"\W{{0,3}}(?:{COLON}|\Z|[.!]|\s[—–-]\s)"),
        first_person=_build_search_pattern(phrases[tags[0]]["first_person"]),
        second_person=_build_search_pattern(phrases[tags[0]]["second_person"]),
        salutation=_build_start_pattern(get_phrases("dear"), r"(?!\w)[^.!?؟]{0,60}?[,:!،]"),
        issues=_build_search_pattern(get_phrases("issues")),
    )


def _strip_colon(sentence: str) -> str:
    return sentence.rstrip(" :：\u00a0\u202f")


@cache
def _build_label_pattern() -> re.Pattern[str]:
    """Return a pattern for the labels of questions and answers in any language, at the beginning of a line."""
    labels = [phrase for lists in _load_phrases().values() for phrase in (*lists["question"], *lists["answer"])]
    return _build_start_pattern(labels, rf"{NUMBER}\**{COLON}")


def begins_with_label(line: str) -> bool:
    """Return whether a line begins with the label of a question or answer in any language."""
    return _build_label_pattern().match(line[:MAX_LABEL_LENGTH]) is not None


def guess_edition_language(texts: Iterable[str]) -> str:
    """Guess the language of an edition from its longest paragraphs. Return "en" if it isn't one of `languages/`."""
    longest = sorted(texts, key=len, reverse=True)[:6]
    if not longest:
        return "en"
    tag = guess_language(" ".join(text[:300] for text in longest)).lower().split("-")[0]
    return tag if tag in _load_phrases() else "en"


def normalize_text(text: str) -> str:
    """Return a text case-folded and without punctuation other than question marks, for comparison."""
    return _PUNCTUATION.sub(" ", text.casefold()).strip()
