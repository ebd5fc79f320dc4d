"""Secret links and codes in mails, which grant access to the recipient and must be hidden from all other people."""

import re
from collections.abc import Callable, Iterator
from itertools import chain, count

from ..core.domain_errors import InvalidField

PLACEHOLDER = re.compile(r"\{link(?: \d+)?\}")
# A line break inside a secret, such as "\\n> ": mail programs wrap long lines when they quote them.
_WRAP = r"(?:\s{0,2}\n[>\s]{0,9})?"
_LINK_PATHS = "a|sign-in|stop"  # in links to an assignment, to sign in and to unsubscribe
# Links with a token, also percent-encoded inside the URL of a link scanner, and the 20 digits of a reader's receipt in
# groups of four. A token that a mail program has wrapped is recognized if it has 22 characters.
SECRET = re.compile(
    rf"(?P<before_token>https?(?:://|%3A%2F%2F)[^\s<>\"]{{1,100}}?(?P<slash>/|%2F)(?:{_LINK_PATHS})(?P=slash))"
    rf"(?:[\w-]{{22,}}|(?:[\w-]{_WRAP}){{22}}|[\w-]+)"
    rf"|\b\d{{4}}(?:(?:{_WRAP}|[ \u00a0])\d{{4}}){{4}}\b",
    re.IGNORECASE,
)
PAGE_TOKEN = re.compile(r"(?P<before_token>https?://[^\s<>\"]{1,100}?/a/)(?P<token>[\w-]{22,})")


def replace_page_tokens(text: str, replace_token: Callable[[str], str]) -> str:
    """Replace the token in each link to the page of an assignment."""
    return PAGE_TOKEN.sub(lambda match: f"{match['before_token']}{replace_token(match['token'])}", text)


def without_secrets(text: str) -> str:
    """Replace the secret part of links, and receipt numbers, by an ellipsis."""
    return SECRET.sub(lambda match: f"{match['before_token'] or ''}…", text)


def with_placeholders(text: str) -> str:
    """Replace each secret by a placeholder such as `{link}`, so that an editor can change the text around it."""
    for placeholder, secret in _pair_placeholders(text):
        text = text.replace(secret, placeholder)
    return text


def restore_secrets(text: str, original: str) -> str:
    """Put the secrets of `original` back into an edited text, in place of their placeholders.

    Raises `InvalidField` if a placeholder is missing or unknown.
    """
    for placeholder, secret in _pair_placeholders(original):
        if placeholder not in text:
            raise InvalidField("link_changed", "text")
        text = text.replace(placeholder, secret)
    if any(name not in original for name in PLACEHOLDER.findall(text)):
        raise InvalidField("link_changed", "text")
    return text


def _pair_placeholders(text: str) -> Iterator[tuple[str, str]]:
    """Pair each secret with a placeholder that doesn't occur in the text: "{link}", "{link 2}", "{link 3}"."""
    placeholders = chain(["{link}"], (f"{{link {number}}}" for number in count(2)))
    unused = (placeholder for placeholder in placeholders if placeholder not in text)
    secrets = {match.group() for match in SECRET.finditer(text)}
    # Longer secrets first, because one link may be a prefix of another.
    ordered = sorted(secrets, key=lambda secret: (-len(secret), text.index(secret)))
    return zip(unused, ordered, strict=False)
