"""The proof of work that a reader's browser may do while they type: a bonus during a flood, but never required.

It is Hashcash (Back, 2002) in small parts: find numbers for which the SHA-256 of challenge and number begins with zero
bits. With many small parts, the total time varies little.

The challenge is a keyed hash of the form's nonce and the current period of three hours. So nobody can forge one, use a
solution for another form, or solve it days ahead. As a form makes one letter, its proof counts once. Nothing is stored,
and the page doesn't reveal the period.
"""

import hashlib
import hmac
import re
from itertools import pairwise

from flask import current_app

from ..core.clock import unix_time

# 262,144 hashes on average: less than a second on a desktop computer, a few seconds on an old phone.
PARTS, BITS = 16, 14
GOOD_FOR = 3 * 3_600  # seconds of a period; the challenge of the previous period is accepted too
_NUMBERS = re.compile(rf"[0-9]{{1,10}}(?:\.[0-9]{{1,10}}){{{PARTS - 1}}}")
PURPOSE = b"the proof of work of a form"


def task(nonce: str) -> str:
    """Return the task for the form with this nonce: "challenge.parts.bits"."""
    return f"{_challenge(current_app.config['SECRET_KEY'], nonce, _current_period())}.{PARTS}.{BITS}"


def is_solved(nonce: str, solution: str) -> bool:
    """Return whether a solution, increasing numbers with dots between them, solves the task of the form."""
    if not _NUMBERS.fullmatch(solution):
        return False
    numbers = [*map(int, solution.split("."))]
    if any(following <= number for number, following in pairwise(numbers)):
        return False
    config = current_app.config
    keys = (config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"])
    current_period = _current_period()
    challenges = (_challenge(key, nonce, period) for key in keys for period in (current_period, current_period - 1))
    return any(all(_begins_with_zeros(challenge, number) for number in numbers) for challenge in challenges)


def _current_period() -> int:
    """Return the number of the current period since 1970."""
    return int(unix_time() // GOOD_FOR)


def _challenge(key: bytes, nonce: str, period: int) -> str:
    message = b"\0".join((PURPOSE, nonce.encode(), str(period).encode()))
    return hmac.digest(hashlib.sha256(key).digest(), message, hashlib.sha256).hex()


def _begins_with_zeros(challenge: str, number: int) -> bool:
    digest = hashlib.sha256(f"{challenge}{number}".encode()).digest()
    return int.from_bytes(digest[:4]) >> (32 - BITS) == 0
