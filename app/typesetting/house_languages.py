"""The house form by language: its quotation marks and its sentences, one file for each in `languages/`.

A new language is a new file there. A variant (de-ch) says only what it has its own way; a language that has no file is
set like English, and so are the marks around its paragraphs.

Sources of the pairs: Unicode CLDR's delimiters, and where the newsroom's practice is another, the authority that the
file names. Duden and the style guides of the languages without a source leave the paragraphs open, so these follow the
English form, which no reader can misread. The sentences are worded so that no name has to be declined and nobody's sex
is guessed: the expert stands in the nominative wherever the language declines, and the asker asks in a form that fits
anybody. A newsletter may word any of them its own way.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

STYLES = ("straight", "typographic")
FOLDER = Path(__file__).with_name("languages")
# Of what a file holds: the marks; the rest are sentences, and what lists and brackets are made of.
OF_MARKS = ("quotes", "next_paragraph")
Pair = tuple[str, str]


@dataclass(frozen=True)
class Marks:
    """The pairs from the outermost inwards (deeper ones begin again), and what a continued paragraph starts with."""

    levels: tuple[Pair, ...]
    continued: Literal["open", "close", "nothing"] = "open"
    apostrophe: str = "’"

    def pair(self, depth: int) -> Pair:
        """The pair at a depth; 0 is the outermost."""
        return self.levels[depth % len(self.levels)]

    def resumed(self, depth: int) -> str:
        """Return what a new paragraph shows of a quotation that is still open at this depth."""
        opening, closing = self.pair(depth)
        return {"open": opening, "close": closing.strip(), "nothing": ""}[self.continued]


def _read() -> dict[str, dict[str, Any]]:
    """Return each language's row by its tag, and by the tags of the regions that are set the same."""
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        row = tomllib.loads(path.read_text("utf-8"))
        rows |= dict.fromkeys((path.stem, *row.pop("also_for", ())), row)
    return rows


LANGUAGES = _read()
_STRAIGHT: tuple[Pair, ...] = (('"', '"'), ("'", "'"))


@lru_cache(maxsize=200)
def _row(language: str) -> dict[str, Any]:
    """Return what holds for a tag: its own row over those of its shorter forms, over English (RFC 4647, section
    3.4)."""
    parts = language.lower().split("-")
    row = LANGUAGES["en"]
    for end in range(1, len(parts) + 1):
        row = row | LANGUAGES.get("-".join(parts[:end]), {})
    return row


def marks_for(language: str, style: str) -> Marks:
    """Return the marks of a language in one of STYLES; in straight style every language has " outside and ' inside."""
    row = _row(language)
    marks = Marks(tuple((opening, closing) for opening, closing in row["quotes"]), row["next_paragraph"])
    return replace(marks, levels=_STRAIGHT, apostrophe="'") if style == "straight" else marks


def phrases_for(language: str, wordings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the house sentences in a language; `wordings` holds the newsletter's wording of some of them."""
    phrases = {kind: body for kind, body in _row(language).items() if kind not in OF_MARKS}
    return phrases | {kind: body for kind, body in (wordings or {}).items() if body}
