"""Requests of ours to servers of others: where they may go, and what comes back."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from app.core import http_client
from tests.support.fake_servers import CannedResponse, CannedResponseHandler, run_server


class Elsewhere(ThreadingHTTPServer):
    """`asked` are the requests that came: method, path, host, kind of what was sent, and what was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.asked: list[tuple[str, ...]] = []
        self.answer = CannedResponse({"is": "well"})
        self.stop = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Drips(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self.came, self.stop = threading.Event(), threading.Event()


class Talk(CannedResponseHandler):
    server: Elsewhere

    def get_response(self) -> CannedResponse:
        kind = self.headers.get("Content-Type", "")
        self.server.asked.append((self.command, self.path, self.headers["Host"], kind, self.read_body().decode()))
        return self.server.answer


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    with run_server(server, server.stop):
        yield server


def get_refusal(url: str, **more: Any) -> str:
    with pytest.raises(http_client.RequestFailed) as refusal:
        http_client.request(url, **more)
    return str(refusal.value)


def test_what_is_sent_arrives_as_it_was_meant(elsewhere: Elsewhere) -> None:
    host = f"127.0.0.1:{elsewhere.port}"
    url = f"http://{host}/drafts?of=mine"
    assert http_client.parse_object(*http_client.request(url)) == {"is": "well"}
    http_client.request(url, {"a": "1 2"})
    http_client.request(url, body=b'{"a": 1}', headers={"Authorization": "Bearer x"})
    http_client.request(url, body=b"<p>", method="PUT", headers={"Content-Type": "text/html"})
    assert elsewhere.asked == [
        ("GET", "/drafts?of=mine", host, "", "of=mine"),
        ("POST", "/drafts?of=mine", host, "application/x-www-form-urlencoded", "a=1+2"),
        ("POST", "/drafts?of=mine", host, "application/json", '{"a": 1}'),
        ("PUT", "/drafts?of=mine", host, "text/html", "<p>"),
    ]


# Addresses as somebody may type them to be led into the newsroom's network.
INWARD = (
    "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "2130706433", "0x7f.1", "017700000001",  # noqa: S104
    "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]", "[2002:7f00:1::]", "[2001:0:1::]", "224.0.0.1",
)  # fmt: skip


@pytest.mark.threat("inward requests")
@pytest.mark.parametrize("host", INWARD)
def test_an_address_that_somebody_typed_never_leads_inward(elsewhere: Elsewhere, host: str, attempts: Any) -> None:
    assert (
        get_refusal(f"https://{host}:{elsewhere.port}/", own_hosts=()) == "it leads into a network that is not public"
    )
    assert get_refusal(f"http://{host}:{elsewhere.port}/", own_hosts=()) == "its address doesn't begin with https://"
    assert elsewhere.asked == []
    attempts(2)


@pytest.mark.threat("inward requests")
def test_nor_does_a_name_with_a_public_and_an_inner_address(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its name is looked up once: another answer a moment later changes nothing (DNS rebinding)."""
    looked_up: list[str] = []

    def answers(host: str, port: int, **_more: Any) -> list[Any]:
        looked_up.append(host)
        return [(2, 1, 6, "", ("93.184.215.14", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(http_client, "getaddrinfo", answers)
    url = f"https://drafts.example:{elsewhere.port}/"
    assert get_refusal(url, own_hosts=()) == "it leads into a network that is not public"
    assert (looked_up, elsewhere.asked) == (["drafts.example"], [])


@pytest.mark.threat("inward requests")
def test_a_host_of_the_newsroom_is_reached_where_its_settings_say_so(elsewhere: Elsewhere) -> None:
    assert http_client.request(f"http://127.0.0.1:{elsewhere.port}/", own_hosts={"127.0.0.1"})[0] == 200
    elsewhere.answer = CannedResponse(b"", 302, {"Location": f"http://127.0.0.1:{elsewhere.port}/inner"})
    with pytest.raises(http_client.UnreadableResponse, match="it sends us elsewhere, and nobody follows"):
        http_client.parse_object(*http_client.request(f"http://127.0.0.1:{elsewhere.port}/", own_hosts={"127.0.0.1"}))
    assert [path for _, path, *_ in elsewhere.asked] == ["/", "/"]


@pytest.mark.parametrize("url", ["ftp://files.example/", "file:///etc/passwd", "//no-scheme.example/", "https://["])
def test_nothing_but_the_web_is_asked(url: str) -> None:
    assert get_refusal(url) in ("its address doesn't begin with https://", "it is no address")


class Dripping(BaseRequestHandler):
    """Begins to answer a greeting by TLS and never ends: a byte now and then."""

    server: Drips

    def handle(self) -> None:
        self.server.came.set()
        with suppress(OSError):
            self.request.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16,384 bytes begins
            while not self.server.stop.wait(0.02):
                self.request.sendall(b"\x02")


@pytest.mark.threat("silent servers")
def test_a_handshake_that_drips_is_cut_off() -> None:
    server = Drips(("127.0.0.1", 0), Dripping)
    with run_server(server, server.stop):
        began = time.monotonic()
        assert (
            get_refusal(f"https://127.0.0.1:{server.server_address[1]}/", timeout=0.5) == "it took too long to answer"
        )
        assert server.came.is_set()
        assert time.monotonic() - began < 5
