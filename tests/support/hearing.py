"""A program that hears what happens at a desk, on this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from http.server import ThreadingHTTPServer
from typing import Any

from app.core.actors import Staff
from app.db.engine import Database
from app.programs import calling, registering
from app.programs.models import Program
from app.workflows import program_messages
from tests.support.answering import Answer, Answering, running
from tests.support.cast import Newsroom

OWN = frozenset({"127.0.0.1"})


class Hearer(ThreadingHTTPServer):
    """`heard` are the calls that came: their heads and their bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hears)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answer = Answer(b"", 204)
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks?of=us"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _head, body in self.heard]

    @property
    def types(self) -> list[str]:
        return [one["type"] for one in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [head["webhook-id"] for head, _body in self.heard]


class Hears(Answering):
    server: Hearer

    def answer(self) -> Answer:
        self.server.heard.append(({name.lower(): value for name, value in self.headers.items()}, self.sent()))
        return self.server.answer


@contextmanager
def hearer() -> Iterator[Hearer]:
    server = Hearer()
    with running(server, server.over):
        yield server


def let_hear(database: Database, newsroom: Newsroom, address: str, kind: str = "webhook") -> int:
    """An admin adds a program. Gives its key."""
    return database.write(lambda s: registering.add(s, an_admin(newsroom), kind, "The site", address).id)


def an_admin(newsroom: Newsroom) -> Staff:
    return replace(newsroom.nora, role="admin")


def tell(database: Database, at: datetime | None = None) -> dict[str, int]:
    """The worker tells what is due."""
    return calling.deliver_due(database, program_messages.build_message, OWN, current_time=at)


def the_program(database: Database, key: int) -> Program:
    with database.read() as session:
        return session.get_one(Program, key)
