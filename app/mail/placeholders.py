"""A tiny language for mail texts that a newsletter words its own way: `{headline}` is filled in, `{{` is a brace.

There is nothing else in it: a placeholder is a bare name from a fixed set, without attributes, indexes, conversions or
formats, so that no wording can reach into the program. A value is put in as it is and never read as a text to fill.
"""

import re
from collections.abc import Collection, Mapping

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z_]{1,30})\}|(?P<brace>[{}])")


def find_fault(text: str, allowed: Collection[str], required: Collection[str] = ()) -> tuple[str, str] | None:
    """The first fault of a text: ("brace", "") for one that stands alone, ("unknown", name), or ("needs", name)."""
    named = set()
    for piece in _PIECE.finditer(text):
        if piece["brace"]:
            return "brace", ""
        if piece["name"] and piece["name"] not in allowed:
            return "unknown", piece["name"]
        named.add(piece["name"])
    return next((("needs", name) for name in required if name not in named), None)


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put the values in, each once and as plain text. KeyError for a name without one, ValueError for a lone brace."""

    def put(piece: re.Match[str]) -> str:
        if piece["brace"]:
            raise ValueError("a brace stands alone")
        return str(values[piece["name"]]) if piece["name"] else piece[0][0]

    return _PIECE.sub(put, text)
