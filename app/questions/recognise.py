"""Find what could make an asker recognisable, and mark it for the editor before a question leaves the newsroom.

The rules and the word tables in `recognise.toml` mark too much rather than too little. They miss numbers written as
words, names without a title in scripts without capitals, and whatever only a neighbour would recognise. So a person
still has to confirm each wording.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from ..text.clean import LETTER, WORD
from ..text.languages import function_words
from ..text.word_tables import word_tables

Kind = Literal["name", "place", "date", "number", "link", "email", "handle", "relation"]


@dataclass(frozen=True)
class IdentifyingSpan:
    """A marked part of a text, at code points `start` to `end` (exclusive)."""

    start: int
    end: int
    kind: Kind


class _Word(NamedTuple):
    start: int
    end: int
    text: str
    is_sentence_start: bool  # then a capital says nothing
    is_adjacent: bool  # only a space or a hyphen separates it from the word before


def _table() -> dict[str, Any]:
    return word_tables(__file__, "recognise")


@cache
def _get_word_set(name: str) -> frozenset[str]:
    return frozenset(_table()[name].split())


def _alternation_pattern(alternatives: Sequence[str]) -> str:
    return f"(?:{'|'.join(sorted(alternatives, key=len, reverse=True))})"


def _table_pattern(name: str) -> str:
    return _alternation_pattern(_table()[name].split())


def _relation_patterns() -> list[str]:
    """Return the patterns of the table `relations`, with KIN replaced by the language's words of kin."""
    patterns: list[str] = []
    for language in _table()["relations"].values():
        kin_words = "|".join(language.get("kin", "").split())
        patterns += [pattern.replace("KIN", kin_words) for pattern in language["patterns"]]
    return patterns


# The first sign of a name next to a word such as "village": a capital, a letter of a script without them, or a digit.
_NAME_START = r"(?=[A-ZÀ-ÞĀŁŚŞŽİĞ\u0400-\u042fӘҒҚҢӨҰҮҺІ\u0531-\u0556\u0620-\u06ff\u10d0-\u10ff\d№])"
_NAME = rf"{_NAME_START}{LETTER}{{1,40}}"
# The rest of a URL after the host, without the punctuation of the sentence around it.
_PATH = r"(?:/[^\s\0<>\"”»)\]]{0,2000}(?<![.,;:!?'’]))"
# A day before the month: "3 ", "3. ", "3rd ", "3-го ".
_DAY = rf"(?:\d{{1,4}}(?:-?{LETTER}{{1,3}})?\.?[ \u200c])"
_YEAR = r"(?:,? ?\d{1,4}(?!\d))"
_CHINESE_DIGITS = r"\d〇一二三四五六七八九十"


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    """Return the rules in order of precedence: where two kinds overlap, the earlier rule wins.

    Each repetition that can overlap with what follows it has an upper bound, so that no text makes the search slow.
    """
    rules: tuple[tuple[Kind, str], ...] = (
        ("email", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
        ("link", r"(?i)(?:https?://|\bwww\.)[^\s\0<>\"”»)\]]{1,2000}(?<![.,;:!?'’])"),
        ("link", rf"(?i)(?<![\w.])(?:[\w-]{{1,63}}\.){{1,4}}{_table_pattern('top_level')}\b{_PATH}?"),
        ("handle", r"(?<!\w)@[\w.]{2,64}(?<!\.)"),
        ("date", rf"(?i)(?<!\w){_DAY}?{_table_pattern('months')}{LETTER}{{0,8}}\.?(?!\w){_YEAR}?"),
        ("date", rf"(?i)(?<!\w){_DAY}{_table_pattern('months_with_day')}(?!\w){_YEAR}?"),
        ("date", rf"(?<!\w){_table_pattern('capital_months')}{_YEAR}"),
        ("date", rf"(?<=[\w,;] ){_table_pattern('capital_months')}(?!\w)"),
        ("date", rf"[{_CHINESE_DIGITS}]{{1,4}} ?[年月日號号](?:[{_CHINESE_DIGITS}]{{1,3}} ?[月日號号]){{0,2}}"),
        ("date", r"(?<!\d)\d{1,4}([./\-])\d{1,2}\1\d{1,4}(?!\d)"),
        ("date", r"(?<![\d.,])(?:1[3-4]|[12][09])\d\d(?![\d.,]\d|\d)"),
        ("number", r"[+№#]?\d(?:[ \u00a0().,/:\-]{0,2}\d){0,40}"),
        ("number", r"[一二三四五六七八九十百千万两]{1,6}(?:岁|歲|个|個|名|口人)"),
        ("relation", rf"(?i){_alternation_pattern(_relation_patterns())}"),
        (
            "place",
            rf"(?<!\w)(?i:{_table_pattern('place_words_before')})[ \u200c]{{1,2}}{_NAME_START}№? ?{LETTER}{{1,40}}",
        ),
        (
            "place",
            rf"(?<!\w){_NAME_START}{LETTER}{{2,40}}[ \u200c](?i:{_table_pattern('place_words_after')}){LETTER}{{0,8}}",
        ),
        ("place", r"[\u4e00-\u9fff]{2,3}(?:省|市|县|縣|区|區|村|镇|鎮|乡|鄉|路|街|州|旗|盟)"),
        ("name", rf"(?<!\w)(?i:{_table_pattern('titles')})\.?[ \u200c]{{1,3}}{_NAME}(?:[ \u200c]{_NAME})?"),
        ("name", r"(?:我叫|名叫|叫做|姓)[\u4e00-\u9fff]{1,3}"),
        ("name", r"[\u4e00-\u9fff]{1,3}(?:先生|女士|小姐|老师|老師|教授|书记|書記|医生|醫生|さん|様)"),
        ("name", r"[\uac00-\ud7a3]{2,4} ?(?:씨|님|선생님)"),
    )
    return tuple((kind, re.compile(pattern)) for kind, pattern in rules)


MAX_PREPOSITION_LENGTH = 12  # letters
MIN_TITLE_WORDS = 3  # with a capital, not counting a first word such as "Who": two could be a name
_WORDS = re.compile(WORD)
_SENTENCE_END = re.compile(r"[.!?…:\n•]")


def find_marks(text: str, language: str) -> list[IdentifyingSpan]:
    """Return the marks of everything that an editor should look at, in order. They don't overlap.

    `language` (BCP 47) only decides what capitals mean: German capitalises every noun.
    """
    marks: list[IdentifyingSpan] = []
    masked_text = text
    for kind, pattern in _patterns():
        new_marks = [IdentifyingSpan(match.start(), match.end(), kind) for match in pattern.finditer(masked_text)]
        masked_text = _mask(masked_text, new_marks)
        marks += new_marks
    marks += _find_capitalised(masked_text, text, language)
    return sorted(marks, key=lambda mark: mark.start)


def find_headline_marks(headline: str, language: str, texts: Sequence[str]) -> list[IdentifyingSpan]:
    """Return the marks of a headline like `find_marks`. `texts` are what it stands above, and what that was made of.

    They show whether a first word is a name. "Who Counts the Salt in Aktau" has capitals everywhere: a word of such a
    headline is only marked if the texts mark it too, or if it is a place by its neighbours and not in small letters
    there. So a name that stands in such a headline and nowhere below it is missed.
    """
    marks = find_marks(headline, language)
    is_title = _is_title_case(headline, language)
    doubtful_words = {
        word
        for mark in marks
        if mark.kind in ("name", "place") and (is_title or mark.start == 0)
        for word in map(_to_name_key, _WORDS.findall(headline[mark.start : mark.end]))
    }
    if not doubtful_words:
        return marks
    small_words = {word for text in texts for word in _WORDS.findall(text) if word.islower()}
    marked_words = _find_marked_words(doubtful_words, texts, language)
    kept: list[IdentifyingSpan] = []
    for mark in marks:
        words = [
            (mark.start + match.start(), mark.start + match.end(), _to_name_key(match.group()))
            for match in _WORDS.finditer(headline[mark.start : mark.end])
        ]
        if mark.kind not in ("name", "place") or not (is_title or mark.start == 0):
            kept.append(mark)
        elif not is_title:
            kept += [mark] if not {word for _start, _end, word in words} <= small_words - marked_words else []
        else:
            kept += [
                IdentifyingSpan(start, end, mark.kind)
                for start, end, word in words
                if word in marked_words or (mark.kind == "place" and word not in small_words)
            ]
    return kept


def _find_marked_words(doubtful_words: set[str], texts: Sequence[str], language: str) -> set[str]:
    """Return those of the doubtful words that are marked as a name or place in one of the texts.

    Only texts that have a word which isn't found yet are searched for marks, since that is slow.
    """
    found: set[str] = set()
    for text in texts:
        if any(word in text.lower() for word in doubtful_words - found):
            found |= doubtful_words.intersection(_list_marked_words(text, language))
    return found


def _list_marked_words(text: str, language: str) -> Iterator[str]:
    for mark in find_marks(text, language):
        if mark.kind in ("name", "place"):
            yield from map(_to_name_key, _WORDS.findall(text[mark.start : mark.end]))


def _to_name_key(name: str) -> str:
    """Return a name in small letters, without a possessive: "timur" for "Timur’s"."""
    return name.lower().split("'")[0].split("’")[0]


def _is_title_case(headline: str, language: str) -> bool:
    """Return whether a headline has the capitals of an English title: on each word, or each but the common ones."""
    first, *words = _WORDS.findall(headline) or [""]
    capitals = [word for word in words if word[:1].isupper() and word not in _get_word_set("capital_months")]
    common_words = _get_english_common_words()
    has_small_word = any(word[:1].islower() and word not in common_words for word in words)
    starts_telling = first.lower() not in common_words
    return language.split("-")[0] == "en" and not has_small_word and len(capitals) + starts_telling >= MIN_TITLE_WORDS


@cache
def _get_english_common_words() -> frozenset[str]:
    return frozenset(function_words()["en"])


def _mask(text: str, marks: list[IdentifyingSpan]) -> str:
    """Replace marked parts by NULs, which no rule matches, so that later rules find only what is left."""
    return "".join(piece if kind is None else "\0" * len(piece) for piece, kind in split_at_marks(text, marks))


def split_at_marks(text: str, marks: list[IdentifyingSpan]) -> list[tuple[str, Kind | None]]:
    """Split a text into pieces, each with the kind of its mark or None; joined, the pieces are the text."""
    pieces: list[tuple[str, Kind | None]] = []
    position = 0
    for mark in marks:
        pieces += [(text[position : mark.start], None), (text[mark.start : mark.end], mark.kind)]
        position = mark.end
    pieces.append((text[position:], None))
    return [(piece, kind) for piece, kind in pieces if piece]


def _find_capitalised(masked_text: str, text: str, language: str) -> Iterator[IdentifyingSpan]:
    """Find runs of capitalised words in the masked text that the spelling rules of the language don't explain.

    In the unmasked `text`, the word before a run may show that the run is a place.
    """
    words = list(_iter_words(masked_text))
    lower_case_words = {word.text for word in words if word.text.islower()}
    run: list[_Word] = []
    previous_word = ""
    for word in words:
        is_name = _is_name(word, previous_word, language, lower_case_words)
        if run and not (is_name and word.is_adjacent):
            yield _classify_run(text, run)
            run = []
        if is_name:
            run.append(word)
        previous_word = word.text
    if run:
        yield _classify_run(text, run)


def _iter_words(text: str) -> Iterator[_Word]:
    previous_end = 0
    previous_word = ""
    for match in _WORDS.finditer(text):
        gap = text[previous_end : match.start()]
        # The full stop of "J. Smith" or "Dr. Smith" doesn't end a sentence.
        is_abbreviation_point = gap[:1] == "." and (
            len(previous_word) == 1 or previous_word.lower() in _get_word_set("titles")
        )
        ends_sentence = not is_abbreviation_point and bool(_SENTENCE_END.search(gap))
        yield _Word(
            match.start(),
            match.end(),
            match.group(),
            is_sentence_start=previous_end == 0 or ends_sentence,
            is_adjacent=is_abbreviation_point or gap in {" ", "-", "\u00a0"},
        )
        previous_end = match.end()
        previous_word = match.group()


def _is_name(word: _Word, previous_word: str, language: str, lower_case_words: set[str]) -> bool:
    """Return whether a capitalised word may be a name. `lower_case_words` are those of the same text."""
    if not word.text[0].isupper():
        return False
    lower = word.text.lower()
    if not _get_word_set("never_names").isdisjoint((lower, _to_name_key(lower))):
        return False
    if word.is_sentence_start:
        return lower.replace("’", "'") not in _get_word_set("openers") and lower not in lower_case_words
    if language.split("-")[0] == "de":
        follows_article = previous_word.lower() in _get_word_set("german_articles")
        return not (follows_article or re.search(_table()["german_noun_ends"], lower))
    return True


def _classify_run(text: str, run: list[_Word]) -> IdentifyingSpan:
    """Mark a run of capitalised words as a place if the word before it or its ending says so, else as a name."""
    start = run[0].start
    end = run[-1].end
    word_and_space = text[max(0, start - MAX_PREPOSITION_LENGTH - 1) : start]
    word_before = re.search(rf"({LETTER}{{1,{MAX_PREPOSITION_LENGTH}}})[ \u00a0]$", word_and_space)
    if word_before and word_before.group(1).lower() in _get_word_set("place_prepositions"):
        return IdentifyingSpan(start, end, "place")
    if re.search(_table()["place_ends"], run[-1].text):
        return IdentifyingSpan(start, end, "place")
    return IdentifyingSpan(start, end, "name")
