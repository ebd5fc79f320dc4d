"""What of a request's body is stored: little from strangers, uploads after a check of the headers, and not too much in all."""

import http.client
import io
import os
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from PIL import Image

from app.mail import attached_files
from app.mail.inbound import MAX_MAIL_BYTES
from app.mailroom.webhook import path
from app.server import page_server
from app.server.page_server import MAX_BODY_BYTES, MAX_BYTES_IN_MEMORY, PageServer, SingleRequestParser
from app.web.body_limits import UPLOADS, get_body_limit
from config import MAX_FORM_BYTES
from tests.support.app import BASE_URL
from tests.support.processes import run_page_server
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT, wait_until

HOST = urlsplit(BASE_URL).netloc
HOOK = "whsec_" + "a" * 32
FORM = "application/x-www-form-urlencoded"
LARGE = 26_000_000
SMALL_ROOM = 1_000_000  # bytes, in place of a quarter of a gigabyte


def stored_bytes() -> int:
    """The size of all temporary files that this process has open, which have no name."""
    sizes = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if os.readlink(link).endswith("(deleted)"):
                sizes.append(link.stat().st_size)
    return sum(sizes)


@pytest.fixture
def web(app: Flask, newsroom: Newsroom) -> Iterator[PageServer]:
    app.config["MAIL_WEBHOOK_SECRET"] = HOOK
    with run_page_server(app, partial(get_body_limit, app)) as pages:
        yield pages
    del app.config["MAIL_WEBHOOK_SECRET"]


def list_received(pages: PageServer) -> list[SingleRequestParser]:
    """The requests of which a part has been received."""
    return [channel.request for channel in list(pages.active_channels.values()) if channel.request is not None]


def connect(pages: PageServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(pages.effective_port)), timeout=WAIT_TIMEOUT)


def head(target: str, length: int, *more: str) -> bytes:
    lines = (f"POST {target} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {length}", f"Content-Type: {FORM}", *more)
    return "\r\n".join([*lines, "", ""]).encode()


def post(pages: PageServer, target: str, body: bytes, **headers: str) -> tuple[int, str]:
    """The status of an answer, and its title."""
    with closing(http.client.HTTPConnection("127.0.0.1", int(pages.effective_port), timeout=WAIT_TIMEOUT)) as line:
        sent = {"Host": HOST, "Content-Type": FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
        line.request("POST", target, body, sent)
        response = line.getresponse()
        page = response.read().decode()
        return response.status, page.partition("<h1>")[2].partition("</h1>")[0] or page.strip()


@pytest.mark.threat("large bodies")
@pytest.mark.parametrize(
    "target", ["/steppe/send", "/desk/steppe/experts/files", "/expert/photo", "/mail/in/guessed", "/nowhere"]
)
def test_strangers_fill_no_disk(web: PageServer, target: str, attempts: Any) -> None:
    """24 connections of 26 MB each put 624 MB into the temporary folder before."""
    before, lines = stored_bytes(), [connect(web) for _ in range(24)]
    part = b"a=" + b"x" * 65_534
    for line in lines:
        line.sendall(head(target, LARGE))
        for _ in range(16):
            line.sendall(part)
    wait_until(lambda: [request.is_discarded for request in list_received(web)] == [True] * 24, "the decisions")
    assert stored_bytes() - before == 0
    for line in lines:
        line.close()
    attempts(24)


def test_a_form_that_is_too_large_is_answered_by_a_page_when_it_has_been_read(web: PageServer) -> None:
    assert post(web, "/steppe/send", b"text=" + b"x" * LARGE) == (413, "That is too much")


def test_a_chunked_body_that_is_too_large_is_cut_off(web: PageServer) -> None:
    with connect(web) as line:
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        line.sendall(head("/steppe/send", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        with suppress(OSError):
            for _ in range(5):
                line.sendall(chunk)
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_the_webhook_takes_a_large_mail_at_its_own_address_alone(web: PageServer) -> None:
    raw, kind = b"x" * MAX_MAIL_BYTES, {"Content_Type": "message/rfc822"}
    assert post(web, path(HOOK), raw, **kind) == (401, "the signature does not fit, or is too old")
    assert post(web, path(HOOK), raw + b"x", **kind) == (413, "larger than 25 MB")
    assert post(web, "/mail/in/guessed", raw, **kind) == (404, "Nothing here")


def test_a_client_that_waits_for_leave_gets_it_or_a_page_at_once(web: PageServer) -> None:
    """RFC 9110, section 10.1.1."""
    wait = "Expect: 100-continue"
    with connect(web) as line:
        line.sendall(head(path(HOOK), LARGE, wait))
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    with connect(web) as line:
        line.sendall(head("/steppe/send", LARGE, wait))
        answer = b"".join(iter(lambda: line.recv(65536), b""))
        assert (answer[:12], b"That is too much" in answer) == (b"HTTP/1.1 413", True)
    with connect(web) as line:
        line.sendall(head("/steppe/send", MAX_FORM_BYTES, wait))
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    with connect(web) as line:
        line.sendall(f"GET /steppe/ HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 4000])
def test_a_length_of_thousands_of_digits_is_answered(web: PageServer, length: str) -> None:
    with connect(web) as line:
        line.sendall(f"POST /steppe/send HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.split()[1] == (b"400" if len(length) > 4300 else b"413")


@pytest.mark.threat("large bodies")
def test_many_large_forms_leave_room_for_small_ones_and_for_uploads(
    web: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_server, "MAX_STORED_FORM_BYTES", SMALL_ROOM)
    before = stored_bytes()
    lines = [connect(web) for _ in range(8)]
    for line in lines:
        line.sendall(head("/steppe/send", MAX_FORM_BYTES) + b"x" * 200_000)
    wait_until(
        lambda: [request.needs_decision for request in list_received(web)] == [False] * 8,
        "the decisions about eight forms",
    )
    stored = [request for request in list_received(web) if not request.is_discarded]
    wait_until(
        lambda: {request.body_bytes_received for request in list_received(web)} == {200_000}, "all that was sent"
    )
    assert (len(stored), stored_bytes() - before) == (SMALL_ROOM // MAX_FORM_BYTES, len(stored) * 200_000)
    assert post(web, "/steppe/send", b"text=" + b"x" * (MAX_FORM_BYTES - 5)) == (503, "Too many large files at once")
    assert post(web, "/steppe/send", b"text=" + b"x" * (MAX_BYTES_IN_MEMORY - 5))[0] == 400  # no token, but read
    assert post(web, path(HOOK), b"x" * 2_000_000, Content_Type="message/rfc822")[0] == 401
    for line in lines:
        line.close()
    wait_until(lambda: not web.active_channels, "the end of the connections")
    assert post(web, "/steppe/send", b"text=" + b"x" * (MAX_FORM_BYTES - 5))[0] == 400


@pytest.fixture
def _may_open_4000_files() -> Iterator[None]:
    """As `page_server.serve` lets a process open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(page_server.OPEN_FILES, limits[1]), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.threat("large bodies")
@pytest.mark.usefixtures("_may_open_4000_files")
def test_half_sent_forms_keep_no_picture_from_the_desk(web: PageServer) -> None:
    """Each has a socket here and a file, and with ours there are more open files than select(2) knows."""
    lines = [connect(web) for _ in range(400)]
    for line in lines:
        line.sendall(head("/steppe/send", MAX_BYTES_IN_MEMORY + 1_000) + b"x" * (MAX_BYTES_IN_MEMORY + 1))
    wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) > 1_100, "the files of the forms")
    photo = io.BytesIO()
    Image.new("RGB", (400, 400)).save(photo, "JPEG")
    image, reason = attached_files.draw_portrait(photo.getvalue())
    for line in lines:
        line.close()
    assert (image[:2], reason) == (b"\xff\xd8", "")


def test_a_limit_that_cannot_be_found_out_is_that_of_forms() -> None:
    def fail(_environ: dict[str, Any]) -> int:
        raise OSError

    def app(environ: dict[str, Any], respond: Any) -> list[bytes]:
        length = len(environ["wsgi.input"].read())
        respond("200 OK", [("Content-Length", str(len(str(length))))])
        return [str(length).encode()]

    with run_page_server(app, fail) as pages:
        assert post(pages, "/", b"x" * MAX_FORM_BYTES) == (200, str(MAX_FORM_BYTES))
        assert post(pages, "/", b"x" * (MAX_FORM_BYTES + 1)) == (200, "0")
    with run_page_server(app) as pages:
        assert post(pages, "/", b"x" * LARGE) == (200, str(LARGE))


def test_no_upload_is_larger_than_the_server_takes(app: Flask) -> None:
    assert {name: upload.max_bytes for name, upload in UPLOADS.items() if upload.max_bytes >= MAX_BODY_BYTES} == {}
    assert UPLOADS.keys() - app.view_functions.keys() == set()


def test_a_check_that_ends_after_its_connection_does_no_harm(app: Flask) -> None:
    asked, ended = threading.Event(), threading.Event()

    def wait(_environ: dict[str, Any]) -> int:
        asked.set()
        ended.wait(WAIT_TIMEOUT)
        return MAX_BODY_BYTES

    with run_page_server(app, wait) as pages:
        line = connect(pages)
        line.sendall(head("/steppe/send", LARGE))
        assert asked.wait(WAIT_TIMEOUT)
        line.close()
        ended.set()
        wait_until(lambda: not pages.limits, "the limit")
        assert post(pages, "/nowhere", b"a=b")[0] == 404
