"""The house form by language: quotation marks and sentences, one file per language in `languages/`.

A new language is a new file there. The file of a variant (de-ch) only has the entries that differ. A language without a
file is typeset like English.

The quotation marks come from Unicode CLDR's delimiters or, where newsrooms differ, from the authority that the file
names. If a style guide such as Duden says nothing about quotations of several paragraphs, they are marked as in
English, which no reader can misread. The sentences avoid declining names and guessing anyone's gender: in languages
with cases the expert is in the nominative, and the asker's sentence fits anyone. A newsletter may replace any sentence.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

STYLES = ("straight", "typographic")
FOLDER = Path(__file__).with_name("languages")
# The keys of a file for quotation marks; the others are sentences, and the punctuation of lists and brackets.
MARK_KEYS = ("quotes", "next_paragraph")
Pair = tuple[str, str]  # the opening and the closing mark


@dataclass(frozen=True)
class Marks:
    """The quotation marks of a language.

    - `levels`: the pairs from the outermost inwards; deeper levels repeat them;
    - `continued`: the mark of the pair that begins each further paragraph of a quotation.
    """

    levels: tuple[Pair, ...]
    continued: Literal["open", "close", "nothing"] = "open"
    apostrophe: str = "’"

    def pair(self, depth: int) -> Pair:
        """Return the pair at a depth; 0 is the outermost."""
        return self.levels[depth % len(self.levels)]

    def resumed(self, depth: int) -> str:
        """Return the mark that begins a new paragraph if a quotation of this depth is still open, or ""."""
        opening, closing = self.pair(depth)
        return {"open": opening, "close": closing.strip(), "nothing": ""}[self.continued]


def _read_languages() -> dict[str, dict[str, Any]]:
    """Return the contents of each file by its language, and by the languages that are typeset alike (`also_for`)."""
    languages: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        entries = tomllib.loads(path.read_text("utf-8"))
        languages |= dict.fromkeys((path.stem, *entries.pop("also_for", ())), entries)
    return languages


LANGUAGES = _read_languages()
_STRAIGHT_PAIRS: tuple[Pair, ...] = (('"', '"'), ("'", "'"))


@lru_cache(maxsize=200)
def _merge_entries(language: str) -> dict[str, Any]:
    """Return the entries of a language. Entries of "de-ch" override those of "de", and these override English ones.

    The look-up follows RFC 4647, section 3.4.
    """
    subtags = language.lower().split("-")
    entries = LANGUAGES["en"]
    for end in range(1, len(subtags) + 1):
        entries = entries | LANGUAGES.get("-".join(subtags[:end]), {})
    return entries


def marks_for(language: str, style: str) -> Marks:
    """Return the marks of a language in one of `STYLES`; straight ones are " outside and ' inside in any language."""
    entries = _merge_entries(language)
    continued = entries["next_paragraph"]
    if style == "straight":
        return Marks(_STRAIGHT_PAIRS, continued, apostrophe="'")
    return Marks(tuple((opening, closing) for opening, closing in entries["quotes"]), continued)


def phrases_for(language: str, wordings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the house sentences of a language by kind; the newsletter's own `wordings` replace some of them."""
    phrases = {kind: body for kind, body in _merge_entries(language).items() if kind not in MARK_KEYS}
    return phrases | {kind: body for kind, body in (wordings or {}).items() if body}
