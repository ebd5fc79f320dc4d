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
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, event, insert, select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.migrate import migrate
from app.mail.reading import ParserClient
from app.mailroom.envelope import store_messages
from app.mailroom.placing import Settings, place_due
from app.newsletters.models import Newsletter

from .databases import NAMES, empty, opened
from .fill import fill_newsroom, write_letter
from .goals import Figures, Measured, Place
from .load import Pace
from .surroundings import Run, Say, say

MAILS, TOGETHER = 300, 50
QUESTIONS = 1_000  # of the newsroom that the mails come to
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "replies.jsonl"
REPLIES = "replies"
FLOOR = Table(
    "floor", MetaData(), Column("id", Integer, primary_key=True), Column("subject", String), Column("raw", LargeBinary)
)
QUOTED = "\r\n".join(
    f"> The salt in the wind, part {n}: what the station measured, and what nobody did." for n in range(40)
)
_WRITER = re.compile(rb"(?im)^(?:from|message-id):.*\n(?:[ \t].*\n)*")
_numbers = count(1)

Mails = Callable[[], bytes]


def reply() -> bytes:
    """Return a unique reply of a reader to an edition, which is quoted in full."""
    number = next(_numbers)
    words = "\r\n".join(textwrap.wrap(write_letter(number)))
    return (
        delivered(number)
        + (
            f"To: ask@river.example\r\nSubject: Re: The salt in the wind\r\nDate: Mon, 12 Oct 2026 10:00:00 +0000\r\n"
            f"MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n"
            f"{words}\r\n\r\nOn Sun, 11 Oct 2026 at 09:00, River <letter@river.example> wrote:\r\n{QUOTED}\r\n"
        ).encode()
    )


def of_the_corpus() -> Mails:
    """Return a function that returns the real mails in turn, each time from another reader with another Message-ID."""
    lines = CORPUS.read_text().splitlines()
    raws = [base64.b64decode(json.loads(line)["raw_b64"]).replace(b"\r\n", b"\n") for line in lines]

    def one() -> bytes:
        number = next(_numbers)
        head, end, body = raws[number % len(raws)].partition(b"\n\n")
        return delivered(number).replace(b"\r\n", b"\n") + _WRITER.sub(b"", head + b"\n") + end[1:] + body

    return one


def delivered(number: int) -> bytes:
    """Return the first headers of a mail."""
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
        store_messages(database, mails[at : at + together], "pipe")


def place(database: Database, reading: ParserClient, expected: int) -> Counter[str]:
    done = place_due(database, reading, Settings(), expected)
    assert done.total() == expected, done
    return done


@dataclass
class Taken:
    """The cost of some work: mails per second, and CPU time and statements per mail."""

    rate: float
    cpu_ms: float
    statements: float


class Meter:
    """Measures wall-clock and CPU time, of this process and its children, and counts statements."""

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


def measured(database: Database, mail: Mails, rounds: int) -> tuple[dict[str, Taken], Counter[str]]:
    """Return the medians of all rounds, and the number of mails by place."""
    found: dict[str, list[Taken]] = {}
    places = Counter[str]()
    meter = Meter(database)
    with ParserClient(10) as reading:
        store(database, [mail()])
        place(database, reading, 1)  # starts the parser process
        for _ in range(rounds):
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
    """Migrate and fill a database with a newsletter that receives mail, and open it."""
    migrate(url)
    database = opened(url)
    fill_newsroom(database, QUESTIONS)
    FLOOR.create(database.writer)
    take_mail(database)
    return database


def take_mail(database: Database) -> None:
    """Give the first newsletter an inbox."""

    def take(session: Session) -> None:
        newsletter = session.scalars(select(Newsletter).order_by(Newsletter.id)).first()
        assert newsletter is not None
        newsletter.inbox, newsletter.list_address = "ask@river.example", "letter@river.example"

    database.write(take)


def report(run: Run) -> Figures:
    """Measure in each kind of database; the goals are about replies to an edition."""
    figures: Figures = {}
    for kind in run.databases:
        with (
            tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
            empty(kind, 1, Path(folder)) as urls,
        ):
            for url in urls:
                database = prepare(url)
                try:
                    for name, mail in mails():
                        found, places = measured(database, mail, run.pace.rounds)
                        made = tell(run.say, f"mail in, {NAMES[kind]}, {name}", found, places)
                        if name == REPLIES:
                            figures |= {Place(key, NAMES[kind], QUESTIONS): one for key, one in made.items()}
                finally:
                    database.close()
    return figures


def mails() -> list[tuple[str, Mails]]:
    return [(REPLIES, reply), *([("corpus", of_the_corpus())] if CORPUS.is_file() else [])]


def tell(say: Say, name: str, found: dict[str, Taken], places: Counter[str]) -> dict[str, Measured]:
    """Print the figures; return those of the goals, which are about fifty mails together."""
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
    return {
        "mail-rate": Measured(both),
        "mail-share": Measured(both, floor.rate),
        "mail-cpu": Measured(cpu, floor.cpu_ms),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.mail_in", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    with suppress(KeyboardInterrupt):
        report(Run(say, (QUESTIONS,), tuple(NAMES), Pace(parser.parse_args().rounds, 0.0)))


if __name__ == "__main__":
    main()
