"""A proof of work, which a reader's browser may do while they type: a bonus in a flood, and never a gate (S3).

It is Hashcash in small parts (Back, 2002): numbers whose SHA-256 behind a challenge begins with zero bits. Many small
parts take about as long each time. The challenge follows from the form's token and the hour under a key of ours, so
that nobody else can make one, solve it for another form, or solve a store of them days before; a form makes one letter,
and so its proof counts once. Nothing is kept of it, and the page says no hour.
"""

import hashlib
import hmac
import re
from itertools import pairwise

from flask import current_app

from ..core.clock import unix_time

PARTS, BITS = 16, 14  # 262,144 hashes on average: less than a second of a desktop computer, some of an old phone
GOOD_FOR = 3 * 3_600  # seconds that a challenge is the newest; the one before it is good, too
_NUMBERS = re.compile(rf"[0-9]{{1,10}}(?:\.[0-9]{{1,10}}){{{PARTS - 1}}}")
PURPOSE = b"the proof of work of a form"


def task(nonce: str) -> str:
    """Return what the page asks of the browser for a form: the challenge, how many parts, and of how many bits."""
    return f"{_challenge(current_app.config['SECRET_KEY'], nonce, _now())}.{PARTS}.{BITS}"


def is_solved(nonce: str, solution: str) -> bool:
    """Return whether what came with a form, numbers with points between, solves what its page asked."""
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
