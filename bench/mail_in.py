"""`python -m bench.mail_in`: mails stored and placed per second, beside parsing and one insert with a commit in the
same database.

One process; each mail is sealed, committed and only then placed: parsed and trimmed in the process that reads, judged,
deduplicated, made a letter. The floor is `email.message_from_bytes` and the raw bytes in one row. Rounds are
interleaved.
"""

import argparse
import email
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from uuid import uuid4

import psycopg
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, insert, make_url, select
from sqlalchemy.orm import Session

from app.db import Database
from app.mail import inbound
from app.mail.reading import Reading
from app.mailroom.placing import Settings, place_due
from app.migrate import migrate
from app.newsletters.models import Newsletter
from app.seal import Keys

from . import fill

MAILS, ROUNDS = 200, 5
POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"  # where TEST_POSTGRES_URL names no other
FLOOR = Table(
    "floor", MetaData(), Column("id", Integer, primary_key=True), Column("subject", String), Column("raw", LargeBinary)
)
QUOTED = "\r\n".join(
    f"> The salt in the wind, part {n}: what the station measured, and what nobody did." for n in range(40)
)
_numbers = count(1)

Say = Callable[[str], None]


def reply() -> bytes:
    """A reader's reply to an edition, like no other: six lines of their own above the whole of it."""
    number = next(_numbers)
    words = "\r\n".join(
        f"Line {line} of question {number}: why does the salt rise in this village?" for line in range(6)
    )
    return (
        f"Return-Path: <reader{number}@post.example>\r\nDelivered-To: ask@river.example\r\n"
        f"Received: from a by b; Mon, 12 Oct 2026 10:00:00 +0000\r\nFrom: Reader <reader{number}@post.example>\r\n"
        f"To: ask@river.example\r\nSubject: Re: The salt in the wind\r\nDate: Mon, 12 Oct 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{number}.{uuid4().hex}@post.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        f"{words}\r\n\r\nOn Sun, 11 Oct 2026 at 09:00, River <letter@river.example> wrote:\r\n{QUOTED}\r\n"
    ).encode()


def floor(database: Database, mails: list[bytes]) -> None:
    for raw in mails:
        row = {"subject": email.message_from_bytes(raw)["Subject"], "raw": raw}
        database.write(partial(Session.execute, statement=insert(FLOOR), params=row))


def store(database: Database, mails: list[bytes]) -> None:
    for raw in mails:
        database.write(partial(inbound.store, raw=raw, source="pipe"))


def place(database: Database, reading: Reading, expected: int) -> None:
    done = place_due(database, reading, Settings(), expected)
    assert dict(done) == {"letter": expected}, done


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return MAILS / (time.perf_counter() - began)


def rates(database: Database) -> dict[str, float]:
    """The medians of all rounds, in mails per second."""
    found: dict[str, list[float]] = {"floor": [], "stored": [], "placed": [], "both": []}
    with Reading(10) as reading:
        store(database, [reply()])
        place(database, reading, 1)  # starts the process that reads
        for _ in range(ROUNDS):
            first, second = [reply() for _ in range(MAILS)], [reply() for _ in range(MAILS)]
            found["floor"].append(timed(partial(floor, database, first)))
            found["stored"].append(timed(partial(store, database, second)))
            found["placed"].append(timed(partial(place, database, reading, MAILS)))
            found["both"].append(1 / (1 / found["stored"][-1] + 1 / found["placed"][-1]))
    return {name: median(values) for name, values in found.items()}


def prepare(url: str) -> Database:
    """A newsroom of one newsletter that takes mail."""
    migrate(url)
    database = Database(url, Keys({1: bytes(range(32))}), "http://127.0.0.1")
    fill.newsroom(database, 10)
    FLOOR.create(database.writer)

    def take_mail(session: Session) -> None:
        newsletter = session.scalars(select(Newsletter).order_by(Newsletter.id)).first()
        assert newsletter is not None
        newsletter.inbox, newsletter.list_address = "ask@river.example", "letter@river.example"

    database.write(take_mail)
    return database


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of a database of our own, dropped at the end; None where no server lets us make one."""
    server, name = os.environ.get("TEST_POSTGRES_URL") or POSTGRES, f"mail_in_{uuid4().hex}"
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as stack:
        try:
            admin = stack.enter_context(psycopg.connect(plain, autocommit=True, connect_timeout=3))
            admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        except psycopg.Error:
            yield None
            return
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def report(say: Say) -> None:
    """Measure on SQLite, and on PostgreSQL where there is one."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder, postgres() as url:
        for name, where in (("SQLite (WAL, synchronous=FULL)", f"sqlite:///{folder}/mail.db"), ("PostgreSQL", url)):
            if where is None:
                say(f"mail in, {name}: not measured, no server lets us make a database (TEST_POSTGRES_URL)")
                continue
            database = prepare(where)
            try:
                found = rates(database)
            finally:
                database.close()
            say(
                f"mail in, {name}: stored and placed {found['both']:.0f}/s (stored {found['stored']:.0f}/s, placed "
                f"{found['placed']:.0f}/s); floor, parse and insert {found['floor']:.0f}/s; rate "
                f"x{found['both'] / found['floor']:.2f}"
            )


def main() -> None:
    argparse.ArgumentParser(prog="bench.mail_in", description=__doc__).parse_args()
    with suppress(KeyboardInterrupt):
        report(partial(print, flush=True))


if __name__ == "__main__":
    main()
