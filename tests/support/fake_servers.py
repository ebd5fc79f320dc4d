"""Fake HTTP servers: canned responses, a receiver of webhooks, LibreTranslate."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any, TypeVar
from urllib.parse import urlsplit

from app.core.actors import Staff
from app.db.engine import Database
from app.programs import calling, registering
from app.programs.models import Program
from app.settings.translation_server import TranslationServer
from app.workflows import program_messages
from tests.support.sample_newsroom import Newsroom

S = TypeVar("S", bound=BaseServer)


@dataclass(frozen=True)
class CannedResponse:
    """A response; a `body` other than bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    byte_delay: float = 0.0  # seconds between two bytes; 0 sends the body at once

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class CannedResponseHandler(BaseHTTPRequestHandler):
    """Answers each request with `get_response`, as JSON by default; the server's event `stop` ends its delays."""

    def get_response(self) -> CannedResponse:
        raise NotImplementedError

    def read_body(self) -> bytes:
        """Return the body of the request, or the query of a GET."""
        if self.command == "GET":
            return urlsplit(self.path).query.encode()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        response = self.get_response()
        with suppress(OSError):
            self.send_response(response.status)
            for name, value in {"Content-Type": "application/json", **response.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.raw)))
            self.end_headers()
            chunk_size = 1 if response.byte_delay else len(response.raw)
            for start in range(0, len(response.raw), chunk_size or 1):
                self.server.stop.wait(response.byte_delay)  # type: ignore[attr-defined]
                self.wfile.write(response.raw[start : start + chunk_size])

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def run_server(server: S, stop: threading.Event) -> Iterator[S]:
    """Run a server in a thread until the block ends; `stop` is set then, to end the delays of its handlers."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            server.shutdown()
            thread.join()


ALLOWED_HOSTS = frozenset({"127.0.0.1"})


class WebhookReceiver(ThreadingHTTPServer):
    """Receives webhooks; `requests` are the headers, with names in lower case, and the bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebhookHandler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.response = CannedResponse(b"", 204)
        self.stop = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks?of=us"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.requests]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _body in self.requests]


class WebhookHandler(CannedResponseHandler):
    server: WebhookReceiver

    def get_response(self) -> CannedResponse:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((headers, self.read_body()))
        return self.server.response


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    server = WebhookReceiver()
    with run_server(server, server.stop):
        yield server


def add_program(database: Database, newsroom: Newsroom, address: str, kind: str = "webhook") -> int:
    """Register another program as an admin, and return its key."""
    return database.write(lambda s: registering.add(s, make_admin(newsroom), kind, "The site", address).id)


def make_admin(newsroom: Newsroom) -> Staff:
    return replace(newsroom.nora, role="admin")


def deliver_messages(database: Database, current_time: datetime | None = None) -> dict[str, int]:
    """Deliver the due messages to other programs, as the worker does."""
    return calling.deliver_due(database, program_messages.build_message, ALLOWED_HOSTS, current_time=current_time)


def get_program(database: Database, key: int) -> Program:
    with database.read() as session:
        return session.get_one(Program, key)


TRANSLATION_KEY = "a key of the newsroom"
TRANSLATION_LANGUAGES = ("en", "fa", "ru")


class LibreTranslateServer(ThreadingHTTPServer):
    """Translates each text by putting it in brackets, after the canned `responses` have been used up, one per request.

    `requests` are the path, the content type and the parsed body of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), LibreTranslateHandler)
        self.responses: list[CannedResponse] = []
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.stop = threading.Event()

    def get_settings(self, key: str = TRANSLATION_KEY) -> TranslationServer:
        return TranslationServer(f"http://127.0.0.1:{self.server_address[1]}/", key)


class LibreTranslateHandler(CannedResponseHandler):
    server: LibreTranslateServer

    def get_response(self) -> CannedResponse:
        payload = json.loads(self.read_body())
        self.server.requests.append((self.path, str(self.headers["Content-Type"]), payload))
        if self.server.responses:
            return self.server.responses.pop(0)
        return translate_in_brackets(payload)


def translate_in_brackets(payload: dict[str, Any]) -> CannedResponse:
    if payload.get("api_key") != TRANSLATION_KEY:
        return CannedResponse({"error": "Please contact the server operator to get an API key"}, 403)
    if {payload["source"], payload["target"]} - {*TRANSLATION_LANGUAGES, "auto"}:
        return CannedResponse({"error": f"{payload['source']} is not supported"}, 400)
    return CannedResponse({"translatedText": [f"[{text}]" for text in payload["q"]]})


@contextmanager
def libre_translate() -> Iterator[LibreTranslateServer]:
    server = LibreTranslateServer()
    with run_server(server, server.stop):
        yield server
