"""The salt of the hashes under which clients are counted: random, new each day, and never derived from a key.

Several processes share it through Redis, which holds it until the end of the day, and nowhere else than in memory
(`doctor` checks that). Whoever has the keys and a copy of the hashes, but not the salt, can't try out addresses.
"""

import secrets
import time
from contextlib import suppress
from functools import cache

from limits.storage import RedisStorage

from ..core.clock import unix_time

REDIS_TIMEOUT = 0.5  # seconds; Redis usually needs a thousandth of that
SHARE_INTERVAL = 5.0  # seconds between two looks at Redis, which may have lost the salt, or be back after a failure
DAY = 86_400  # seconds
SALT_KEY = "readers-asked/salt/{day}"  # in Redis; `day` is the number of days since 1970


class DailySalt:
    """The salt of this process. With a `storage`, it is the one that Redis holds.

    While Redis doesn't answer, this process keeps the salt that it has, or a random one of its own: then it counts in
    its own memory too. If Redis has lost the salt, the first process that asks puts its own back.
    """

    def __init__(self, storage: RedisStorage | None = None) -> None:
        self._storage = storage
        self._day, self._salt, self._share_at = -1, b"", 0.0

    def get(self) -> bytes:
        """Return the salt of the current day (UTC)."""
        day, second = divmod(int(unix_time()), DAY)
        if day != self._day:
            self._day, self._salt, self._share_at = day, secrets.token_bytes(32), 0.0
        if self._storage is not None and time.monotonic() >= self._share_at:
            self._share_at = time.monotonic() + SHARE_INTERVAL  # first, so that no other thread waits as well
            with suppress(Exception):
                self._salt = self._exchange(self._storage, SALT_KEY.format(day=day), DAY - second)
        return self._salt

    def _exchange(self, storage: RedisStorage, key: str, lifetime: int) -> bytes:
        """Offer our salt to Redis for `lifetime` seconds, and return the one that it has then."""
        with storage.storage.pipeline(transaction=True) as pipeline:
            pipeline.set(key, self._salt, nx=True, ex=lifetime)
            pipeline.get(key)
            _is_ours, salt = pipeline.execute()
        return bytes(salt)


@cache
def get_daily_salt(redis_url: str) -> DailySalt:
    """Return the salt that is shared through this Redis; if "", that of this process."""
    return DailySalt(open_redis(redis_url) if redis_url else None)


def open_redis(redis_url: str) -> RedisStorage:
    """Return a client of this Redis, which connects at its first command and waits no longer than `REDIS_TIMEOUT`."""
    return RedisStorage(redis_url, socket_connect_timeout=REDIS_TIMEOUT, socket_timeout=REDIS_TIMEOUT)
