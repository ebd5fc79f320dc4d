"""A Redis or a PostgreSQL that takes connections and says nothing: it is waited for once, and then left alone for a moment."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItemPerMinute
from sqlalchemy.exc import OperationalError

from app.crypto.seal import Keys
from app.db import postgresql
from app.db.engine import Database
from app.web import setup
from app.web.daily_salt import REDIS_TIMEOUT, get_daily_salt
from tests.support.app import BASE_URL, SECRETS
from tests.support.waiting import wait_until


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def took(began: float) -> float:
    return time.monotonic() - began


@pytest.fixture
def served(silent: int, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A small app that counts in a silent Redis, with limits of each kind that ours has."""
    app = Flask("silent")
    app.config |= setup.limit_settings(f"redis://127.0.0.1:{silent}/0")
    monkeypatch.setattr(setup, "limiter", limiter := Limiter(lambda: "somebody", strategy="fixed-window"))
    limiter.init_app(app)
    app.add_url_rule("/", "start", lambda: "")
    app.add_url_rule("/limited", "limited", limiter.limit("3 per minute")(limited))
    app.add_url_rule("/counted", "counted", lambda: str(guess()))
    return app


def limited() -> str:
    return ""


def guess() -> bool:
    return setup.apply_limits(lambda counters: counters.hit(RateLimitItemPerMinute(3), "receipts", "somebody"))


GUESSES = ["True", "True", "True", "False", "False"]


def test_limits_hold_while_redis_is_silent_and_one_request_waits_for_it(served: Flask) -> None:
    client, began = served.test_client(), time.monotonic()
    assert [client.get("/counted").text for _ in range(5)] == GUESSES
    assert [client.get("/limited").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    # The first request waits twice, and one more to see whether Redis is back; all would have for five seconds.
    assert REDIS_TIMEOUT <= took(began) < 3.0


def test_a_page_from_a_copy_counts_too_while_redis_is_silent_though_it_has_no_request(served: Flask) -> None:
    began = time.monotonic()
    with served.app_context():
        assert [str(guess()) for _ in range(5)] == GUESSES
    assert REDIS_TIMEOUT <= took(began) < 3.0


def test_the_salt_waits_once_for_a_silent_redis(silent: int) -> None:
    salt, began = get_daily_salt(f"redis://127.0.0.1:{silent}/0"), time.monotonic()
    assert len({salt.get() for _ in range(50)}) == 1
    assert REDIS_TIMEOUT <= took(began) < 3.0


def test_redis_counts_again_once_it_answers(served: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client, storage = served.test_client(), setup.limiter.storage
    assert client.get("/counted").text == "True"
    monkeypatch.setattr(storage, "check", lambda: True)
    monkeypatch.setattr(storage, "incr", lambda *_, **__: 4)  # others have used the limit up meanwhile

    def is_storage_restored() -> bool:
        assert client.get("/").status_code == 200
        return setup.limiter.limiter.storage is storage

    wait_until(is_storage_restored, "the counters in Redis")
    assert (client.get("/counted").text, client.get("/limited").status_code) == ("False", 429)


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
    ours = postgresql.connect_timeouts(address)
    assert ours == {name: value for name, value in postgresql.CONNECT_TIMEOUTS.items() if name != "tcp_user_timeout"}
    asked: list[str] = []
    postgresql.server_timeouts_listener(address)(
        SimpleNamespace(execute=asked.append, commit=lambda: asked.append("COMMIT")), None
    )
    assert asked == [
        "SELECT set_config('tcp_user_timeout', '20000', false), set_config('tcp_keepalives_idle', '2', false), "
        "set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '2', false)",
        "COMMIT",
    ]
