"""What sealing readers' words would cost and protect, with the prototype in `sealed_words`, on SQLite and PostgreSQL.

Today's readable documents are the floor. Beside them, in the same minutes, the words are sealed and found by a blind
index or by an index in memory. The letters are of a model of words (`question_model`). BENCH_WORDS is their number.
"""

import gc
import multiprocessing
import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil
from sqlalchemy import Engine, make_url, select, text
from sqlalchemy.orm import Session

from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.migrate import migrate
from app.search import DESK
from app.search.alike import Probe, find_matches
from app.search.full_text import Hit, search
from app.search.index import NewDoc, index_documents
from app.search.models import DeskDoc
from tests.support.sample_newsroom import create_newsroom

from .blind_guesses import (
    guess_by_frequency,
    guess_by_planting,
    guess_by_published,
    list_index_terms,
    share_read,
    write_planted_letters,
)
from .matching import QUERY_KINDS, build_query
from .question_model import InventedLanguage
from .run_options import SECRET, WriteLine, print_line
from .sealed_words import (
    BLIND,
    MEMORY,
    SealedDesk,
    build_memory_index,
    create_tables,
    hash_terms,
    list_excerpts,
    store_sealed,
)
from .temporary_databases import DATABASE_NAMES, empty_databases, open_database

LETTERS = int(os.environ.get("BENCH_WORDS", "100000"))
SENTENCES = (2, 7)  # of a letter, beside its question
BATCH = 500  # letters that are stored together, as when an index is rebuilt
TIMED_QUERIES = 200  # of each kind
TIMED_PROBES = 60
EXCERPTS, EXCERPT_LENGTH = 50, 200
PUBLISHED_LETTERS = 5_000  # whose question is published in another wording
PLANTED_WORDS = 1_000
WAYS = ("readable", "blind", "memory")  # the first is the floor


class Letter(NamedTuple):
    """A letter, and the wording in which its question is published."""

    body: str
    wording: str


def write_letters(language_model: InventedLanguage, count: int) -> list[Letter]:
    """Write letters of several sentences, all of them different."""
    pairs = (language_model.draw_pair() for _ in range(count))
    return [Letter(write_body(language_model, question), wording) for question, wording in pairs]


def write_body(language_model: InventedLanguage, question: str) -> str:
    """Write a letter around its question."""
    number = language_model.rng.randrange(*SENTENCES)
    return " ".join([question, *(language_model.draw_pair()[0] for _ in range(number))])


def print_report(write_line: WriteLine) -> None:
    """Print the figures, line by line."""
    language_model = InventedLanguage(random.Random(5), "latin")
    letters = write_letters(language_model, LETTERS)
    average_length = sum(len(letter.body) for letter in letters) / len(letters)
    write_line(f"{LETTERS:,} letters of {average_length:,.0f} characters, {len({*letters}):,} of them distinct")
    print_guesses(write_line, letters, language_model)
    for kind in DATABASE_NAMES:
        with (
            TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as folder,
            empty_databases(kind, len(WAYS), Path(folder)) as urls,
        ):
            if urls:
                _measure(write_line, dict(zip(WAYS, urls, strict=True)), letters, language_model)
            else:
                write_line(f"no {DATABASE_NAMES[kind]} server: no figures for it")


def print_guesses(write_line: WriteLine, letters: Sequence[Letter], language_model: InventedLanguage) -> None:
    """Print how much a thief reads in the blind index without the keys."""
    keys = Keys({1: SECRET})
    words_by_letter = [hash_terms(keys, 1, list_index_terms(letter.body)) for letter in letters]
    entries_by_letter = [{*words.values()} for words in words_by_letter]
    common_words = {*language_model.common_words}
    known_letters = letters[:PUBLISHED_LETTERS]
    by_frequency = guess_by_frequency(entries_by_letter, (letter.wording for letter in known_letters))
    pairs = [(entries_by_letter[number], letter.wording) for number, letter in enumerate(known_letters)]
    by_published = guess_by_published(pairs)
    planted_words = [word for word in dict.fromkeys(language_model.vocabulary) if word not in common_words]
    planted_letters = write_planted_letters(planted_words[:PLANTED_WORDS])
    planted_hashes = [{*hash_terms(keys, 1, list_index_terms(letter)).values()} for letter in planted_letters]
    by_planting = guess_by_planting(planted_letters, planted_hashes, entries_by_letter)
    write_line("a thief reads in the blind index without the keys, of the words of all letters except common words:")
    for name, guesses in (
        ("by frequency alone", by_frequency),
        (f"from {len(known_letters):,} letters that are answered in public", by_published),
        (f"after sending {len(planted_letters)} letters with {PLANTED_WORDS:,} words", by_planting),
    ):
        share = share_read(guesses, words_by_letter, common_words)
        write_line(f"  {name:<55} {share:>5.0%}")
    all_words = set().union(*words_by_letter)
    wanted = all_words.intersection(planted_words[:PLANTED_WORDS])
    found = wanted.intersection(by_planting.values())
    touched = sum(1 for words in words_by_letter if not found.isdisjoint(words))
    write_line(f"  of {len(wanted):,} wanted words that occur, {len(found):,} are found, in {touched:,} letters")


def _measure(
    write_line: WriteLine, urls: dict[str, str], letters: Sequence[Letter], language_model: InventedLanguage
) -> None:
    """Fill a database in each of the ways, and print what they cost."""
    databases = {way: _create_database(url) for way, url in urls.items()}
    name = DATABASE_NAMES[databases["readable"].writer.dialect.name]
    write_line(f"\n{name}: median, 95th percentile in ms; times the floor")
    empty_sizes = {way: _disk_size(database) for way, database in databases.items()}
    _print_storing(write_line, databases, letters)
    for database in databases.values():
        _settle(database)
    sizes = {way: (_disk_size(database) - empty_sizes[way]) / 2**20 for way, database in databases.items()}
    write_line(f"{'size on disk':<30}" + "".join(_format_way(way, sizes[way], sizes["readable"], "MB") for way in WAYS))
    seconds, megabytes, growth = _measure_start(urls["memory"])
    line = f"{seconds:.1f} s, {megabytes:.0f} MB; the process grows by {growth:.0f} MB"
    write_line(f"{'building the index in memory':<30}  {line}")
    with ExitStack() as stack:
        sessions = {way: stack.enter_context(database.read()) for way, database in databases.items()}
        engine = build_memory_index(sessions["memory"])
        stack.callback(engine.dispose)
        _print_latencies(write_line, sessions, engine, letters, language_model)
    for database in databases.values():
        database.close()


def _create_database(url: str) -> Database:
    migrate(url)
    database = open_database(url)
    database.write(create_newsroom)
    database.write(create_tables)
    return database


def _print_storing(write_line: WriteLine, databases: dict[str, Database], letters: Sequence[Letter]) -> None:
    """Store the letters in each of the ways, in turn, and print the time for each letter."""
    stores: dict[str, Callable[[Session, Sequence[NewDoc]], None]] = {
        "readable": lambda session, docs: index_documents(session, DESK, docs),
        "blind": partial(store_sealed, with_hashes=True),
        "memory": partial(store_sealed, with_hashes=False),
    }
    seconds = dict.fromkeys(WAYS, 0.0)
    for start in range(0, len(letters), BATCH):
        batch = letters[start : start + BATCH]
        docs = [NewDoc(1, "letter", number, letter.body) for number, letter in enumerate(batch, start + 1)]
        for way, store in stores.items():
            began = time.perf_counter()
            databases[way].write(partial(_call_store, store=store, docs=docs))
            seconds[way] += time.perf_counter() - began
    per_letter = {way: 1_000 * spent / len(letters) for way, spent in seconds.items()}
    row = "".join(_format_way(way, per_letter[way], per_letter["readable"], "ms") for way in WAYS)
    write_line(f"{'storing a letter':<30}{row}")


def _call_store(session: Session, store: Callable[[Session, Sequence[NewDoc]], None], docs: Sequence[NewDoc]) -> None:
    store(session, docs)


def _settle(database: Database) -> None:
    """Write everything to the database's own files, without free space, and let it count its rows."""
    if database.is_sqlite:
        with closing(sqlite3.connect(_database_path(database))) as connection:
            for statement in ("ANALYZE", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement)
        return
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
        server.execute(text("VACUUM (FULL, ANALYZE)"))


def _database_path(database: Database) -> Path:
    return Path(str(make_url(database.url).database))


def _disk_size(database: Database) -> int:
    with database.read() as session:
        if database.is_sqlite:
            return _database_path(database).stat().st_size
        return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def _measure_start(url: str) -> tuple[float, float, float]:
    """Build the index in memory in a new process; return the seconds, and the megabytes of index and process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(build_and_weigh, (url,))


def build_and_weigh(url: str) -> tuple[float, float, float]:
    """Build the index in memory; see `_measure_start`."""
    database, process = open_database(url), psutil.Process()
    with database.read() as session:
        session.execute(text("SELECT 1"))
        before, began = process.memory_info().rss, time.perf_counter()
        engine = build_memory_index(session)
        seconds = time.perf_counter() - began
    gc.collect()
    growth = process.memory_info().rss - before
    with engine.connect() as connection:
        page_count = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    database.close()
    return seconds, page_count * page_size / 2**20, growth / 2**20


def _print_latencies(
    write_line: WriteLine,
    sessions: dict[str, Session],
    memory: Engine,
    letters: Sequence[Letter],
    language_model: InventedLanguage,
) -> None:
    readable = sessions["readable"]
    with Session(memory) as memory_session:
        desks = [
            SealedDesk(sessions["blind"], sessions["blind"], BLIND, 1),
            SealedDesk(sessions["memory"], memory_session, MEMORY, 1),
        ]
        rng = random.Random(1)
        for kind in QUERY_KINDS:
            drawn = rng.sample(letters, min(TIMED_QUERIES, len(letters)))
            queries = [build_query(rng, kind, letter.body, language_model.common_words) for letter in drawn]
            searches: list[list[Callable[[], list[Hit]]]] = [
                [partial(search, readable, DESK, 1, query), *(partial(desk.search, query) for desk in desks)]
                for query in queries
            ]
            _print_times(write_line, f"search, {kind}", searches)
            pages = [[partial(_show, search_once) for search_once in ways] for ways in searches]
            _print_times(write_line, f"with snippets, {kind}", pages)
        drawn = rng.sample(letters, min(TIMED_PROBES, len(letters)))
        probes = [Probe(write_body(language_model, letter.wording)) for letter in drawn]
        comparisons: list[list[Callable[[], object]]] = [
            [
                partial(find_matches, readable, DESK, 1, probe, matcher="words"),
                *(partial(_find_sealed_matches, desk, probe) for desk in desks),
            ]
            for probe in probes
        ]
        _print_times(write_line, "look-alikes", comparisons)
    lists: list[Callable[[], object]] = [
        partial(_list_readable_excerpts, readable),
        *(partial(list_excerpts, sessions[way], EXCERPTS, EXCERPT_LENGTH) for way in WAYS[1:]),
    ]
    _print_times(write_line, f"{EXCERPTS} excerpts", [lists] * TIMED_QUERIES)


def _show(search_once: Callable[[], list[Hit]]) -> object:
    """Search, and cut the pieces that a page shows of each hit."""
    return [hit.snippet for hit in search_once()]


def _find_sealed_matches(desk: SealedDesk, probe: Probe) -> object:
    comparison = desk.compare(probe)
    return find_matches(desk.session, DESK, desk.newsletter_id, probe, matcher="words", comparison=comparison)


def _list_readable_excerpts(session: Session) -> list[str]:
    bodies = session.scalars(select(DeskDoc.text).order_by(DeskDoc.id.desc()).limit(EXCERPTS))
    return [body[:EXCERPT_LENGTH] for body in bodies]


def _print_times(write_line: WriteLine, name: str, rounds: Sequence[Sequence[Callable[[], object]]]) -> None:
    """Run the work of each round in all ways, in turn, and print the percentiles and their ratios to the floor."""
    times: list[list[float]] = [[] for _ in WAYS]
    for works in rounds:
        for work, spent in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            spent.append(1_000 * (time.perf_counter() - began))
    percentiles = [(cuts[49], cuts[94]) for cuts in (quantiles(spent, n=100) for spent in times)]
    floor_median, floor_p95 = percentiles[0]
    row = ""
    for way, (median, p95) in zip(WAYS, percentiles, strict=True):
        row += f"  {way} {median:.2f}, {p95:.2f}"
        if way != WAYS[0]:
            row += f" (x{median / floor_median:.2f}, x{p95 / floor_p95:.2f})"
    write_line(f"{name:<30}{row}")


def _format_way(way: str, value: float, floor: float, unit: str) -> str:
    return f"  {way} {value:.2f} {unit}" + (f" (x{value / floor:.2f})" if way != WAYS[0] else "")


if __name__ == "__main__":
    print_report(print_line)
