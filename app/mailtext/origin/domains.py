"""Domains and addresses in a form for comparison, in which lookalikes differ."""

import re
import unicodedata
from functools import cache

from ...text.word_tables import word_tables

# IDNA 2003 and 2008 disagree about these (RFC 5894, section 7.2), and not all programs treat these full stops as dots.
_DOUBTFUL = re.compile("[ßς\u200c\u200d\u3002\uff0e\uff61]")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+")


def ascii_domain(domain: str) -> str | None:
    """Return the domain in lower case and ASCII (IDNA); None if it is invalid or if programs may read it differently.

    A Cyrillic "а" gives another xn-- name than the Latin one. Full-width letters, ligatures, the Kelvin sign and other
    characters that NFKC would map to letters of another domain are refused.
    """
    domain = domain.removesuffix(".")
    if len(domain) > 253:
        return None
    if not domain.isascii():
        lower = domain.lower()
        if _DOUBTFUL.search(domain) or unicodedata.normalize("NFKC", domain).lower() != lower or "\u212a" in domain:
            return None
        try:
            domain = lower.encode("idna").decode()
        except UnicodeError:
            return None
    domain = domain.lower()
    return domain if _NAME.fullmatch(domain) else None


def comparable(address: str) -> str | None:
    """Return the address in a form for comparison; None if it is no valid address.

    Letters outside ASCII are lower-cased only if the result is outside ASCII too: casefold() would turn "ß" into "ss",
    and NFC the Kelvin sign into "K", which are other people's mailboxes.
    """
    local, at, domain = address.strip().rpartition("@")
    known = ascii_domain(domain)
    if not at or not local or known is None or len(local) > 256:
        return None
    return "".join(_lower(letter) for letter in local) + "@" + known


def is_aligned(first: str, second: str) -> bool:
    """Return whether two ASCII domains are aligned, so that either may authenticate mail of the other.

    RFC 7489 (section 3.1) compares organizational domains, found with the Public Suffix List, which goes stale in an
    installation without updates. This is stricter: the domains are equal, or one is a subdomain of the other, which has
    at least two labels and is not open to strangers' subdomains. Two subdomains of one parent are not aligned.
    """
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    return long.endswith("." + short) and "." in short and not _open_to_strangers(short)


def shares_parent_domain(first: str, second: str) -> bool:
    """Return whether two domains share a parent that isn't open to strangers, which is enough for internal hosts."""
    ends = (".".join(first.split(".")[-labels:]) for labels in (2, 3))
    return first == second or any(
        (second == end or second.endswith("." + end)) and "." in end and not _open_to_strangers(end) for end in ends
    )


@cache
def _open(name: str) -> frozenset[str]:
    return frozenset(word_tables(__file__, "domains")[name].split())


def _open_to_strangers(domain: str) -> bool:
    labels = domain.split(".")
    below_a_country = len(labels) == 2 and len(labels[1]) == 2
    return domain in _open("shared") or (below_a_country and labels[0] in _open("second_levels"))


def _lower(letter: str) -> str:
    lower = letter.lower()
    return lower if letter.isascii() or not lower.isascii() else letter
