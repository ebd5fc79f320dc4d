"""Links and codes in a mail that open something for its receiver alone: nobody else who sees the mail may read them."""

import re
from collections.abc import Iterator
from itertools import count

from ..core.state_machine import MissingPrecondition

PLACE = re.compile(r"\{link(?: \d+)?\}")
# A mail program wraps a long line where it quotes one.
_WRAP = r"(?:\s{0,2}\n[>\s]{0,9})?"
# An assignment's page, a way in, and what stops a reader's mails, also inside the address of a link scanner; the 20
# digits of a reader's receipt.
SECRET = re.compile(
    r"(https?(?:://|%3A%2F%2F)[^\s<>\"]{1,100}?(?P<s>/|%2F)(?:a|sign-in|stop)(?P=s))"
    rf"(?:[\w-]{{22,}}|(?:[\w-]{_WRAP}){{22}}|[\w-]+)"
    rf"|\b\d{{4}}(?:(?:{_WRAP}|[ \u00a0])\d{{4}}){{4}}\b",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """Hide the ends of such addresses in a text, and such numbers."""
    return SECRET.sub(lambda found: f"{found[1] or ''}…", text)


def with_places(text: str) -> str:
    """Put a place such as `{link}` for each of them, so that somebody can change the words around it."""
    for place, secret in _places(text):
        text = text.replace(secret, place)
    return text


def restore_secrets(text: str, original: str) -> str:
    """Put back into a changed text what the one `original` hid.

    Raises `MissingPrecondition` (link) where a place was lost or made up.
    """
    for place, secret in _places(original):
        if place not in text:
            raise MissingPrecondition("link")
        text = text.replace(place, secret)
    if any(name not in original for name in PLACE.findall(text)):
        raise MissingPrecondition("link")
    return text


def _places(text: str) -> Iterator[tuple[str, str]]:
    """Pair each of them with its place in a text: one that doesn't happen to stand in the text already."""
    names = (name for number in count(1) if (name := "{link}" if number == 1 else f"{{link {number}}}") not in text)
    # The longer one first: an address may begin like another.
    secrets = sorted({match.group() for match in SECRET.finditer(text)}, key=lambda one: (-len(one), text.index(one)))
    return zip(names, secrets, strict=False)
