"""Placeholders, in braces, in sentences of the house form and in the standing call."""

import re

from ..typesetting.house_form import PLACEHOLDERS

_LEAD_IN = tuple(f"{{{name}}}" for name in PLACEHOLDERS)
# Other sentences have no placeholders.
PLACES = {
    "call": ("{address}",),
    "heading": ("{section}", "{headline}"),
    "asked_credit": ("{credit}",),
    "lead_in": _LEAD_IN,
    "also": _LEAD_IN,
    "translation": ("{translator}",),
    "ask_here": ("{link}",),
    "translated_call": ("{address}",),
}
# The placeholder that a sentence must contain.
HOLES = {
    "heading": "{headline}",
    "asked_credit": "{credit}",
    "lead_in": "{name}",
    "also": "{name}",
    "translation": "{translator}",
    "ask_here": "{link}",
}
# A placeholder, such as "{name}", or a single brace.
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def misplaced(kind: str, text: str) -> str:
    """Return the first brace or placeholder that would be printed as it is, as nothing is filled in for it, or ""."""
    for placeholder in _BRACES.findall(text):
        if placeholder not in PLACES.get(kind, ()):
            return str(placeholder)
    return ""
