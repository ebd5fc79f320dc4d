"""The addresses that replies come back to: a newsletter's pattern with a token in it.

A pattern is "ask@steppe.example", whose tokens stand behind a plus (RFC 5233, section 1): "ask+TOKEN@steppe.example";
or "*@reply.steppe.example", a domain of its own: "TOKEN@reply.steppe.example". The return path has "b-" before the
token, so that a bounce can't be taken for a reply nor a reply for a bounce.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

BYTES = 10  # 80 bits, 16 symbols
MOST_ADDRESSES = 200  # in one mail
LONGEST = 1000  # characters of an address; Exchange's wrappings are long
FORWARD = "forward"  # no token: those have 16 signs
WRAPPINGS = 3  # one forwarder behind another

_TOKEN = "[a-z2-7]{16}"  # noqa: S105 - RFC 4648, section 6, in lower case
_LOCAL = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")  # with "+b-" and a token it stays under 64 octets
_DOMAIN = re.compile(r"(?=.{1,190}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
# What Exchange makes of an address that it can't hold: "IMCEASMTP-ask+2Btoken+40steppe+2Eexample@theirs.example".
_IMCEA = re.compile(r"imcea[a-z0-9]{1,20}-([^@]+)@?.*", re.DOTALL)
_IMCEA_SIGN = re.compile(r"\+([0-9a-f]{2})")


def new_reply_token() -> str:
    """Make a secret for an address: 80 bits in 16 symbols that survive servers which change the case."""
    return b32encode(secrets.token_bytes(BYTES)).decode().lower()


def checked_pattern(text: str) -> str:
    """Return a pattern as it is stored: lower case, its domain in ASCII (IDNA).

    Raises ValueError where no mail could be sent to it.
    """
    local, at, domain = text.strip().lower().partition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        at = ""
    if not at or not (local == "*" or _LOCAL.fullmatch(local)) or ".." in local or not _DOMAIN.fullmatch(domain):
        raise ValueError("a reply address is written name@domain or *@domain")
    return f"{local}@{domain}"


def plain_address(pattern: str) -> str | None:
    """Return the address without a token; None where the pattern is a domain of its own."""
    return None if pattern.startswith("*@") else pattern


def address_for(pattern: str, token: str) -> str:
    local, _at, domain = pattern.partition("@")
    return f"{token}@{domain}" if local == "*" else f"{local}+{token}@{domain}"


def bounce_address(pattern: str, token: str) -> str:
    return address_for(pattern, f"b-{token}")


def forward_address(pattern: str) -> str:
    """Return where a newsletter's desk forwards readers' mails to. Whoever writes there is looked at, so it is no
    secret.
    """
    return address_for(pattern, FORWARD)


def is_forward(addresses: Iterable[str], pattern: str) -> bool:
    """Return whether one of these recipient addresses, or what a server made of it, is where mails are forwarded to."""
    wanted = forward_address(pattern)
    return any(
        form.strip("<>\"' ") == wanted
        for address in islice(addresses, MOST_ADDRESSES)
        for form in _forms(address[:LONGEST].lower())
    )


def tokens_in(addresses: Iterable[str], patterns: Iterable[str], mark: str = "") -> list[str]:
    """Every reply token in these recipient addresses for one of these patterns, each once, in the order of the
    addresses.

    Found as well in what servers make of an address: upper case, Exchange's IMCEA forms, percent signs ("ask+token%
    steppe.example@relay.example", and %2B as in a web address), SRS0 and SRS1, BATV (prvs=), VERP (name=domain@list).
    `mark` is what stands before the token.
    """
    shapes = [_shape(pattern, mark) for pattern in patterns]
    tokens: dict[str, None] = {}
    for address in islice(addresses, MOST_ADDRESSES):
        for form in _forms(address[:LONGEST].lower()):
            for shape in shapes:
                tokens.update((match["before"] or match["after"], None) for match in shape.finditer(form))
    return list(tokens)


def bounce_tokens_in(addresses: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The same for the return paths that `bounce_address` makes."""
    return tokens_in(addresses, patterns, "b-")


@lru_cache(maxsize=1000)
def _shape(pattern: str, mark: str) -> re.Pattern[str]:
    """Return how a token of the pattern stands in an address. SRS writes the domain first:
    "=steppe.example=ask+token@".
    """
    local, _at, domain = pattern.partition("@")
    domain = re.escape(domain)
    start = mark if local == "*" else rf"{re.escape(local)}\+{mark}"
    return re.compile(
        rf"(?<![a-z0-9._-]){start}(?P<before>{_TOKEN})\"?[@%=]{domain}(?![a-z0-9-]|\.[a-z0-9])"
        rf"|(?<![a-z0-9.-]){domain}={start}(?P<after>{_TOKEN})\"?@"
    )


def _forms(address: str) -> Iterator[str]:
    """The address, and what it is without its wrappings, one after the other."""
    for _ in range(1 + WRAPPINGS):
        yield address
        wrapped = _IMCEA.fullmatch(address.strip("<>\"' "))
        if wrapped:
            inner = _IMCEA_SIGN.sub(lambda sign: chr(int(sign[1], 16)), wrapped[1].replace("_", "/")).lower()
        else:
            inner = unquote(address).lower()
        if inner == address:
            return
        address = inner
