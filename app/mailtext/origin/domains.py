"""Domains and addresses in a form for comparison, in which lookalikes stay different."""

import re
import unicodedata
from functools import cache

from ...text.word_tables import word_tables

MAX_DOMAIN = 253  # characters
MAX_LOCAL_PART = 256  # characters
KELVIN_SIGN = "\u212a"

# IDNA 2003 and 2008 disagree about the first four (RFC 5894, section 7.2). The others are full stops, which not all
# programs treat as dots.
_AMBIGUOUS = re.compile("[ßς\u200c\u200d\u3002\uff0e\uff61]")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+")


def ascii_domain(domain: str) -> str | None:
    """Return the domain in lower case and ASCII (IDNA); None if it is invalid or if programs may read it differently.

    A domain with a Cyrillic "а" becomes an xn-- name, so it differs from the one with a Latin "a". Full-width letters,
    ligatures, the Kelvin sign and other characters that NFKC would map to letters of another domain are refused.
    """
    domain = domain.removesuffix(".")
    if len(domain) > MAX_DOMAIN:
        return None
    lower = domain.lower()
    if not domain.isascii():
        is_changed_by_nfkc = unicodedata.normalize("NFKC", domain).lower() != lower
        if _AMBIGUOUS.search(domain) or is_changed_by_nfkc or KELVIN_SIGN in domain:
            return None
        try:
            lower = lower.encode("idna").decode().lower()
        except UnicodeError:
            return None
    return lower if _DOMAIN.fullmatch(lower) else None


def comparable(address: str) -> str | None:
    """Return the address in a form for comparison; None if it is no valid address.

    Letters outside ASCII are lower-cased only if the result is outside ASCII too. Case folding would turn "ß" into
    "ss", and NFC the Kelvin sign into "K": the results would be other people's mailboxes.
    """
    local_part, _, domain = address.strip().rpartition("@")
    comparable_domain = ascii_domain(domain)
    if not local_part or comparable_domain is None or len(local_part) > MAX_LOCAL_PART:
        return None
    return "".join(map(_lower, local_part)) + "@" + comparable_domain


def _lower(letter: str) -> str:
    lower = letter.lower()
    return lower if letter.isascii() or not lower.isascii() else letter


def is_aligned(first: str, second: str) -> bool:
    """Return whether two ASCII domains are aligned, so that either may authenticate mail of the other.

    RFC 7489 (section 3.1) compares organizational domains, found with the Public Suffix List, which goes stale in an
    installation without updates. This is stricter: the domains are equal, or one is a subdomain of the other, which has
    at least two labels and is not open to strangers' subdomains. Two subdomains of one parent are not aligned.
    """
    if first == second:
        return True
    parent, subdomain = sorted((first, second), key=len)
    return subdomain.endswith(f".{parent}") and "." in parent and not _is_open_to_strangers(parent)


def shares_parent_domain(first: str, second: str) -> bool:
    """Return whether two domains share a parent that isn't open to strangers. Enough to recognize an internal host."""
    if first == second:
        return True
    for label_count in (2, 3):
        parent = ".".join(first.split(".")[-label_count:])
        is_shared = second == parent or second.endswith(f".{parent}")
        if is_shared and "." in parent and not _is_open_to_strangers(parent):
            return True
    return False


def _is_open_to_strangers(domain: str) -> bool:
    """Return whether anybody can register a domain below this one."""
    labels = domain.split(".")
    is_country_second_level = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _load_names("second_levels")
    return is_country_second_level or domain in _load_names("shared")


@cache
def _load_names(table: str) -> frozenset[str]:
    """Return the names in a table of domains.toml."""
    return frozenset(word_tables(__file__, "domains")[table].split())
