"""The counters of limits where several processes serve: one place for all of them, and while that is silent each counts
by itself, so that neither a reader nor a limit waits for it."""

import logging
import time
from typing import Any, cast

from limits.storage import MemoryStorage, Storage, storage_from_string

TOGETHER = "together://"
SILENT = 1.0  # seconds that an answer may take; it comes within one thousandth
PAUSE = 5.0  # seconds for which nobody asks after it did not come

log = logging.getLogger(__name__)


class CountedTogether(Storage):
    """The counters at an `address` as REDIS_URL has it. It answers whatever becomes of them."""

    STORAGE_SCHEME = [TOGETHER.removesuffix("://")]

    def __init__(self, uri: str, address: str, wrap_exceptions: bool = False) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        made = storage_from_string(address, socket_connect_timeout=SILENT, socket_timeout=SILENT)
        self._together = cast(Storage, made)
        self._alone = MemoryStorage()
        self._is_silent, self._asked_again_at = False, 0.0

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return Exception

    def _asked(self, what: str, *about: Any) -> Any:
        now = time.monotonic()
        if not self._is_silent or now >= self._asked_again_at:
            self._asked_again_at = now + PAUSE  # of all that come meanwhile one finds out
            try:
                found = getattr(self._together, what)(*about)
            except Exception as error:
                if not self._is_silent:
                    log.warning("REDIS_URL doesn't answer (%s): each process counts by itself", type(error).__name__)
                self._is_silent = True
            else:
                self._is_silent = False
                return found
        return getattr(self._alone, what)(*about)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return int(self._asked("incr", key, expiry, amount))

    def get(self, key: str) -> int:
        return int(self._asked("get", key))

    def get_expiry(self, key: str) -> float:
        return float(self._asked("get_expiry", key))

    def check(self) -> bool:
        return bool(self._together.check())

    def reset(self) -> int | None:
        self._alone.reset()
        return self._together.reset()

    def clear(self, key: str) -> None:
        self._asked("clear", key)
