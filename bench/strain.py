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
from demo.scale.long_road import SLUG
from tests.support import postgres
from tests.support.hostile_mails import HOSTILE_MAILS

from .goals import GOALS_BY_KEY, FigureKey, Figures, Measurement, pick_worst
from .load_client import Call, LoadResult, run_load
from .mail_in import PARSE_TIMEOUT, QUESTIONS, WorkMeter, delivery_headers, prepare_database, write_reply
from .newsroom_data import INBOX, add_inbox, fill_newsroom, invite_editor
from .request_builders import get_app, iter_submissions, list_reader_calls, sign_in
from .run_options import RunOptions, server_settings
from .servers import Server, find_free_port, run_command, serve_app, wait_for_port
from .temporary_databases import DATABASE_NAMES, empty_databases, filled_databases, open_database

READERS, MAILS = 32, 300  # readers who send at the same time; mails per second
BATCH_SIZE = 50  # mails in one delivery
LETTERS_PATH = f"/desk/{SLUG}/letters"
SPAWN = multiprocessing.get_context("spawn")  # a forked process would share the parent's connections
Work = Callable[[int, dict[str, str], Event, Event], None]  # takes port, settings, and the events "begun" and "stop"


def measure(options: RunOptions) -> Figures:
    """Measure in each kind of database, at the smallest size."""
    figures: Figures = {}
    for kind in options.databases:
        figures |= _measure_crowded(options, kind) | _measure_hostile_mails(options, kind)
    return figures


def _measure_crowded(options: RunOptions, kind: str) -> Figures:
    figures: Figures = {}
    with (
        filled_databases(options.with_smallest_size(), kind, "mail", fill_newsroom_with_inbox) as urls,
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
    ):
        for size, url in urls.items():
            settings = server_settings(url, folder)
            with serve_app("wsgi:app", settings) as server:
                measurements = {
                    "queue-p99": _measure_letters(options, server, settings),
                    "locked-p99": _measure_locked(options, server, settings),
                }
            measurements["piped-p99"] = _measure_lmtp(options, settings)
            for key, measurement in measurements.items():
                figures[FigureKey(key, DATABASE_NAMES[kind], size)] = measurement
    return figures


def fill_newsroom_with_inbox(database: Database, size: int) -> None:
    """Fill a database with a newsroom of `size` questions that receives mail."""
    fill_newsroom(database, size)
    add_inbox(database)


def _measure_letters(options: RunOptions, server: Server, settings: dict[str, str]) -> Measurement:
    """Measure the p99 latency of the list of letters, alone and beside all other visitors."""
    app = get_app(settings)
    letters = Call(LETTERS_PATH, cookie=sign_in(app, app.extensions["database"].write(invite_editor)))
    seconds = options.pace.rounds * options.pace.seconds
    run_load(*server, repeat(letters), 1, 0.5)
    idle = run_load(*server, repeat(letters), 1, seconds)
    with run_command(settings, "worker"), _run_visitors(server, settings, _send_questions, _store_mails):
        crowded = run_load(*server, repeat(letters), 1, seconds)
    _print_idle_and_busy(options, "letters", idle, crowded)
    return Measurement(crowded.p99, idle.p99, failures=idle.failures + crowded.failures)


def _measure_locked(options: RunOptions, server: Server, settings: dict[str, str]) -> Measurement:
    """Measure the latency of readers' pages while the database can't be written and other readers wait to send."""
    pages = [call for _, call in list_reader_calls(settings)]
    seconds = options.pace.rounds * options.pace.seconds
    idle = run_load(*server, cycle(pages), 1, seconds)
    with _run_visitors(server, settings, _send_questions), block_writers(settings["DATABASE_URL"]):
        locked = run_load(*server, cycle(pages), 1, seconds)
    _print_idle_and_busy(options, "readers' pages, nobody can write", idle, locked)
    return Measurement(locked.p99, failures=locked.failures)


def _measure_lmtp(options: RunOptions, settings: dict[str, str]) -> Measurement:
    """Measure the p99 time until a mail that is handed over by LMTP is stored."""
    port, latencies = find_free_port(), list[float]()
    with run_command(settings, "mail", "lmtp", "--port", str(port)):
        wait_for_port(port, "LMTP")
        with smtplib.LMTP("127.0.0.1", port) as client:
            for _ in range(MAILS):
                start = time.perf_counter()
                client.sendmail("reader@post.example", [INBOX], write_reply())
                latencies.append((time.perf_counter() - start) * 1000)
    cuts = quantiles(latencies, n=100)
    options.write_line(f"{'a mail by LMTP':<34} p50 {cuts[49]:.1f} p99 {cuts[98]:.1f} ms")
    return Measurement(cuts[98])


def _print_idle_and_busy(options: RunOptions, name: str, idle: LoadResult, busy: LoadResult) -> None:
    options.write_line(
        f"{name:<34} alone p50 {idle.p50:.1f} p99 {idle.p99:.1f} ms   then p50 {busy.p50:.1f} p99 {busy.p99:.1f} ms"
    )


@contextmanager
def _run_visitors(server: Server, settings: dict[str, str], *works: Work) -> Iterator[None]:
    """Run a process for each work until the block ends, and wait until each is under way."""
    stop = SPAWN.Event()
    begun_events = [SPAWN.Event() for _ in works]
    children = [
        SPAWN.Process(target=work, args=(server.port, settings, begun, stop))
        for work, begun in zip(works, begun_events, strict=True)
    ]
    for child in children:
        child.start()
    try:
        for begun in begun_events:
            if not begun.wait(60):
                raise RuntimeError("a visitor's process did not begin")
        yield
    finally:
        stop.set()
        for child in children:
            child.join(60)


def _send_questions(port: int, settings: dict[str, str], begun: Event, stop: Event) -> None:
    """Send readers' questions one after the other."""
    submissions, own_process = iter_submissions(settings), psutil.Process()
    while not stop.is_set():
        run_load(port, own_process, submissions, READERS, 0.5)
        begun.set()


def _store_mails(_port: int, settings: dict[str, str], begun: Event, stop: Event) -> None:
    """Store mails for the worker to place."""
    database = open_database(settings["DATABASE_URL"])
    while not stop.is_set():
        next_batch_at = time.monotonic() + BATCH_SIZE / MAILS
        store_messages(database, [write_reply() for _ in range(BATCH_SIZE)], "pipe")
        begun.set()
        time.sleep(max(0.0, next_batch_at - time.monotonic()))
    database.close()


@contextmanager
def block_writers(url: str) -> Iterator[None]:
    """Hold a lock that every sender of a question must wait for."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(str(make_url(url).database), isolation_level=None, timeout=30)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.rollback()
            connection.close()
        return
    with psycopg.connect(postgres.to_psycopg_url(url)) as holder:
        holder.execute("LOCK TABLE letters IN EXCLUSIVE MODE")
        yield
        holder.rollback()


def _measure_hostile_mails(options: RunOptions, kind: str) -> Figures:
    """Measure the CPU time to place each hostile mail, and return the highest."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder,
        empty_databases(kind, 1, Path(folder)) as urls,
    ):
        if not urls:
            return {}
        database = prepare_database(urls[0])
        measurements: dict[str, Measurement] = {}
        meter = WorkMeter(database)
        with ParserClient(PARSE_TIMEOUT) as parser:
            for number, (name, mail) in enumerate(HOSTILE_MAILS.items()):
                store_messages(database, [build_raw_mail(number, mail)], "pipe")
                cost = meter.measure(partial(place_due, database, parser, Settings(), 1), 1)
                measurements[name] = Measurement(cost.cpu_ms)
        database.close()
    costs = ", ".join(f"{name} {measurement.value:.0f} ms" for name, measurement in measurements.items())
    options.write_line(f"hostile mails: {costs}")
    worst = pick_worst(measurements, GOALS_BY_KEY["hostile-cpu"])
    return {FigureKey("hostile-cpu", DATABASE_NAMES[kind], QUESTIONS): worst}


def build_raw_mail(number: int, mail: Mail) -> bytes:
    """Return the bytes of a hostile mail."""
    subtype, text = ("html", mail.html) if mail.html else ("plain", mail.plain)
    body = (text or "").replace("\r\n", "\n").encode()
    return (
        delivery_headers(number)
        + (
            f"To: {INBOX}\r\nSubject: Re: The salt in the wind\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        ).encode()
        + body
    )
