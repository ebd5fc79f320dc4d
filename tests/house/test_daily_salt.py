"""Under what a visitor is counted: a thief of what Redis holds, and of the keys, tries out addresses."""

import hashlib
import hmac
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_limiter import Limiter
from jinja2 import FileSystemBytecodeCache
from limits.storage import RedisStorage

from app.core.clock import unix_time
from app.db.engine import Database
from app.web import daily_salt, setup
from app.web.daily_salt import DAY, DailySalt, get_daily_salt
from tests.support.app import open_app
from tests.support.databases import ON_SQLITE
from tests.support.reader_pages import read_receipt, send_question
from tests.support.redis_server import start_redis
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

SECRET_KEY = b"a key of thirty-two bytes, stolen"
ADDRESS = "198.51.100.23"
HASHED = (
    "from app.web.daily_salt import get_daily_salt; import sys; "
    "print(get_daily_salt(sys.argv[1]).get().hex())"
)  # fmt: skip


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with start_redis(tmp_path) as url:
        yield url


def content(url: str) -> dict[str, int]:
    """The keys that Redis holds, each with the seconds that are left to it; -1 for ever."""
    client = RedisStorage(url).storage
    return {key.decode(): client.ttl(key) for key in client.scan_iter()}


def visit(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sends a form that is counted by their address, in a production app."""
    app = Flask("counted")
    app.config |= setup.limit_settings(url) | {"REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
    monkeypatch.setattr(setup, "limiter", limiter := Limiter(setup.caller, strategy="fixed-window"))
    limiter.init_app(app)
    app.add_url_rule("/", "limited", limiter.limit("3 per hour")(lambda: ""))
    assert app.test_client().get("/", environ_base={"REMOTE_ADDR": ADDRESS}).status_code == 200


def hash_with(salt: bytes, address: str) -> str:
    return hmac.new(salt, address.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.threat("stolen counters")
def test_the_keys_confirm_no_address_that_redis_counted(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, attempts
) -> None:  # type: ignore[no-untyped-def]
    """The attack took 0.6 seconds for a network of 65,536 addresses."""
    visit(redis_url, monkeypatch)
    kept = "\n".join(content(redis_url))
    assert "LIMITER" in kept and ADDRESS not in kept
    candidates = [f"198.51.{third}.{fourth}" for third in range(256) for fourth in range(256)]
    today = int(unix_time()) // DAY
    salts = [hmac.digest(SECRET_KEY, f"limits {day}".encode(), hashlib.sha256) for day in (today, today + 1)]
    assert [address for salt in (*salts, b"") for address in candidates if hash_with(salt, address) in kept] == []
    attempts(3 * len(candidates))
    # The attack is a real one: with the salt that is in Redis alone, it finds the address.
    salt = RedisStorage(redis_url).storage.get(daily_salt.SALT_KEY.format(day=today))
    assert [address for address in candidates if hash_with(salt, address) in kept] == [ADDRESS]


@pytest.mark.threat("stolen counters")
def test_nothing_stays_in_redis_beyond_the_day(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    visit(redis_url, monkeypatch)
    lifetimes = content(redis_url)
    assert len(lifetimes) == 2 and all(0 < seconds <= DAY for seconds in lifetimes.values())


@ON_SQLITE
@pytest.mark.threat("stolen counters")
def test_no_act_of_a_reader_is_counted_by_their_address_but_a_wrong_number_and_nothing_stays_ten_minutes(
    database: Database, newsroom: Newsroom, redis_url: str, tmp_path: Path, bytecode_cache: FileSystemBytecodeCache
) -> None:
    with open_app(database, tmp_path, bytecode_cache, limits="1", redis_url=redis_url) as app:
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = ADDRESS

        def post(path: str, **fields: str) -> int:
            return client.post(f"/steppe/receipt{path}", data=fields).status_code

        receipt = read_receipt(send_question(client).text)
        acts = {
            "": {},
            "/add": {"more": "I mean the year 2019."},
            "/held": {},
            "/credit": {"credit": "none"},
            "/withdraw": {},
        }
        assert [post(path, receipt=receipt, **fields) for path, fields in acts.items()] == [200] * len(acts)
        salt_key = daily_salt.SALT_KEY.format(day=int(unix_time()) // DAY)
        hashed_address = hash_with(RedisStorage(redis_url).storage.get(salt_key), ADDRESS)
        counted = content(redis_url)
        assert counted.pop(salt_key) > 0
        assert len(counted) > 2 and [key for key in counted if hashed_address in key] == []
        assert [key for key, seconds in counted.items() if not 0 < seconds <= 600] == []
        assert post("", receipt="1" * 20) == 422
        assert [seconds <= 600 for key, seconds in content(redis_url).items() if hashed_address in key] == [True]


@pytest.mark.threat("stolen counters")
def test_each_day_has_a_salt_of_its_own(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = get_daily_salt(redis_url).get()
    monkeypatch.setattr(daily_salt, "unix_time", lambda: unix_time() + DAY)
    other = get_daily_salt(redis_url).get()
    assert one != other and len(content(redis_url)) == 2


def test_all_processes_count_under_one_hash(redis_url: str) -> None:
    commands = [[sys.executable, "-c", HASHED, redis_url]] * 3
    processes = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) for line in commands]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1
    assert {process.returncode for process in processes} == {0}


def test_a_redis_that_lost_the_salt_gets_it_back(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who count already go on under the same hash, and new ones join them."""
    monkeypatch.setattr(daily_salt, "SHARE_INTERVAL", 0.0)
    storage = RedisStorage(redis_url)
    salt = DailySalt(storage)
    before = salt.get()
    storage.storage.flushall()
    assert salt.get() == before == DailySalt(storage).get()


def test_without_redis_a_process_keeps_a_salt_and_shares_it_once_redis_is_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily_salt, "SHARE_INTERVAL", 0.0)
    storage = RedisStorage(redis_url)
    with monkeypatch.context() as away:
        away.setattr(storage.storage, "pipeline", lambda **_: 1 / 0)
        salt, began = DailySalt(storage), time.monotonic()
        alone = salt.get()
        assert salt.get() == alone and time.monotonic() - began < 1
    assert salt.get() == alone == DailySalt(storage).get()


def test_without_a_setting_each_process_has_its_own() -> None:
    assert len(get_daily_salt("").get()) == 32 and DailySalt().get() != DailySalt().get()
