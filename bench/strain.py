"""Benchmarks under strain: the list of letters while mails and readers come at full rate, readers' pages while the
database can't be written, and hostile mails that are made to keep a parser busy."""

import multiprocessing
import smtplib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle, repeat
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles

import psutil
import psycopg
from sqlalchemy import make_url

from app.db.engine import Database
from app.mail.reading import ParserClient
from app.mailroom.envelope import store_messages
from app.mailroom.placing import Settings, place_due
from app.mailtext.incoming import Mail
from demo.scale.people import SLUG
from tests.support import postgres
from tests.support.hostile_mails import HOSTILE_MAILS

from . import doors, mail_in
from .databases import NAMES, empty, filled, opened
from .fill import fill_newsroom, invite_editor
from .goals import BY_KEY, Figures, Measured, Place, worst
from .load import Call, Result, run
from .readers import sends
from .servers import command, free_port, serving, wait_for
from .surroundings import Run, environment

READERS, MAILS = 32, 300  # readers who send at the same time; mails per second
TOGETHER = 50  # mails in one delivery
LETTERS = Call(f"/desk/{SLUG}/letters")
START = multiprocessing.get_context("spawn")  # a forked process would share the parent's connections
Served = tuple[int, psutil.Process]
Work = Callable[[int, dict[str, str], Event, Event], None]  # takes port, settings, and the events "begun" and "stop"


def report(of: Run) -> Figures:
    """Measure in each kind of database, at the smallest size."""
    figures: Figures = {}
    for kind in of.databases:
        figures |= _crowded(of, kind) | _hostile(of, kind)
    return figures


def _crowded(of: Run, kind: str) -> Figures:
    figures: Figures = {}
    with (
        filled(of.at_the_smallest(), kind, "mail", with_mail) as urls,
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
    ):
        for size, url in urls.items():
            settings = environment(url, folder)
            with serving("wsgi:app", settings) as served:
                found = {"queue-p99": _queue(of, served, settings), "locked-p99": _locked(of, served, settings)}
            found["piped-p99"] = _handed_over(of, settings)
            figures |= {Place(key, NAMES[kind], size): one for key, one in found.items()}
    return figures


def with_mail(database: Database, size: int) -> None:
    """Fill a database with a newsroom of `size` questions that receives mail."""
    fill_newsroom(database, size)
    mail_in.take_mail(database)


def _queue(of: Run, served: Served, settings: dict[str, str]) -> Measured:
    """Measure the p99 latency of the list of letters, alone and beside all other visitors."""
    app = doors.app_of(settings)
    letters = Call(LETTERS.path, cookie=doors.cookie(app, app.extensions["database"].write(invite_editor)))
    seconds = of.pace.rounds * of.pace.seconds
    run(*served, repeat(letters), 1, 0.5)
    alone = run(*served, repeat(letters), 1, seconds)
    with command(settings, "worker"), _others(served, settings, _send, _mail):
        crowded = run(*served, repeat(letters), 1, seconds)
    _say(of, "letters", alone, crowded)
    return Measured(crowded.p99, alone.p99, failed=alone.failed + crowded.failed)


def _locked(of: Run, served: Served, settings: dict[str, str]) -> Measured:
    """Measure the latency of readers' pages while the database can't be written and other readers wait to send."""
    pages = [call for _, call in doors.pages(settings)]
    seconds = of.pace.rounds * of.pace.seconds
    alone = run(*served, cycle(pages), 1, seconds)
    with _others(served, settings, _send), nobody_writes(settings["DATABASE_URL"]):
        meanwhile = run(*served, cycle(pages), 1, seconds)
    _say(of, "readers' pages, nobody can write", alone, meanwhile)
    return Measured(meanwhile.p99, failed=meanwhile.failed)


def _handed_over(of: Run, settings: dict[str, str]) -> Measured:
    """Measure the p99 time until a mail that is handed over by LMTP is stored."""
    port, took = free_port(), list[float]()
    with command(settings, "mail", "lmtp", "--port", str(port)):
        wait_for(port, "LMTP")
        with smtplib.LMTP("127.0.0.1", port) as line:
            for _ in range(MAILS):
                began = time.perf_counter()
                line.sendmail("reader@post.example", ["ask@river.example"], mail_in.reply())
                took.append((time.perf_counter() - began) * 1000)
    cuts = quantiles(took, n=100)
    of.say(f"{'a mail by LMTP':<34} p50 {cuts[49]:.1f} p99 {cuts[98]:.1f} ms")
    return Measured(cuts[98])


def _say(of: Run, what: str, alone: Result, beside: Result) -> None:
    shown = (f"{when} p50 {one.p50:.1f} p99 {one.p99:.1f} ms" for when, one in (("alone", alone), ("then", beside)))
    of.say(f"{what:<34} {'   '.join(shown)}")


@contextmanager
def _others(served: Served, settings: dict[str, str], *works: Work) -> Iterator[None]:
    """Run processes until the block ends, and wait until each is under way."""
    stop = START.Event()
    begun = [START.Event() for _ in works]
    children = [
        START.Process(target=work, args=(served[0], settings, one, stop))
        for work, one in zip(works, begun, strict=True)
    ]
    for child in children:
        child.start()
    try:
        for one in begun:
            if not one.wait(60):
                raise RuntimeError("nobody came")
        yield
    finally:
        stop.set()
        for child in children:
            child.join(60)


def _send(port: int, settings: dict[str, str], begun: Event, stop: Event) -> None:
    """Send readers' questions one after the other."""
    asked, me = sends(settings), psutil.Process()
    while not stop.is_set():
        run(port, me, asked, READERS, 0.5)
        begun.set()


def _mail(_port: int, settings: dict[str, str], begun: Event, stop: Event) -> None:
    """Store mails for the worker to place."""
    database = opened(settings["DATABASE_URL"])
    while not stop.is_set():
        until = time.monotonic() + TOGETHER / MAILS
        store_messages(database, [mail_in.reply() for _ in range(TOGETHER)], "pipe")
        begun.set()
        time.sleep(max(0.0, until - time.monotonic()))
    database.close()


@contextmanager
def nobody_writes(url: str) -> Iterator[None]:
    """Hold a lock that every sender of a question must wait for."""
    if url.startswith("sqlite"):
        line = sqlite3.connect(str(make_url(url).database), isolation_level=None, timeout=30)
        line.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            line.rollback()
            line.close()
        return
    with psycopg.connect(postgres.to_psycopg_url(url)) as holder:
        holder.execute("LOCK TABLE letters IN EXCLUSIVE MODE")
        yield
        holder.rollback()


def _hostile(of: Run, kind: str) -> Figures:
    """Measure the CPU time to place each hostile mail, and return the highest."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder, empty(kind, 1, Path(folder)) as urls:
        for url in urls:
            database = mail_in.prepare(url)
            found: dict[str, Measured] = {}
            meter = mail_in.Meter(database)
            with ParserClient(10) as reading:
                for number, (name, mail) in enumerate(HOSTILE_MAILS.items()):
                    store_messages(database, [raw(number, mail)], "pipe")
                    taken = meter.taken(partial(place_due, database, reading, Settings(), 1), 1)
                    found[name] = Measured(taken.cpu_ms)
            database.close()
            of.say("hostile mails: " + ", ".join(f"{name} {one.value:.0f} ms" for name, one in found.items()))
            return {Place("hostile-cpu", NAMES[kind], mail_in.QUESTIONS): worst(found, BY_KEY["hostile-cpu"])}
    return {}


def raw(number: int, mail: Mail) -> bytes:
    """Return the bytes of a hostile mail."""
    kind, text = ("html", mail.html) if mail.html else ("plain", mail.plain)
    lines = (text or "").replace("\r\n", "\n").encode()
    return mail_in.delivered(number) + (
        b"To: ask@river.example\r\nSubject: Re: The salt in the wind\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/" + kind.encode() + b"; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + lines
    )
