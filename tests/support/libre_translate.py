"""A server on this machine that answers as LibreTranslate's public API does (POST /translate, in JSON, texts as a list)."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from app.settings.translation_server import TranslationServer
from tests.support.answering import Answer, Answering, running

KEY = "a key of the newsroom"
KNOWN = ("en", "fa", "ru")


class LibreTranslate(ThreadingHTTPServer):
    """It puts each text in brackets. `answers` are given first, one a request; `asked` is all that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.over = threading.Event()

    def as_set(self, key: str = KEY) -> TranslationServer:
        return TranslationServer(f"http://127.0.0.1:{self.server_address[1]}/", key)


class Talk(Answering):
    server: LibreTranslate

    def answer(self) -> Answer:
        sent = json.loads(self.sent())
        self.server.asked.append((self.path, str(self.headers["Content-Type"]), sent))
        return self.server.answers.pop(0) if self.server.answers else usual(sent)


def usual(sent: dict[str, Any]) -> Answer:
    if sent.get("api_key") != KEY:
        return Answer({"error": "Please contact the server operator to get an API key"}, 403)
    if {sent["source"], sent["target"]} - {*KNOWN, "auto"}:
        return Answer({"error": f"{sent['source']} is not supported"}, 400)
    return Answer({"translatedText": [f"[{text}]" for text in sent["q"]]})


@contextmanager
def libre_translate() -> Iterator[LibreTranslate]:
    server = LibreTranslate()
    with running(server, server.over):
        yield server
