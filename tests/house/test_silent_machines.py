"""A Redis or a PostgreSQL that takes connections and says nothing: it is waited for once, and then left alone for a moment."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from limits import RateLimitItemPerMinute
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy.exc import OperationalError

from app import counters, postgresql
from app.db import Database
from app.seal import Keys
from tests.support.app import BASE_URL, SECRETS


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def took(began: float) -> float:
    return time.monotonic() - began


def counted(port: int) -> Storage:
    return storage_from_string(counters.TOGETHER, address=f"redis://127.0.0.1:{port}/0")  # type: ignore[return-value]


def test_limits_hold_while_redis_is_silent_and_one_request_waits_for_it(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "SILENT", 0.5)
    limiter, began = FixedWindowRateLimiter(counted(silent)), time.monotonic()
    assert [limiter.hit(RateLimitItemPerMinute(3), "receipts", "somebody") for _ in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert not limiter.test(RateLimitItemPerMinute(3), "receipts", "somebody")
    assert 0.5 <= took(began) < 3.0  # of six that are counted one has waited; all would have for three seconds


def test_redis_is_asked_again_once_the_pause_is_over(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "SILENT", 0.05)
    monkeypatch.setattr(counters, "PAUSE", 0.0)
    store, answers = counted(silent), iter((ConnectionError(), 41, 42))

    class Far:
        def incr(self, *_: object) -> int:
            if isinstance(answer := next(answers), Exception):
                raise answer
            return answer

    monkeypatch.setattr(store, "_together", Far())
    assert [store.incr("a", 60) for _ in range(3)] == [1, 41, 42]


def test_a_server_that_says_nothing_holds_one_caller_and_no_second_one(silent: int) -> None:
    database, began = (
        Database(f"postgresql+psycopg://desk@127.0.0.1:{silent}/desk", Keys(SECRETS), BASE_URL),
        time.monotonic(),
    )
    for _ in range(3):
        with pytest.raises(OperationalError), database.reader.connect():
            pass
    assert 1.5 < took(began) < 5.0  # three would have waited for six seconds
    database.close()


def test_the_address_of_the_database_wins_over_what_we_wait() -> None:
    address = "postgresql+psycopg://desk@db/desk?tcp_user_timeout=20000"
    ours = postgresql.line_to(address)
    assert ours == {name: value for name, value in postgresql.LINE.items() if name != "tcp_user_timeout"}
    asked: list[str] = []
    postgresql.let_go(address)(SimpleNamespace(execute=asked.append, commit=lambda: asked.append("COMMIT")), None)
    assert asked == [
        "SELECT set_config('tcp_user_timeout', '20000', false), set_config('tcp_keepalives_idle', '2', false), "
        "set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '2', false)",
        "COMMIT",
    ]
