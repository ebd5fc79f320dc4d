"""A copy is given at once, by the thread that holds all connections, and is the answer that a thread would have given."""

import gzip
import http.client
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.middleware.proxy_fix import ProxyFix

from app.db import Database
from app.page_server import Pages
from app.reader.at_once import AtOnce
from app.reader.copies import Key
from app.seen_by_readers import PublicVersion, glanced_at, version_of
from app.watching.each_request import UNEXPECTED
from app.watching.models import Sighting
from tests.support.cast import Newsroom
from tests.support.public_pages import unsigned
from tests.support.turning import turning
from tests.support.waiting import PATIENCE

HOST = {"Host": "ask.newsroom.example"}
PAGES = ("/steppe/", "/steppe/ask", "/steppe/answers", "/steppe/feed.xml", "/steppe/calendar.ics")


@dataclass
class Line:
    """A connection to the server, which stays as long as the server lets it."""

    pages: Pages
    given: list[bool]  # of each request whether it was answered at once

    def __post_init__(self) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", int(self.pages.effective_port), timeout=PATIENCE)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        self.line.request(method, path, headers=HOST | {name.replace("_", "-"): one for name, one in headers.items()})
        answer = self.line.getresponse()
        head = {name: one for name, one in answer.getheaders() if name not in ("X-Request-Id", "Date")}
        return answer.status, head, answer.read()

    def ask_in(self, version: str, path: str) -> str:
        """Ask in a version of HTTP, and return the head without what is of one answer."""
        self.line._http_vsn_str = version  # type: ignore[attr-defined]
        return repr(self.ask(path)[1])


@contextmanager
def at(app: Flask, without: bool = False) -> Iterator[Line]:
    """The house at a port; `without` what can be given at once."""
    given = list[bool]()

    def asked(environ: dict[str, Any], start: Any) -> Iterable[bytes] | None:
        body: Iterable[bytes] | None = None if without else app.extensions["at_once"](environ, start)
        given.append(body is not None)
        return body

    with turning(app, asked) as pages:
        line = Line(pages, given)
        with closing(line.line):
            yield line


@pytest.fixture
def line(app: Flask, database: Database, newsroom: Newsroom) -> Iterator[Line]:
    database.write(lambda s: s.execute(update(PublicVersion).values(version="new")))  # no copy of another test is good
    app.extensions["copies"].shelf.get(Key("", "", ()), (newsroom.newsletter_id, "none"))
    with at(app) as one:
        yield one


def test_every_kind_of_request_is_answered_as_a_thread_would(
    app: Flask, client: FlaskClient, newsroom: Newsroom
) -> None:
    tag = client.get("/steppe/answers").headers["ETag"]
    kinds: list[dict[str, str]] = [
        {}, {"Accept_Encoding": "gzip"}, {"method": "HEAD"}, {"If_None_Match": tag}, {"If_None_Match": tag, "method": "HEAD"},
        {"Cookie": "__Host-desk=x", "Accept_Language": "fa"}, {"Connection": "close"}, {"Range": "bytes=0-9"},
    ]  # fmt: skip
    told = []
    for without in (True, False):
        with at(app, without) as line:
            for path in PAGES:
                line.ask(path, Accept_Encoding="gzip")  # from now on a copy is there, and packed
            line.given.clear()
            told.append([(path, kind, line.ask(path, **kind)) for path in PAGES for kind in kinds])
            assert line.given == [not without] * len(told[-1])
    for (path, kind, (status, head, body)), (*_, (status_at_once, head_at_once, body_at_once)) in zip(
        *told, strict=True
    ):
        assert (status, head) == (status_at_once, head_at_once), (path, kind)
        words = [gzip.decompress(one) if "Content-Encoding" in head and one else one for one in (body, body_at_once)]
        assert unsigned(words[0]) == unsigned(words[1]), (path, kind)


def test_a_connection_lasts_unless_somebody_wants_it_to_end(line: Line) -> None:
    tag = line.ask("/steppe/answers")[1]["Etag"]
    socket = line.line.sock
    heads = [line.ask("/steppe/answers", **more)[1] for more in ({}, {"If_None_Match": tag}, {})]
    assert ([head.get("Connection") for head in heads], line.line.sock) == ([None] * 3, socket)
    assert line.ask("/steppe/answers", Connection="close")[1]["Connection"] == "close"
    assert "'Connection': 'close'" in line.ask_in("HTTP/1.0", "/steppe/answers")
    assert line.given == [False, True, True, True, True, True]


def test_what_was_sent_stays_in_no_buffer(line: Line) -> None:
    page = len([line.ask("/steppe/") for _ in range(50)][-1][2])
    [connection] = line.pages.active_channels.values()
    files = [one.buf.getfile() for one in connection.outbufs if one.buf]
    assert page > 0
    assert sum(one.getbuffer().nbytes for one in files if not one.closed) < 2 * page + 2_000


def test_each_form_has_a_token_of_its_own(line: Line) -> None:
    pages = [line.ask("/steppe/ask")[2].decode() for _ in range(4)]
    tokens = {re.findall(r'name="form" value="([^"]+)"', page)[0] for page in pages}
    assert (len(tokens), line.given) == (4, [False, True, True, True])


@pytest.mark.threat("stranger at the door")
def test_all_else_goes_to_a_thread(app: Flask, database: Database, line: Line) -> None:
    line.ask("/steppe/answers")
    line.given.clear()
    asked: list[tuple[int, dict[str, str]]] = [
        (404, {"path": "/steppe/nothing"}),
        (404, {"path": "/nowhere/answers"}),
        (200, {"path": "/sign-in"}),
        (405, {"path": "/steppe/feed.xml", "method": "POST"}),
        (421, {"path": "/steppe/answers", "Host": "evil.example"}),
        (200, {"path": "/steppe/answers", "Accept_Encoding": "gzip"}),  # it is to be packed for the first time
        (200, {"path": "/steppe/answers", "X_Forwarded_For": "192.0.2.1"}),  # none is expected: something may be noted
    ]
    assert [line.ask(**request)[0] for _, request in asked] == [status for status, _ in asked]
    assert line.given == [False] * (len(asked) - 1), "a POST is never asked about"
    app.config["REDIS_URL"] = "redis://localhost"  # that a form was opened is counted there
    line.ask("/steppe/ask")
    line.ask("/steppe/ask")
    line.ask("/steppe/answers")
    assert line.given[-3:] == [False, False, True]


def test_where_it_goes_wrong_a_thread_answers(app: Flask, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ask("/steppe/answers")

    def fails(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(app.extensions["copies"], "give", fails)
    assert line.ask("/steppe/answers")[0] == 500


def test_requests_that_come_by_other_proxies_than_are_set_are_still_noted(
    app: Flask, database: Database, line: Line
) -> None:
    proxies = app.extensions["proxies"]
    proxies._right = proxies._wrong = 0
    proxies._noted_at = float("-inf")
    for _ in range(3):
        line.ask("/steppe/answers", X_Forwarded_For="192.0.2.1")
    with database.read() as session:
        assert [name for name in session.scalars(select(Sighting.name)) if "proxy" in name] == [UNEXPECTED]
    assert line.given == [False] * 3


def test_behind_proxies_it_is_the_address_before_them_that_counts(
    app: Flask, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "TRUSTED_PROXIES", 1)
    monkeypatch.setitem(app.extensions, "at_once", ProxyFix(AtOnce(app), x_for=1, x_proto=1, x_host=1))
    passed = {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Proto": "https"}
    named = ("ask.newsroom.example", "evil.example")
    assert line.ask("/steppe/answers", **passed)[0] == 200
    assert [line.ask("/steppe/answers", **passed, X_Forwarded_Host=host)[0] for host in named] == [200, 200]
    assert line.ask("/steppe/answers")[0] == 200
    assert line.given == [False, True, False, False]


@pytest.mark.both_databases
def test_a_look_waits_for_nobody(database: Database, newsroom: Newsroom) -> None:
    seen = version_of(database, "steppe")
    if not database.is_sqlite:
        assert glanced_at(database, "steppe") is None
        return
    path = Path(database.url.removeprefix("sqlite:///"))
    assert (glanced_at(database, "steppe"), glanced_at(database, "nowhere")) == (seen, None)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE public_versions SET version = 'x'")
        assert glanced_at(database, "steppe") == seen, "what isn't committed is no change"
        writer.execute("COMMIT")
        assert glanced_at(database, "steppe") == (newsroom.newsletter_id, "x")
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as alone:
        alone.execute("PRAGMA locking_mode=EXCLUSIVE")
        alone.execute("BEGIN EXCLUSIVE")
        alone.execute("UPDATE public_versions SET version = 'y'")
        began = time.monotonic()
        assert glanced_at(database, "steppe") is None
        assert time.monotonic() - began < 5.0, "ten seconds are what others wait"
        alone.execute("COMMIT")
    assert glanced_at(database, "steppe") == (newsroom.newsletter_id, "y")


def test_where_the_file_is_gone_nothing_is_made_and_nothing_given(database: Database, newsroom: Newsroom) -> None:
    path = Path(database.url.removeprefix("sqlite:///"))
    database.close()
    gone = path.rename(path.with_suffix(".gone"))
    assert (glanced_at(database, "steppe"), path.exists()) == (None, False)
    path.write_bytes(b"no database at all " * 100)
    assert glanced_at(database, "steppe") is None
    gone.replace(path)
    assert glanced_at(database, "steppe") == version_of(database, "steppe")
