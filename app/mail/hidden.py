"""What in a mail opens something for its receiver alone: nobody else may read it, whoever sees the rest."""

import re
from collections.abc import Iterator
from itertools import count

from ..lifecycle import Missing

PLACE = re.compile(r"\{link(?: \d+)?\}")
# An assignment's page, a way in, and what stops a reader's mails; the 20 digits of a reader's receipt.
SECRET = re.compile(r"(https?://[^\s<>\"]+?/(?:a|sign-in|stop)/)[\w-]+|\b\d{4}(?: \d{4}){4}\b")


def without_secrets(text: str) -> str:
    """The text with the ends of such addresses, and such numbers, hidden."""
    return SECRET.sub(lambda found: f"{found[1] or ''}…", text)


def with_places(text: str) -> str:
    """The text with a place such as `{link}` for each of them, so that somebody can change the words around it."""
    for place, secret in _places(text):
        text = text.replace(secret, place)
    return text


def with_secrets(text: str, before: str) -> str:
    """A changed text with what the one `before` hid put back. Raises `Missing` (link) where a place was lost or made up."""
    for place, secret in _places(before):
        if place not in text:
            raise Missing("link")
        text = text.replace(place, secret)
    if any(name not in before for name in PLACE.findall(text)):
        raise Missing("link")
    return text


def _places(text: str) -> Iterator[tuple[str, str]]:
    """Each of them with its place in a text: one that doesn't happen to stand in the text already."""
    names = (name for number in count(1) if (name := "{link}" if number == 1 else f"{{link {number}}}") not in text)
    # The longer one first: an address may begin like another.
    secrets = sorted({match.group() for match in SECRET.finditer(text)}, key=lambda one: (-len(one), text.index(one)))
    return zip(names, secrets, strict=False)
