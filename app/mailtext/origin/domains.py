"""Domains and addresses as they are compared: what looks alike is not the same."""

import re
import unicodedata
from functools import cache

from ...text.word_tables import word_tables

# IDNA 2003 and 2008 disagree about these (RFC 5894, section 7.2), and the full stops are not dots to all.
_DOUBTFUL = re.compile("[ßς\u200c\u200d\u3002\uff0e\uff61]")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+")


def ascii_domain(domain: str) -> str | None:
    """The domain in lower case and in ASCII (IDNA); None for what is none, or is spelled so that two programs may
    differ.

    A Cyrillic "а" gives another xn-- name than the Latin one. Full-width letters, ligatures, the Kelvin sign and the
    like, which NFKC would turn into another domain's letters, are refused.
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
    """The address in the form in which two are equal or not; None for what is no address.

    Letters outside ASCII are lowered only where that leaves them outside: casefold() would make "ß" "ss", and NFC the
    Kelvin sign "K", which are other people's mailboxes.
    """
    local, at, domain = address.strip().rpartition("@")
    known = ascii_domain(domain)
    if not at or not local or known is None or len(local) > 256:
        return None
    return "".join(_lower(letter) for letter in local) + "@" + known


def is_aligned(first: str, second: str) -> bool:
    """Return whether two ASCII domains belong together so surely that either may speak for the other.

    RFC 7489 (section 3.1) compares organisational domains, found with the Public Suffix List, which ages in a house
    that isn't updated. So here less is accepted: they are equal, or one is a sub-domain of the other, which has two
    labels or more and isn't a place where strangers have sub-domains. Two sub-domains of one parent don't speak for
    each other.
    """
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    return long.endswith("." + short) and "." in short and not _open_to_strangers(short)


def shares_parent_domain(first: str, second: str) -> bool:
    """Return whether two domains share a parent that isn't open to strangers: enough for the hosts of one house."""
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
