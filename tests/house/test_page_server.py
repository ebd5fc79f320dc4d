"""The server of the pages keeps connections for the next request, and overrides nothing of waitress that isn't there."""

import ast
import http.client
import inspect
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from typing import Any

import pytest
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import FixedStreamReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from app.server import page_server
from tests.support.processes import run_page_server
from tests.support.source import ROOT, list_app_modules, parse_module, relative_name
from tests.support.waiting import WAIT_TIMEOUT

# What app/server/page_server.py overrides or calls of waitress's classes, whose documentation names none of it, with the parameters.
CLASSES: dict[type, tuple[type, dict[str, list[str]]]] = {
    HTTPRequestParser: (page_server.SingleRequestParser, {"received": ["data"], "parse_header": ["header_plus"]}),
    FixedStreamReceiver: (page_server.DiscardingReceiver, {"received": ["data"]}),
    ErrorTask: (page_server.ErrorResponseTask, {"execute": []}),
    WSGITask: (page_server.ResponseTask, {"get_environment": [], "set_close_on_finish": []}),
    HTTPChannel: (
        page_server.Connection,
        {
            "writable": [], "readable": [], "send_continue": [], "send": ["data", "do_close"], "received": ["data"], "service": [], "cancel": [], "handle_close": [],
        },
    ),
    ThreadedTaskDispatcher: (
        page_server.PagesFirstDispatcher,
        {"__init__": [], "add_task": ["task"], "set_thread_count": ["count"], "shutdown": ["cancel_pending", "timeout"]},
    ),
    TcpWSGIServer: (
        page_server.PageServer,
        {
            "__init__": ["application", "map", "dispatcher", "adj", "sockinfo", "bind_socket", "kw"],
            "create_socket": ["family", "type"], "set_socket": ["sock", "map"], "handle_accept": [], "maintenance": ["now"],
            "pull_trigger": [], "del_channel": ["map"], "close": [],
        },
    ),
}  # fmt: skip


def parameters(method: Callable[..., Any]) -> list[str]:
    """The public parameters of a method besides `self`."""
    return [name for name in list(inspect.signature(method).parameters)[1:] if not name.startswith("_")]


@pytest.mark.parametrize("theirs", CLASSES, ids=lambda theirs: theirs.__name__)
def test_waitress_has_the_methods_that_the_page_server_was_written_for(theirs: type) -> None:
    ours, methods = CLASSES[theirs]
    overridden = {name for name, value in vars(ours).items() if inspect.isfunction(value) and hasattr(theirs, name)}
    assert overridden <= methods.keys(), "add them to CLASSES"
    found = {name: parameters(getattr(theirs, name)) for name in methods if hasattr(theirs, name)}
    changed = {name: found.get(name, "gone") for name in methods if found.get(name) != methods[name]}
    assert changed == {}, (
        f"waitress {version('waitress')} has changed these methods of {theirs.__name__}: compare its source with"
        f" page_server.{ours.__name__} in app/server/page_server.py, then adapt that class and CLASSES here"
    )


def test_only_the_page_server_imports_waitress() -> None:
    importing = {
        relative_name(path)
        for _, path in list_app_modules()
        for node in ast.walk(parse_module(path))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "waitress")
        or (isinstance(node, ast.Import) and "waitress" in {alias.name.partition(".")[0] for alias in node.names})
    }
    assert importing == {"app/server/page_server.py"}


def test_waitress_is_pinned_exactly() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert [line for line in declared if line.startswith("waitress")] == [f"waitress=={version('waitress')}"], (
        "a new version of waitress may call the methods in CLASSES at other moments: read its changes, then pin that one"
    )


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
        run_page_server(app) as pages,
        closing(http.client.HTTPConnection("127.0.0.1", int(pages.effective_port), timeout=WAIT_TIMEOUT)) as connection,
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
