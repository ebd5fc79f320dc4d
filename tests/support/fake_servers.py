"""Servers of others, played over HTTP on this machine: canned answers, a receiver of webhooks, LibreTranslate."""

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
    """An answer other than the usual one. `body` may be anything; each byte comes `slowly`, so many seconds apart."""

    body: Any = b""
    status: int = 200
    head: dict[str, str] = field(default_factory=dict)
    slowly: float = 0.0

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class CannedResponseHandler(BaseHTTPRequestHandler):
    """Answers each request by `answer`, in JSON where that says nothing else; the server's event `over` cuts short what comes
    slowly."""

    def get_response(self) -> CannedResponse:
        raise NotImplementedError

    def read_body(self) -> bytes:
        """What came with the request; in a GET its query."""
        query = urlsplit(self.path).query.encode()
        return query if self.command == "GET" else self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        answer, over = self.get_response(), self.server.over  # type: ignore[attr-defined]
        with suppress(OSError):
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.raw)))
            self.end_headers()
            for piece in (
                [answer.raw[at : at + 1] for at in range(len(answer.raw))] if answer.byte_delay else [answer.raw]
            ):
                over.wait(answer.byte_delay)
                self.wfile.write(piece)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def run_server(server: S, over: threading.Event) -> Iterator[S]:
    """A server in a thread of this process; at the end those who still wait in it are let go."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            over.set()
            server.shutdown()
            thread.join()


ALLOWED_HOSTS = frozenset({"127.0.0.1"})


class WebhookReceiver(ThreadingHTTPServer):
    """`heard` are the calls that came: their heads and their bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebhookHandler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer = CannedResponse(b"", 204)
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks?of=us"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _head, body in self.requests]

    @property
    def types(self) -> list[str]:
        return [one["type"] for one in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [head["webhook-id"] for head, _body in self.requests]


class WebhookHandler(CannedResponseHandler):
    server: WebhookReceiver

    def get_response(self) -> CannedResponse:
        self.server.requests.append(({name.lower(): value for name, value in self.headers.items()}, self.read_body()))
        return self.server.answer


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    server = WebhookReceiver()
    with run_server(server, server.over):
        yield server


def add_program(database: Database, newsroom: Newsroom, address: str, kind: str = "webhook") -> int:
    """An admin adds a program. Gives its key."""
    return database.write(lambda s: registering.add(s, make_admin(newsroom), kind, "The site", address).id)


def make_admin(newsroom: Newsroom) -> Staff:
    return replace(newsroom.nora, role="admin")


def deliver_messages(database: Database, at: datetime | None = None) -> dict[str, int]:
    """The worker tells what is due."""
    return calling.deliver_due(database, program_messages.build_message, ALLOWED_HOSTS, current_time=at)


def get_program(database: Database, key: int) -> Program:
    with database.read() as session:
        return session.get_one(Program, key)


TRANSLATION_KEY = "a key of the newsroom"
TRANSLATION_LANGUAGES = ("en", "fa", "ru")


class LibreTranslateServer(ThreadingHTTPServer):
    """It puts each text in brackets. `answers` are given first, one a request; `asked` is all that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), LibreTranslateHandler)
        self.responses: list[CannedResponse] = []
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.over = threading.Event()

    def get_settings(self, key: str = TRANSLATION_KEY) -> TranslationServer:
        return TranslationServer(f"http://127.0.0.1:{self.server_address[1]}/", key)


class LibreTranslateHandler(CannedResponseHandler):
    server: LibreTranslateServer

    def get_response(self) -> CannedResponse:
        sent = json.loads(self.read_body())
        self.server.requests.append((self.path, str(self.headers["Content-Type"]), sent))
        return self.server.responses.pop(0) if self.server.responses else translate_in_brackets(sent)


def translate_in_brackets(sent: dict[str, Any]) -> CannedResponse:
    if sent.get("api_key") != TRANSLATION_KEY:
        return CannedResponse({"error": "Please contact the server operator to get an API key"}, 403)
    if {sent["source"], sent["target"]} - {*TRANSLATION_LANGUAGES, "auto"}:
        return CannedResponse({"error": f"{sent['source']} is not supported"}, 400)
    return CannedResponse({"translatedText": [f"[{text}]" for text in sent["q"]]})


@contextmanager
def libre_translate() -> Iterator[LibreTranslateServer]:
    server = LibreTranslateServer()
    with run_server(server, server.over):
        yield server
