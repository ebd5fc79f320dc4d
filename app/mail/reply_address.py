"""Reply addresses: a newsletter's pattern with a token in it.

With the pattern "ask@steppe.example", the token follows a plus (RFC 5233, section 1): "ask+TOKEN@steppe.example". With
the pattern "*@reply.steppe.example", the token is the whole name in a separate domain: "TOKEN@reply.steppe.example".
The return path has "b-" before the token, so that a bounce can't be mistaken for a reply, nor a reply for a bounce.
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

TOKEN_BYTES = 10  # 80 bits, 16 characters in base 32
MAX_ADDRESSES = 200  # addresses of one mail that are searched
LONGEST_ADDRESS = 1000  # characters of an address; Exchange's encapsulated addresses are long
FORWARD = "forward"  # in place of a token; it can't be one, since tokens have 16 characters
MAX_ENCAPSULATIONS = 3  # one forwarder may encapsulate the address of another

_TOKEN = "[a-z2-7]{16}"  # noqa: S105 - RFC 4648, section 6, in lower case
_LOCAL = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")  # with "+b-" and a token it stays under 64 octets
_DOMAIN = re.compile(r"(?=.{1,190}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
# Exchange encapsulates addresses that it can't hold: "IMCEASMTP-ask+2Btoken+40steppe+2Eexample@theirs.example".
_IMCEA = re.compile(r"imcea[a-z0-9]{1,20}-([^@]+)@?.*", re.DOTALL)
_IMCEA_CODE = re.compile(r"\+([0-9a-f]{2})")


def new_reply_token() -> str:
    """Return a random token for an address: 80 bits in 16 characters, not case-sensitive."""
    return b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().lower()


def checked_pattern(text: str) -> str:
    """Return the normalized pattern: lower case, its domain in ASCII (IDNA).

    Raises ValueError if it is no valid pattern.
    """
    local, _at, domain = text.strip().lower().partition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        domain = ""
    is_local_valid = local == "*" or (_LOCAL.fullmatch(local) and ".." not in local)
    if not is_local_valid or not _DOMAIN.fullmatch(domain):
        raise ValueError("a reply address is written name@domain or *@domain")
    return f"{local}@{domain}"


def plain_address(pattern: str) -> str | None:
    """Return the address without a token; None if the pattern is a separate domain."""
    return None if pattern.startswith("*@") else pattern


def address_for(pattern: str, token: str) -> str:
    """Return the reply address with this token."""
    local, _at, domain = pattern.partition("@")
    return f"{token}@{domain}" if local == "*" else f"{local}+{token}@{domain}"


def bounce_address(pattern: str, token: str) -> str:
    """Return the return path with this token, where bounces arrive."""
    return address_for(pattern, f"b-{token}")


def forward_address(pattern: str) -> str:
    """Return the address to which a desk forwards readers' mails. It is no secret, since the sender is checked."""
    return address_for(pattern, FORWARD)


def is_forward(addresses: Iterable[str], pattern: str) -> bool:
    """Return whether one of these recipient addresses, possibly rewritten by a server, is the forward address."""
    forward = forward_address(pattern)
    return any(
        form.strip("<>\"' ") == forward
        for address in islice(addresses, MAX_ADDRESSES)
        for form in _decapsulated_forms(address[:LONGEST_ADDRESS].lower())
    )


def tokens_in(addresses: Iterable[str], patterns: Iterable[str], prefix: str = "") -> list[str]:
    """Return the distinct reply tokens in these recipient addresses for these patterns, in order.

    Rewritten addresses are recognized too: upper case, Exchange's IMCEA forms, percent signs
    ("ask+token%steppe.example@relay.example", and %2B as in URLs), SRS0 and SRS1, BATV (prvs=) and VERP
    (name=domain@list). `prefix` precedes the token.
    """
    regexes = [_address_regex(pattern, prefix) for pattern in patterns]
    tokens: dict[str, None] = {}  # a set in order
    for address in islice(addresses, MAX_ADDRESSES):
        for form in _decapsulated_forms(address[:LONGEST_ADDRESS].lower()):
            for regex in regexes:
                for match in regex.finditer(form):
                    tokens[match["before_domain"] or match["after_domain"]] = None
    return list(tokens)


def bounce_tokens_in(addresses: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the tokens of return paths made by `bounce_address`, as `tokens_in` does."""
    return tokens_in(addresses, patterns, "b-")


@lru_cache(maxsize=1000)
def _address_regex(pattern: str, prefix: str) -> re.Pattern[str]:
    """Return a regular expression for addresses of the pattern; SRS puts the domain first: "=a.example=ask+token@"."""
    local, _at, domain = pattern.partition("@")
    domain = re.escape(domain)
    start = prefix if local == "*" else rf"{re.escape(local)}\+{prefix}"
    return re.compile(
        rf"(?<![a-z0-9._-]){start}(?P<before_domain>{_TOKEN})\"?[@%=]{domain}(?![a-z0-9-]|\.[a-z0-9])"
        rf"|(?<![a-z0-9.-]){domain}={start}(?P<after_domain>{_TOKEN})\"?@"
    )


def _decapsulated_forms(address: str) -> Iterator[str]:
    """Yield the address, then its decapsulated forms, one level at a time."""
    for _ in range(1 + MAX_ENCAPSULATIONS):
        yield address
        imcea = _IMCEA.fullmatch(address.strip("<>\"' "))
        if imcea:
            local = imcea[1].replace("_", "/")
            inner = _IMCEA_CODE.sub(lambda code: chr(int(code[1], 16)), local).lower()
        else:
            inner = unquote(address).lower()
        if inner == address:
            return
        address = inner
