"""The server of the pages keeps a connection for the client's next request."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.support.turning import turning
from tests.support.waiting import PATIENCE


@pytest.fixture
def line() -> Iterator[http.client.HTTPConnection]:
    """A connection to a server that answers 304 to a request with a tag, and 200 to any other."""

    def app(environ: dict[str, Any], respond: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
        if "HTTP_IF_NONE_MATCH" in environ:
            respond("304 Not Modified", [("ETag", '"a"')])
            return []
        respond("200 OK", [("Content-Length", "2"), ("ETag", '"a"')])
        return [b"ok"]

    with (
        turning(app) as pages,
        closing(http.client.HTTPConnection("127.0.0.1", int(pages.effective_port), timeout=PATIENCE)) as connection,
    ):
        yield connection


def answer(line: http.client.HTTPConnection, **headers: str) -> tuple[int, str | None]:
    """The status of an answer, and what it says of the connection."""
    line.request("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = line.getresponse()
    response.read()
    return response.status, response.headers["Connection"]


def test_a_connection_lasts_unless_the_client_wants_it_to_end(line: http.client.HTTPConnection) -> None:
    line.connect()
    socket = line.sock
    assert [answer(line), answer(line, If_None_Match='"a"'), answer(line)] == [(200, None), (304, None), (200, None)]
    assert line.sock is socket
    assert answer(line, If_None_Match='"a"', Connection="close") == (304, "close")
    assert answer(line, Connection="close") == (200, "close")
    line._http_vsn_str = "HTTP/1.0"  # type: ignore[attr-defined]
    assert answer(line) == (200, "close")
