"""Faults reported to a server that understands Sentry: a local one takes the envelopes, and planted words are searched for."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import sentry_sdk
from flask import Flask

import config
from app.watching import fault_reports
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.reader_pages import get_form_token
from tests.support.sample_newsroom import Newsroom

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WORDS = "What became of the silver kettle?"
PLANTED = ("kettle", "bakhtiyar", "post.example", "192.0.2.77", "session-cookie", "/steppe/")


class Taking(HTTPServer):
    """Takes the envelopes that are posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.taken: list[bytes] = []

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_address[1]}/1"


class Take(BaseHTTPRequestHandler):
    server: Taking

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sentry() -> Iterator[Taking]:
    with Taking() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            fault_reports.begin({})
            sentry_sdk.get_client().close(timeout=2)
            server.shutdown()
            thread.join()


def events(server: Taking) -> list[dict[str, Any]]:
    sentry_sdk.flush(timeout=10)
    return [json.loads(line) for envelope in server.taken for line in envelope.splitlines() if b'"exception"' in line]


@pytest.mark.threat("hosting provider")
@on_sqlite
def test_a_fault_of_a_page_is_reported_without_a_word_of_anybody(
    app: Flask, newsroom: Newsroom, sentry: Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    form = get_form_token(client)

    def trips(**_: object) -> None:
        silver = WORDS  # a value of the frame
        raise ValueError(f"{silver} bakhtiyar@post.example")

    fault_reports.begin({**app.config, "SENTRY_DSN": sentry.dsn})
    monkeypatch.setitem(app.view_functions, "reader.ask_send", trips)
    client.set_cookie("desk", "session-cookie", domain="localhost")
    page = client.post(
        "/steppe/send", data={"form": form, "body": WORDS}, environ_base={"REMOTE_ADDR": "192.0.2.77"},
        headers={"User-Agent": "kettle"},
    )  # fmt: skip
    (event,) = events(sentry)
    assert page.status_code == 500
    assert set(event) == {"event_id", "timestamp", "platform", "level", "exception", "tags", "environment"}
    assert event["tags"] == {
        "request": page.headers["X-Request-ID"], "logger": "app.web.errors", "endpoint": "reader.ask_send",
    }  # fmt: skip
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"], value["stacktrace"]["frames"][-1]["function"]) == ("ValueError", "", "trips")
    assert {name for frame in value["stacktrace"]["frames"] for name in frame} <= {
        "filename",
        "lineno",
        "function",
        "in_app",
    }
    sent = b"".join(sentry.taken).decode()
    assert [word for word in PLANTED if word in sent] == []


@on_sqlite
def test_others_faults_are_scrubbed_as_well_and_what_is_no_fault_stays_here(app: Flask, sentry: Taking) -> None:
    fault_reports.begin({**app.config, "SENTRY_DSN": sentry.dsn})
    try:
        raise KeyError(WORDS)
    except KeyError:
        logging.getLogger("some.library").exception("no %s", WORDS)
    logging.getLogger("some.library").error("no %s", WORDS)
    sentry_sdk.capture_message(WORDS)  # whoever comes past our own hook meets the same one door
    assert [one["exception"]["values"][0]["type"] for one in events(sentry)] == ["KeyError"]
    assert "kettle" not in b"".join(sentry.taken).decode()


@on_sqlite
def test_it_is_off_unless_it_is_set(app: Flask, sentry: Taking) -> None:
    fault_reports.begin(app.config)
    assert [one for one in logging.getLogger().handlers if one.name == fault_reports.NAME] == []


@pytest.mark.parametrize("dsn", ["sentry.example", "https://sentry.example/1", "ftp://key@sentry.example/1"])
def test_an_address_that_nothing_could_be_reported_to_is_refused(dsn: str) -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({**PRODUCTION_SETTINGS, "SENTRY_DSN": dsn})
    assert [fault.partition(" ")[0] for fault in refused.value.faults] == ["SENTRY_DSN"]
