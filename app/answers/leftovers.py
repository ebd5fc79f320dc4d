"""Checks of a translation: words of the original that are left in it, and what it lacks."""

import re

from ..questions.models import Translation
from ..questions.source_protection import find_verbatim_spans
from ..search.terms import units
from ..text.clean import single_line
from ..text.languages import likely_script, script_of, script_subtag
from .translation_fields import TranslationFields

LINES = ("headline", "credit_line", "relation")
TEXTS = ("body", "ties")
MIN_SENTENCE_WORDS = 3  # a shorter sentence may be the same in two languages, or consist of names
ALPHABETS = ("Latn", "Cyrl", "Arab")  # the scripts of names that are usually transliterated for another script
MAX_SHOWN_LENGTH = 80  # characters of a passage by which a page refers to it

_SENTENCE_END = re.compile(r"(?<=[.!?؟…。！？])\s*|\n+")


def find_leftovers(
    original: TranslationFields, original_language: str, translation: TranslationFields | Translation, language: str
) -> list[str]:
    """Return the passages of a translation that are still the original's: whole lines and sentences, and long runs.

    A name isn't one: a headline may be "Nukus" in every language, and a credit line "Human Rights Watch".
    """
    is_other_script = _get_script(original_language) != _get_script(language)
    passages = [
        getattr(translation, name)
        for name in LINES
        if getattr(translation, name)
        and getattr(translation, name) == getattr(original, name)
        and not _can_match(getattr(translation, name), is_other_script)
    ]
    for name in TEXTS:
        original_text, text = getattr(original, name), getattr(translation, name)
        original_sentences = set(_list_sentences(original_text))
        sentences = [sentence for sentence in _list_sentences(text) if sentence in original_sentences]
        long_runs = [single_line(text[start:end]) for start, end in find_verbatim_spans([original_text], text)]
        passages += sentences or long_runs
    return [_shorten(passage) for passage in dict.fromkeys(passages)]


def _get_script(language: str) -> str:
    return script_subtag(language) or likely_script(language)


def _can_match(line: str, is_other_script: bool) -> bool:
    """Return whether a line may stand in two languages: a name, or one word that both have, such as "journalist"."""
    words = [word for word in line.split() if word[0].isalnum()]
    is_name = all(word[0].isdecimal() or word[0].isupper() for word in words)
    return is_name or (len(words) == 1 and not is_other_script)


def _list_sentences(text: str) -> list[str]:
    """Return the sentences of a text that have enough words, each on one line."""
    sentences = [single_line(sentence) for sentence in _SENTENCE_END.split(text)]
    return [sentence for sentence in sentences if len(units(sentence)) >= MIN_SENTENCE_WORDS]


def _shorten(passage: str) -> str:
    return passage if len(passage) <= MAX_SHOWN_LENGTH else f"{passage[:MAX_SHOWN_LENGTH].rstrip()}…"


def is_untransliterated(name: str, language: str) -> bool:
    """Return whether a name is in another alphabet than the language. It may stay so, for example as it is signed."""
    script = script_of(name)
    return script in ALPHABETS and _get_script(language) not in (script, "")


def list_empty_fields(original: TranslationFields, translation: TranslationFields | Translation) -> list[str]:
    """Return the names of the fields that the original has and the translation lacks."""
    return [name for name in (*LINES, *TEXTS) if getattr(original, name) and not getattr(translation, name)]


def count_paragraphs(text: str) -> int:
    return len([paragraph for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()])
