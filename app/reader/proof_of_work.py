"""The proof of work that a reader's browser may do while they type: a bonus during a flood, but never required.

It is Hashcash (Back, 2002) in small parts: numbers whose SHA-256, after a challenge, begins with zero bits. With many
small parts, the total time varies little. The challenge is a keyed hash of the form's nonce and the current period of
three hours, so nobody can forge one, use a solution for another form, or solve many days ahead. As a form makes one
letter, its proof counts once. Nothing is stored, and the page doesn't reveal the period.
"""

import hashlib
import hmac
import re
from itertools import pairwise

from flask import current_app

from ..core.clock import unix_time

PARTS, BITS = 16, 14  # 262,144 hashes on average: less than a second on a desktop computer, some on an old phone
GOOD_FOR = 3 * 3_600  # seconds in a period; the challenge of the previous one is accepted too
_NUMBERS = re.compile(rf"[0-9]{{1,10}}(?:\.[0-9]{{1,10}}){{{PARTS - 1}}}")
PURPOSE = b"the proof of work of a form"


def task(nonce: str) -> str:
    """Return the task for the form with this nonce: the challenge, the number of parts, and of zero bits in each."""
    return f"{_challenge(current_app.config['SECRET_KEY'], nonce, _now())}.{PARTS}.{BITS}"


def is_solved(nonce: str, solution: str) -> bool:
    """Return whether a solution, increasing numbers with dots between them, solves the task of the form."""
    if not _NUMBERS.fullmatch(solution):
        return False
    numbers = [*map(int, solution.split("."))]
    if any(after <= before for before, after in pairwise(numbers)):
        return False
    config = current_app.config
    keys = (config["SECRET_KEY"], *config["SECRET_KEY_FALLBACKS"])
    challenges = (_challenge(key, nonce, _now() - ago) for key in keys for ago in (0, 1))
    return any(all(_begins_with_zeros(challenge, number) for number in numbers) for challenge in challenges)


def _now() -> int:
    return int(unix_time() // GOOD_FOR)


def _challenge(key: bytes, nonce: str, period: int) -> str:
    about = b"\0".join((PURPOSE, nonce.encode(), str(period).encode()))
    return hmac.digest(hashlib.sha256(key).digest(), about, hashlib.sha256).hex()


def _begins_with_zeros(challenge: str, number: int) -> bool:
    digest = hashlib.sha256(f"{challenge}{number}".encode()).digest()
    return int.from_bytes(digest[:4]) >> (32 - BITS) == 0
