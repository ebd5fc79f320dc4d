"""The placeholders, in braces, in a newsletter's own sentences of the house form and in its standing call."""

import re

from ..typesetting.house_form import PLACEHOLDERS

_LEAD_IN_PLACEHOLDERS = tuple(f"{{{name}}}" for name in PLACEHOLDERS)
# Other kinds of sentences have no placeholders.
PLACEHOLDERS_BY_KIND = {
    "call": ("{address}",),
    "subject": ("{newsletter}", "{headlines}", "{date}"),
    "heading": ("{section}", "{headline}"),
    "asked_credit": ("{credit}",),
    "lead_in": _LEAD_IN_PLACEHOLDERS,
    "also": _LEAD_IN_PLACEHOLDERS,
    "translation": ("{translator}",),
    "ask_here": ("{link}",),
    "translated_call": ("{address}",),
}
# The placeholder that a sentence must contain, by kind.
REQUIRED_PLACEHOLDERS = {
    "subject": "{headlines}",
    "heading": "{headline}",
    "asked_credit": "{credit}",
    "lead_in": "{name}",
    "also": "{name}",
    "translation": "{translator}",
    "ask_here": "{link}",
}
DEFAULT_SUBJECT = "{newsletter}: {headlines}"  # of an edition's mail, in every language
# A placeholder, such as "{name}", or a single brace.
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def find_unknown_placeholder(kind: str, text: str) -> str:
    """Return the first placeholder in a sentence that its kind doesn't have, or the first single brace; "" if none."""
    for placeholder in _BRACES.findall(text):
        if placeholder not in PLACEHOLDERS_BY_KIND.get(kind, ()):
            return str(placeholder)
    return ""
