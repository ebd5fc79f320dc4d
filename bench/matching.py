"""The quality and speed of finding repeated questions, compared with plain full-text search, on SQLite and PostgreSQL.

The questions are synthetic: from a model of words (`asked_model`), and hand-written in seven languages with many near
misses (`asked_twice`). They compare methods of matching. For the figures of a real desk, see its own decisions, or run
`flask matching evaluate` on a real collection.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import insert, make_url, text
from sqlalchemy.orm import Session

from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from app.search import DESK, semantic
from app.search.alike import Probe, find_matches
from app.search.evaluating import Figures, Query, Stored, create_database, evaluate, index_stored, make_searcher
from app.search.full_text import search
from app.search.index import Terms, counts_of, scope_terms, write_terms
from app.search.models import DeskDoc, DeskTerm
from app.search.terms import cut, stems
from tests.support import postgres
from tests.support.sample_newsroom import create_newsroom

from .asked_model import ALPHABETS, Tongue
from .asked_twice import PLACES
from .surroundings import say as to_terminal

Say = Callable[[str], None]
SIZES = [int(size) for size in os.environ.get("BENCH_MATCHING", "10000,100000").split(",")]  # 1000000 takes ten minutes
STORED, ASKED = 9_000, 300
WORDED = 150  # of the hand-written questions, of which there are few
BATCH = 2_000
TIMES = 200  # of each kind of query


def report(say: Say) -> None:
    """Print the figures, line by line."""
    say(f"the same question in other words, {STORED:,} stored, a model of words; {WORDED} by hand")
    say(f"{'':<34} {'R@1':>5} {'R@5':>5} {'R@10':>5} {'MRR':>5} {'caught@10':>9}")
    for alphabet in ALPHABETS:
        tongue = Tongue(random.Random(5), alphabet)
        pairs = [tongue.ask() for _ in range(STORED)]
        strangers = [tongue.ask()[1] for _ in range(ASKED)]
        for matcher in ("fts", "words"):
            say_figures(say, f"model, {alphabet}, {matcher}", found_again(pairs, strangers, ASKED, matcher))
    matchers = ("fts", "words", *([semantic.NAME] if semantic.is_installed() else []))
    for language in PLACES:
        worded(say, language, language, matchers)
    for language in (one for one in PLACES if one != "en"):
        worded(say, "en", language, [one for one in matchers if one != "fts"])
    if not semantic.is_installed():
        say("the extra [semantic] is not installed: no figures for it")
    say("")
    say(f"{'ms':<46}" + "".join(f"{name:>9}" for name in ("p50", "p95", "p99", "CPU p50", "p95", "p99")))
    say("the CPU is that of this process: all of it on SQLite, without the server's on PostgreSQL")
    for size in SIZES:
        with TemporaryDirectory() as folder:
            latency(say, f"sqlite:///{Path(folder) / 'desk.db'}", size)
        with postgres.find_or_start_server(autovacuum="on") as server, own_database(server) as url:
            if url:
                latency(say, url, size)
            else:
                say("no PostgreSQL server: no figures for it")


def worded(say: Say, stored_in: str, asked_in: str, matchers: list[str] | tuple[str, ...]) -> None:
    """Print the figures of the hand-written questions, repeated in their own language or in another."""
    from .asked_twice import collection

    pairs, strangers = collection(stored_in, WORDED, WORDED, asked_in)
    both = [(pair.stored, pair.asked) for pair in pairs]
    for matcher in matchers:
        name = (
            f"by hand, {asked_in}, {matcher}"
            if stored_in == asked_in
            else f"asked in {asked_in} of {stored_in}, {matcher}"
        )
        say_figures(say, name, found_again(both, [pair.asked for pair in strangers], len(both), matcher))


def found_again(pairs: list[tuple[str, str]], strangers: list[str], asked: int, matcher: str) -> Figures:
    """Store the first question of each pair; search for the second of the first `asked` pairs, and for `strangers`,
    which have no duplicate.
    """
    stored = [Stored(number, first) for number, (first, _) in enumerate(pairs)]
    queries = [Query(again, frozenset({number})) for number, (_, again) in enumerate(pairs[:asked])]
    queries += [Query(stranger, frozenset()) for stranger in strangers]
    with TemporaryDirectory() as folder:
        database = create_database(Path(folder))
        for _ in index_stored(database, stored, matcher):
            pass
        ask = make_searcher(matcher, stored)
        with database.read() as session:
            *_, figures = evaluate(queries, lambda words: ask(session, words))
        database.close()
    assert figures is not None
    return figures


def say_figures(say: Say, name: str, figures: Figures) -> None:
    shares = " ".join(f"{share:>5.3f}" for share in (*figures.recall.values(), figures.mrr))
    say(f"{name:<34} {shares} {figures.caught or 0:>9.3f}")


@contextmanager
def own_database(server: str | None) -> Iterator[str | None]:
    """The address of a database that is dropped at the end; None where there is no server."""
    if not server:
        yield None
        return
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(postgres.to_psycopg_url(server), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def latency(say: Say, url: str, size: int) -> None:
    """Measure finding look-alikes and searching among `size` questions of one desk."""
    migrate(url)
    database = Database(url, Keys({1: bytes(32)}), "http://127.0.0.1")
    newsletter_id = database.write(create_newsroom).newsletter_id
    tongue = Tongue(random.Random(5), "latin")
    start = time.perf_counter()
    pairs = filled(database, newsletter_id, tongue, size)
    name = f"{database.writer.dialect.name}, {size:,}"
    seconds = time.perf_counter() - start
    if not database.is_sqlite:
        with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    say(f"{name}: filled at {size / seconds:,.0f} a second")
    rng = random.Random(1)
    kinds: dict[str, Callable[[Session, str], object]] = {
        "look-alikes": lambda session, words: find_matches(session, DESK, newsletter_id, Probe(words), matcher="words"),
        "search, two words": lambda session, words: search(
            session, DESK, newsletter_id, " ".join(rng.sample(words.split(), 2))
        ),
        "search, a common word": lambda session, words: search(
            session, DESK, newsletter_id, f"{rng.choice(tongue.common[:20])} "
        ),
        "search, a phrase": lambda session, words: search(
            session, DESK, newsletter_id, f'"{" ".join(words.split()[:2])}"'
        ),
        "search, unfinished": lambda session, words: search(
            session, DESK, newsletter_id, rng.choice(words.split())[:4]
        ),
    }
    for kind, query in kinds.items():
        times, used = [], []
        with database.read() as session:
            for first, again in rng.sample(pairs, min(TIMES, len(pairs))):
                start, before = time.perf_counter(), time.process_time()
                query(session, again if kind == "look-alikes" else first)
                times.append(1_000 * (time.perf_counter() - start))
                used.append(1_000 * (time.process_time() - before))
        waited, worked = ([quantiles(of, n=100)[at] for at in (49, 94, 98)] for of in (times, used))
        say(f"{name + ', ' + kind:<46}" + "".join(f"{figure:>9.1f}" for figure in (*waited, *worked)))
    database.close()


def filled(database: Database, newsletter_id: int, tongue: Tongue, size: int) -> list[tuple[str, str]]:
    """Write `size` questions into the desk's index in bulk; return some of them with their repetitions.

    The rows are the same as those of `index.index_documents`, which would look each one up first.
    """
    some: list[tuple[str, str]] = []
    counted: Counter[str] = Counter()
    with database.writer.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("COMMIT")
            for pragma in ("synchronous=OFF", "secure_delete=OFF", "cache_size=-200000"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        for start in range(0, size, BATCH):
            pairs = [tongue.ask() for _ in range(min(BATCH, size - start))]
            rows: list[dict[str, Any]] = []
            written: list[Terms] = []
            for key, (first, _) in enumerate(pairs, start + 1):
                terms = cut(first)
                names = scope_terms(newsletter_id, terms + stems(terms))
                counted.update(counts_of(newsletter_id, names))
                rows.append(
                    {
                        "id": key,
                        "newsletter_id": newsletter_id,
                        "noun": "question",
                        "noun_id": key,
                        "offered": True,
                        "answered": False,
                        "embedded": False,
                        "topics": [],
                        "text": first,
                        "more": "",
                    }
                )
                written.append((key, names, []))
            connection.execute(insert(DeskDoc), rows)
            write_terms(connection, DESK, written)
            some += pairs[:20]
        listed = [{"term": term, "docs": docs} for term, docs in counted.items()]
        for start in range(0, len(listed), BATCH):
            connection.execute(insert(DeskTerm), listed[start : start + BATCH])
        connection.commit()
    return some


if __name__ == "__main__":
    report(to_terminal)
