"""`python -m bench.mail_in`: mails stored and placed, beside parsing and one insert in the same database.

One process; each mail is sealed, committed and only then placed: parsed and trimmed in the parser process, judged,
deduplicated, made a letter. The floor is `email.message_from_bytes` and the raw bytes in one row, with a commit for
each mail and for fifty. Rounds are interleaved; CPU is of this process and the parser process, not of a database
server. The mails are replies to an edition, and the real ones of ../shared/corpus (where that is present).
"""

import argparse
import base64
import email
import json
import re
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from uuid import uuid4

import psutil
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, event, insert
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.migrate import migrate
from app.mail.reading import ParserClient
from app.mailroom.envelope import store_messages
from app.mailroom.placing import Settings, place_due

from .goals import FigureKey, Figures, Measurement
from .load_client import Pace
from .newsroom_data import INBOX, LIST_ADDRESS, add_inbox, fill_newsroom, write_letter
from .run_options import RunOptions, WriteLine, print_line
from .temporary_databases import DATABASE_NAMES, empty_databases, open_database

MAILS, BATCH_SIZE = 300, 50
PARSE_TIMEOUT = 10  # seconds
QUESTIONS = 1_000  # of the newsroom that receives the mails
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "replies.jsonl"
REPLIES = "replies"
FLOOR_TABLE = Table(
    "floor", MetaData(), Column("id", Integer, primary_key=True), Column("subject", String), Column("raw", LargeBinary)
)
QUOTED_EDITION = "\r\n".join(
    f"> The salt in the wind, part {n}: what the station measured, and what nobody did." for n in range(40)
)
_SENDER_HEADERS = re.compile(rb"(?im)^(?:from|message-id):.*\n(?:[ \t].*\n)*")
_mail_numbers = count(1)

MailSource = Callable[[], bytes]  # returns a new mail at each call


def write_reply() -> bytes:
    """Return a unique reply of a reader to an edition, which is quoted in full."""
    number = next(_mail_numbers)
    body = "\r\n".join(textwrap.wrap(write_letter(number)))
    return (
        delivery_headers(number)
        + (
            f"To: {INBOX}\r\nSubject: Re: The salt in the wind\r\nDate: Mon, 12 Oct 2026 10:00:00 +0000\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n"
            f"{body}\r\n\r\nOn Sun, 11 Oct 2026 at 09:00, River <{LIST_ADDRESS}> wrote:\r\n{QUOTED_EDITION}\r\n"
        ).encode()
    )


def read_corpus() -> MailSource:
    """Return a source of the real mails in turn, each time from another reader with another Message-ID."""
    lines = CORPUS.read_text().splitlines()
    raw_mails = [base64.b64decode(json.loads(line)["raw_b64"]).replace(b"\r\n", b"\n") for line in lines]

    def next_mail() -> bytes:
        number = next(_mail_numbers)
        headers, separator, body = raw_mails[number % len(raw_mails)].partition(b"\n\n")
        own_headers = delivery_headers(number).replace(b"\r\n", b"\n")
        return own_headers + _SENDER_HEADERS.sub(b"", headers + b"\n") + separator[1:] + body

    return next_mail


def list_sources() -> list[tuple[str, MailSource]]:
    """Return the sources of mails by name."""
    sources: list[tuple[str, MailSource]] = [(REPLIES, write_reply)]
    if CORPUS.is_file():
        sources.append(("corpus", read_corpus()))
    return sources


def delivery_headers(number: int) -> bytes:
    """Return the first headers of a mail, from return path to Message-ID."""
    return (
        f"Return-Path: <reader{number}@post.example>\r\nDelivered-To: {INBOX}\r\n"
        f"Received: from a by b; Mon, 12 Oct 2026 10:00:00 +0000\r\nFrom: Reader <reader{number}@post.example>\r\n"
        f"Message-ID: <{number}.{uuid4().hex}@post.example>\r\n"
    ).encode()


def insert_raw(database: Database, mails: Sequence[bytes], batch_size: int) -> None:
    """Do the work of the floor, with a commit per batch."""
    for start in range(0, len(mails), batch_size):
        batch = mails[start : start + batch_size]
        rows = [{"subject": email.message_from_bytes(raw)["Subject"], "raw": raw} for raw in batch]
        database.write(partial(Session.execute, statement=insert(FLOOR_TABLE), params=rows))


def store(database: Database, mails: Sequence[bytes], batch_size: int = 1) -> None:
    for start in range(0, len(mails), batch_size):
        store_messages(database, mails[start : start + batch_size], "pipe")


def place(database: Database, parser: ParserClient, mails: int) -> Counter[str]:
    """Place all stored mails, which must be `mails`; return their number by place."""
    placed = place_due(database, parser, Settings(), mails)
    assert placed.total() == mails, placed
    return placed


@dataclass
class WorkCost:
    """The cost of some work: mails per second, and CPU time and statements per mail."""

    rate: float
    cpu_ms: float
    statements: float


class WorkMeter:
    """Measures wall-clock and CPU time, of this process and its children, and counts statements."""

    def __init__(self, database: Database) -> None:
        self.process, self.statements = psutil.Process(), 0
        for engine in (database.reader, database.writer):
            event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.statements += 1

    def _cpu_seconds(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in (self.process, *self.process.children()))

    def measure(self, work: Callable[[], object], mails: int = MAILS) -> WorkCost:
        start, cpu_before, statements_before = time.perf_counter(), self._cpu_seconds(), self.statements
        work()
        seconds = time.perf_counter() - start
        cpu_ms = (self._cpu_seconds() - cpu_before) * 1000
        return WorkCost(mails / seconds, cpu_ms / mails, (self.statements - statements_before) / mails)


def measure_source(database: Database, source: MailSource, rounds: int) -> tuple[dict[str, WorkCost], Counter[str]]:
    """Return the median cost of each kind of work, and the number of mails by place."""
    costs: dict[str, list[WorkCost]] = {}
    places = Counter[str]()
    meter = WorkMeter(database)
    with ParserClient(PARSE_TIMEOUT) as parser:

        def place_all() -> None:
            places.update(place(database, parser, MAILS))

        store(database, [source()])
        place(database, parser, 1)  # starts the parser process
        for _ in range(rounds):
            single_mails = [source() for _ in range(MAILS)]
            batched_mails = [source() for _ in range(MAILS)]
            steps: list[tuple[str, Callable[[], object]]] = [
                ("floor", partial(insert_raw, database, single_mails, 1)),
                ("stored", partial(store, database, single_mails)),
                ("placed", place_all),
                ("floor, 50 together", partial(insert_raw, database, batched_mails, BATCH_SIZE)),
                ("stored, 50 together", partial(store, database, batched_mails, BATCH_SIZE)),
                ("placed", place_all),
            ]
            for name, work in steps:
                costs.setdefault(name, []).append(meter.measure(work))
    return {name: _median_cost(rounds_of_work) for name, rounds_of_work in costs.items()}, places


def _median_cost(costs: Sequence[WorkCost]) -> WorkCost:
    return WorkCost(
        rate=median(cost.rate for cost in costs),
        cpu_ms=median(cost.cpu_ms for cost in costs),
        statements=median(cost.statements for cost in costs),
    )


def prepare_database(url: str) -> Database:
    """Migrate and fill a database with a newsletter that receives mail, and open it."""
    migrate(url)
    database = open_database(url)
    fill_newsroom(database, QUESTIONS)
    FLOOR_TABLE.create(database.writer)
    add_inbox(database)
    return database


def measure(options: RunOptions) -> Figures:
    """Measure in each kind of database; the goals are about replies to an edition."""
    figures: Figures = {}
    for kind in options.databases:
        with (
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
            empty_databases(kind, 1, Path(folder)) as urls,
        ):
            for url in urls:
                database = prepare_database(url)
                try:
                    for name, source in list_sources():
                        costs, places = measure_source(database, source, options.pace.rounds)
                        options.write_line(f"mail in, {DATABASE_NAMES[kind]}, {name}: {dict(places)}")
                        measurements = print_costs(options.write_line, costs)
                        if name == REPLIES:
                            for key, measurement in measurements.items():
                                figures[FigureKey(key, DATABASE_NAMES[kind], QUESTIONS)] = measurement
                finally:
                    database.close()
    return figures


def print_costs(write_line: WriteLine, costs: dict[str, WorkCost]) -> dict[str, Measurement]:
    """Print the costs; return the figures of the goals, which are about batches of fifty mails."""
    for work, cost in costs.items():
        write_line(f"  {work:<20} {cost.rate:>5.0f}/s {cost.cpu_ms:>6.2f} ms CPU {cost.statements:>5.1f} statements")
    placed = costs["placed"]
    for suffix in ("", ", 50 together"):
        floor, stored = costs[f"floor{suffix}"], costs[f"stored{suffix}"]
        rate = 1 / (1 / stored.rate + 1 / placed.rate)
        cpu_ms = stored.cpu_ms + placed.cpu_ms
        write_line(
            f"  stored{suffix} and placed: {rate:.0f}/s, {cpu_ms:.2f} ms CPU; "
            f"of the floor{suffix} rate x{rate / floor.rate:.2f}, CPU x{cpu_ms / floor.cpu_ms:.1f}"
        )
    return {
        "mail-rate": Measurement(rate),
        "mail-share": Measurement(rate, floor.rate),
        "mail-cpu": Measurement(cpu_ms, floor.cpu_ms),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.mail_in", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with suppress(KeyboardInterrupt):
        measure(RunOptions(print_line, (QUESTIONS,), tuple(DATABASE_NAMES), Pace(rounds, 0.0)))


if __name__ == "__main__":
    main()
