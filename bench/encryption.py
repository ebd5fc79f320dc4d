"""What the encryption of the SQLite file costs (docs/adr/0037-words-at-rest.md).

A plain file is the floor. Beside it, in the same minutes, the same is done with an encrypted one. The letters are of a
model of words (`question_model`). BENCH_WORDS is their number.
"""

import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from app.crypto.seal import Keys
from app.db.encryption import derive_file_key
from app.db.engine import Database
from app.db.migrate import migrate
from app.search import DESK
from app.search.alike import Probe, find_matches
from app.search.full_text import search
from app.search.index import NewDoc, index_documents
from app.search.models import DeskDoc
from tests.support.sample_newsroom import create_newsroom

from .matching import QUERY_KINDS, build_query
from .question_model import InventedLanguage
from .run_options import SECRET, WriteLine, print_line
from .temporary_databases import empty_databases

LETTERS = int(os.environ.get("BENCH_WORDS", "100000"))
SENTENCES = (2, 7)  # of a letter, beside its question
BATCH = 50  # letters that are indexed together, as by the worker
TIMED_QUERIES = 200  # of each kind
TIMED_PROBES = 60
EXCERPTS, EXCERPT_LENGTH = 50, 200
PLAIN, ENCRYPTED = "plain", "encrypted"  # the first is the floor


class Letter(NamedTuple):
    """A letter, and the wording in which somebody else asks the same."""

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
    write_line("median, 95th percentile in ms; times the floor")
    with (
        TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as folder,
        empty_databases("sqlite", 2, Path(folder)) as urls,
        ExitStack() as stack,
    ):
        keys = dict(zip((PLAIN, ENCRYPTED), (None, derive_file_key(Keys({1: SECRET}))), strict=True))
        databases = {way: _create_database(url, key) for url, (way, key) in zip(urls, keys.items(), strict=True)}
        for database in databases.values():
            stack.callback(database.close)
        _print_storing(write_line, databases, letters)
        sizes = {way: _settle(database) / 2**20 for way, database in databases.items()}
        _print_row(write_line, "size on disk, MB", sizes)
        sessions = [stack.enter_context(database.read()) for database in databases.values()]
        _print_latencies(write_line, sessions, letters, language_model)


def _create_database(url: str, key: bytes | None) -> Database:
    migrate(url, key=key)
    database = Database(url, Keys({1: SECRET}), "http://127.0.0.1", file_key=key)
    database.write(create_newsroom)
    return database


def _print_storing(write_line: WriteLine, databases: dict[str, Database], letters: Sequence[Letter]) -> None:
    """Store and index the letters in each database, in turn, and print the time for each letter."""
    seconds = dict.fromkeys(databases, 0.0)
    for start in range(0, len(letters), BATCH):
        batch = letters[start : start + BATCH]
        docs = [NewDoc(1, "letter", number, letter.body) for number, letter in enumerate(batch, start + 1)]
        for way, database in databases.items():
            began = time.perf_counter()
            database.write(partial(index_documents, collection=DESK, docs=docs))
            seconds[way] += time.perf_counter() - began
    _print_row(
        write_line, "storing a letter, ms", {way: 1_000 * spent / len(letters) for way, spent in seconds.items()}
    )


def _settle(database: Database) -> int:
    """Write everything to the file, without free space, and count the rows. Return its size in bytes."""
    with database.writer.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # VACUUM can't run inside a transaction
        for statement in ("ANALYZE", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.exec_driver_sql(statement)
    return Path(str(make_url(database.url).database)).stat().st_size


def _print_latencies(
    write_line: WriteLine, sessions: Sequence[Session], letters: Sequence[Letter], language_model: InventedLanguage
) -> None:
    rng = random.Random(1)
    for kind in QUERY_KINDS:
        drawn = rng.sample(letters, min(TIMED_QUERIES, len(letters)))
        queries = [build_query(rng, kind, letter.body, language_model.common_words) for letter in drawn]
        _print_times(write_line, f"search, {kind}", sessions, [partial(_search, query=query) for query in queries])
        _print_times(write_line, f"with snippets, {kind}", sessions, [partial(_show, query=query) for query in queries])
    drawn = rng.sample(letters, min(TIMED_PROBES, len(letters)))
    probes = [Probe(write_body(language_model, letter.wording)) for letter in drawn]
    _print_times(write_line, "look-alikes", sessions, [partial(_find_matches, probe=probe) for probe in probes])
    _print_times(write_line, f"{EXCERPTS} excerpts", sessions, [_list_excerpts] * TIMED_QUERIES)


def _search(session: Session, query: str) -> object:
    return search(session, DESK, 1, query)


def _show(session: Session, query: str) -> object:
    """Search, and cut the pieces that a page shows of each hit."""
    return [hit.snippet for hit in search(session, DESK, 1, query)]


def _find_matches(session: Session, probe: Probe) -> object:
    return find_matches(session, DESK, 1, probe, matcher="words")


def _list_excerpts(session: Session) -> object:
    bodies = session.scalars(select(DeskDoc.text).order_by(DeskDoc.id.desc()).limit(EXCERPTS))
    return [body[:EXCERPT_LENGTH] for body in bodies]


def _print_times(
    write_line: WriteLine, name: str, sessions: Sequence[Session], works: Sequence[Callable[[Session], object]]
) -> None:
    """Do each work in both databases, in turn, and print the percentiles and their ratios to the floor."""
    times: list[list[float]] = [[] for _ in sessions]
    for work in works:
        for session, spent in zip(sessions, times, strict=True):
            began = time.perf_counter()
            work(session)
            spent.append(1_000 * (time.perf_counter() - began))
    (plain, plain_p95), (encrypted, encrypted_p95) = (
        (cuts[49], cuts[94]) for cuts in (quantiles(spent, n=100) for spent in times)
    )
    write_line(
        f"{name:<32}  {plain:8.2f}, {plain_p95:8.2f}  {encrypted:8.2f}, {encrypted_p95:8.2f}"
        f"  x{encrypted / plain:.2f}, x{encrypted_p95 / plain_p95:.2f}"
    )


def _print_row(write_line: WriteLine, name: str, values: dict[str, float]) -> None:
    plain, encrypted = values[PLAIN], values[ENCRYPTED]
    write_line(f"{name:<32}  {plain:18.2f}  {encrypted:18.2f}  x{encrypted / plain:.2f}")


if __name__ == "__main__":
    print_report(print_line)
