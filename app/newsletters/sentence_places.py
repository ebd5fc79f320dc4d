"""Places to fill, in braces, in a house sentence and in the standing call."""

import re

from ..typesetting.house_form import FILLED_IN

_LEAD_IN = tuple(f"{{{name}}}" for name in FILLED_IN)
# In every other sentence nothing can.
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
# The place that a house sentence can't do without.
HOLES = {
    "heading": "{headline}",
    "asked_credit": "{credit}",
    "lead_in": "{name}",
    "also": "{name}",
    "translation": "{translator}",
    "ask_here": "{link}",
}
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def misplaced(kind: str, text: str) -> str:
    """Return what stands in braces and would run as it stands, since nothing is filled in for it; "" where there is
    none.
    """
    return next((found for found in _BRACES.findall(text) if found not in PLACES.get(kind, ())), "")
