"""`python -m bench.mail_in`: mails stored and placed, beside parsing and one insert in the same database.

One process; each mail is sealed, committed and only then placed: parsed and trimmed in the process that reads, judged,
deduplicated, made a letter. The floor is `email.message_from_bytes` and the raw bytes in one row, with a commit for
each mail and for fifty. Rounds are interleaved; CPU is of this process and of the one that reads, not of a database
server. The mails are replies to an edition, and the real ones of ../shared/corpus (where that is present).
"""

import argparse
import base64
import email
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from uuid import uuid4

import psutil
import psycopg
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, event, insert, make_url, select
from sqlalchemy.orm import Session

from app.db import Database
from app.mail.reading import Reading
from app.mailroom.envelope import keep_all
from app.mailroom.placing import Settings, place_due
from app.migrate import migrate
from app.newsletters.models import Newsletter
from app.seal import Keys

from . import fill

MAILS, ROUNDS, TOGETHER = 300, 5, 50
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "replies.jsonl"
POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"  # where TEST_POSTGRES_URL names no other
FLOOR = Table(
    "floor", MetaData(), Column("id", Integer, primary_key=True), Column("subject", String), Column("raw", LargeBinary)
)
QUOTED = "\r\n".join(
    f"> The salt in the wind, part {n}: what the station measured, and what nobody did." for n in range(40)
)
_WRITER = re.compile(rb"(?im)^(?:from|message-id):.*\n(?:[ \t].*\n)*")
_numbers = count(1)

Say = Callable[[str], None]
Mails = Callable[[], bytes]


def reply() -> bytes:
    """A reader's reply to an edition, like no other: six lines of their own above the whole of it."""
    number = next(_numbers)
    words = "\r\n".join(
        f"Line {line} of question {number}: why does the salt rise in this village?" for line in range(6)
    )
    return (
        _delivered(number)
        + (
            f"To: ask@river.example\r\nSubject: Re: The salt in the wind\r\nDate: Mon, 12 Oct 2026 10:00:00 +0000\r\n"
            f"MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n"
            f"{words}\r\n\r\nOn Sun, 11 Oct 2026 at 09:00, River <letter@river.example> wrote:\r\n{QUOTED}\r\n"
        ).encode()
    )


def of_the_corpus() -> Mails:
    """The real mails one after the other, each time from another reader with another Message-ID."""
    lines = CORPUS.read_text().splitlines()
    raws = [base64.b64decode(json.loads(line)["raw_b64"]).replace(b"\r\n", b"\n") for line in lines]

    def one() -> bytes:
        number = next(_numbers)
        head, end, body = raws[number % len(raws)].partition(b"\n\n")
        return _delivered(number).replace(b"\r\n", b"\n") + _WRITER.sub(b"", head + b"\n") + end[1:] + body

    return one


def _delivered(number: int) -> bytes:
    """Return what stands at the top of a mail."""
    return (
        f"Return-Path: <reader{number}@post.example>\r\nDelivered-To: ask@river.example\r\n"
        f"Received: from a by b; Mon, 12 Oct 2026 10:00:00 +0000\r\nFrom: Reader <reader{number}@post.example>\r\n"
        f"Message-ID: <{number}.{uuid4().hex}@post.example>\r\n"
    ).encode()


def floor(database: Database, mails: Sequence[bytes], together: int) -> None:
    for at in range(0, len(mails), together):
        rows = [{"subject": email.message_from_bytes(raw)["Subject"], "raw": raw} for raw in mails[at : at + together]]
        database.write(partial(Session.execute, statement=insert(FLOOR), params=rows))


def store(database: Database, mails: Sequence[bytes], together: int = 1) -> None:
    for at in range(0, len(mails), together):
        keep_all(database, mails[at : at + together], "pipe")


def place(database: Database, reading: Reading, expected: int) -> Counter[str]:
    done = place_due(database, reading, Settings(), expected)
    assert done.total() == expected, done
    return done


@dataclass
class Taken:
    """The cost of some work, a mail."""

    rate: float
    cpu_ms: float
    statements: float


class Meter:
    """Takes the time by the clock and by the processors, and counts statements."""

    def __init__(self, database: Database) -> None:
        self.process, self.statements = psutil.Process(), 0
        for engine in (database.reader, database.writer):
            event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.statements += 1

    def _cpu(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in (self.process, *self.process.children()))

    def taken(self, work: Callable[[], object], mails: int = MAILS) -> Taken:
        began, cpu, before = time.perf_counter(), self._cpu(), self.statements
        work()
        seconds = time.perf_counter() - began
        return Taken(mails / seconds, (self._cpu() - cpu) / mails * 1000, (self.statements - before) / mails)


def measured(database: Database, mail: Mails) -> tuple[dict[str, Taken], Counter[str]]:
    """The medians of all rounds, and where the mails went."""
    found: dict[str, list[Taken]] = {}
    places = Counter[str]()
    meter = Meter(database)
    with Reading(10) as reading:
        store(database, [mail()])
        place(database, reading, 1)  # starts the process that reads
        for _ in range(ROUNDS):
            mails, others = ([mail() for _ in range(MAILS)] for _ in range(2))
            works: list[tuple[str, Callable[[], object]]] = [
                ("floor", partial(floor, database, mails, 1)),
                ("stored", partial(store, database, mails)),
                ("placed", lambda: places.update(place(database, reading, MAILS))),
                ("floor, 50 together", partial(floor, database, others, TOGETHER)),
                ("stored, 50 together", partial(store, database, others, TOGETHER)),
                ("placed", lambda: places.update(place(database, reading, MAILS))),
            ]
            for name, work in works:
                found.setdefault(name, []).append(meter.taken(work))
    return {name: _middle(all_of) for name, all_of in found.items()}, places


def _middle(several: Sequence[Taken]) -> Taken:
    return Taken(*(median(getattr(one, name) for one in several) for name in ("rate", "cpu_ms", "statements")))


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
                for mails in [("replies", reply), *([("corpus", of_the_corpus())] if CORPUS.is_file() else [])]:
                    tell(say, f"mail in, {name}, {mails[0]}", *measured(database, mails[1]))
            finally:
                database.close()


def tell(say: Say, name: str, found: dict[str, Taken], places: Counter[str]) -> None:
    say(f"{name}: {dict(places)}")
    for what, one in found.items():
        say(f"  {what:<20} {one.rate:>5.0f}/s {one.cpu_ms:>6.2f} ms CPU {one.statements:>5.1f} statements")
    placed = found["placed"]
    for together in ("", ", 50 together"):
        floor, stored = found[f"floor{together}"], found[f"stored{together}"]
        both = 1 / (1 / stored.rate + 1 / placed.rate)
        cpu = stored.cpu_ms + placed.cpu_ms
        say(
            f"  stored{together} and placed: {both:.0f}/s, {cpu:.2f} ms CPU; "
            f"of the floor{together} rate x{both / floor.rate:.2f}, CPU x{cpu / floor.cpu_ms:.1f}"
        )


def main() -> None:
    argparse.ArgumentParser(prog="bench.mail_in", description=__doc__).parse_args()
    with suppress(KeyboardInterrupt):
        report(partial(print, flush=True))


if __name__ == "__main__":
    main()
