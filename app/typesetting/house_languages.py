"""The house form by language: quotation marks and sentences, one file per language in `languages/`.

A new language is a new file there. A variant (de-ch) only has what differs; a language without a file is typeset like
English.

The quotation marks come from Unicode CLDR's delimiters or, where newsrooms do otherwise, from the authority that the
file names. Where Duden or another style guide says nothing about continued paragraphs, they follow English, which no
reader can misread. The sentences avoid declining names and guessing anyone's gender: in languages with cases the expert
is in the nominative, and the asker's sentence fits anyone. A newsletter may replace any of them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

STYLES = ("straight", "typographic")
FOLDER = Path(__file__).with_name("languages")
# The keys of a file for marks; all others are sentences, and the punctuation of lists and brackets.
OF_MARKS = ("quotes", "next_paragraph")
Pair = tuple[str, str]


@dataclass(frozen=True)
class Marks:
    """The quotation marks of a language.

    - levels: the pairs from the outermost inwards; deeper levels repeat.
    - continued: which mark of the pair a paragraph begins with in which a quotation continues.
    """

    levels: tuple[Pair, ...]
    continued: Literal["open", "close", "nothing"] = "open"
    apostrophe: str = "’"

    def pair(self, depth: int) -> Pair:
        """Return the pair at a depth; 0 is the outermost."""
        return self.levels[depth % len(self.levels)]

    def resumed(self, depth: int) -> str:
        """Return what a new paragraph begins with if a quotation of this depth is still open."""
        opening, closing = self.pair(depth)
        return {"open": opening, "close": closing.strip(), "nothing": ""}[self.continued]


def _read_languages() -> dict[str, dict[str, Any]]:
    """Return each language's row by its tag, and also by those of regions that are typeset alike."""
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        row = tomllib.loads(path.read_text("utf-8"))
        rows |= dict.fromkeys((path.stem, *row.pop("also_for", ())), row)
    return rows


LANGUAGES = _read_languages()
_STRAIGHT: tuple[Pair, ...] = (('"', '"'), ("'", "'"))


@lru_cache(maxsize=200)
def _merge_row(language: str) -> dict[str, Any]:
    """Return the merged row of a tag: its own over those of its shorter forms, over English (after RFC 4647, section
    3.4)."""
    parts = language.lower().split("-")
    row = LANGUAGES["en"]
    for end in range(1, len(parts) + 1):
        row = row | LANGUAGES.get("-".join(parts[:end]), {})
    return row


def marks_for(language: str, style: str) -> Marks:
    """Return the marks of a language in one of `STYLES`; straight ones are " outside and ' inside in any language."""
    row = _merge_row(language)
    if style == "straight":
        return Marks(_STRAIGHT, row["next_paragraph"], apostrophe="'")
    return Marks(tuple((opening, closing) for opening, closing in row["quotes"]), row["next_paragraph"])


def phrases_for(language: str, wordings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the house sentences of a language by kind; the newsletter's own `wordings` replace some of them."""
    phrases = {kind: body for kind, body in _merge_row(language).items() if kind not in OF_MARKS}
    return phrases | {kind: body for kind, body in (wordings or {}).items() if body}
