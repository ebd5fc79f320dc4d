"""The quality and speed of finding repeated questions, compared with plain full-text search, on SQLite and PostgreSQL.

The questions are synthetic: from a model of words (`question_model`), and hand-written in seven languages with many
near misses (`duplicate_questions`). They compare methods of matching. For the figures of a real desk, see its own
decisions, or run `readers-asked matching evaluate` on a real collection.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, text

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

from .duplicate_questions import PLACES, generate_collection
from .question_model import ALPHABETS, InventedLanguage
from .run_options import WriteLine, print_line
from .temporary_databases import open_database, postgres_databases

SIZES = [int(size) for size in os.environ.get("BENCH_MATCHING", "10000,100000").split(",")]  # 1000000 takes ten minutes
STORED, QUERIES = 9_000, 300
HAND_WRITTEN = 150  # stored, and queries; there are few
BATCH = 2_000
SAMPLES_PER_BATCH = 20
TIMED_QUERIES = 200  # of each kind
QUERY_KINDS = ("two words", "a common word", "a phrase", "unfinished")
MOST_COMMON = 20  # of the common words, one of which is searched for


def print_report(write_line: WriteLine) -> None:
    """Print the figures, line by line."""
    write_line(f"the same question in other words, {STORED:,} stored, a model of words; {HAND_WRITTEN} by hand")
    write_line(f"{'':<34} {'R@1':>5} {'R@5':>5} {'R@10':>5} {'MRR':>5} {'caught@10':>9}")
    for alphabet in ALPHABETS:
        language_model = InventedLanguage(random.Random(5), alphabet)
        pairs = [language_model.draw_pair() for _ in range(STORED)]
        strangers = [language_model.draw_pair()[1] for _ in range(QUERIES)]
        for matcher in ("fts", "words"):
            figures = evaluate_matcher(pairs, strangers, QUERIES, matcher)
            print_quality(write_line, f"model, {alphabet}, {matcher}", figures)
    matchers = ["fts", "words"]
    if semantic.is_installed():
        matchers.append(semantic.NAME)
    for language in PLACES:
        compare_matchers(write_line, language, language, matchers)
    cross_language_matchers = [matcher for matcher in matchers if matcher != "fts"]
    for language in PLACES:
        if language != "en":
            compare_matchers(write_line, "en", language, cross_language_matchers)
    if not semantic.is_installed():
        write_line("the extra [semantic] is not installed: no figures for it")
    write_line("")
    write_line(f"{'ms':<46}" + "".join(f"{name:>9}" for name in ("p50", "p95", "p99", "CPU p50", "p95", "p99")))
    write_line("the CPU is that of this process: all of it on SQLite, without the server's on PostgreSQL")
    for size in SIZES:
        with TemporaryDirectory() as folder:
            measure_latency(write_line, f"sqlite:///{Path(folder) / 'desk.db'}", size)
        with _postgres_database() as url:
            if url:
                measure_latency(write_line, url, size)
            else:
                write_line("no PostgreSQL server: no figures for it")


@contextmanager
def _postgres_database() -> Iterator[str | None]:
    """Yield the URL of a database on the tests' server, which is dropped at the end; None if there is no server."""
    with postgres.find_or_start_server(autovacuum="on") as server:
        if not server:
            yield None
            return
        with postgres_databases(server, 1) as urls:
            yield urls[0]


def compare_matchers(write_line: WriteLine, language: str, repeat_language: str, matchers: Sequence[str]) -> None:
    """Print the figures of the hand-written questions, repeated in their own language or in another."""
    pairs, strangers = generate_collection(language, HAND_WRITTEN, HAND_WRITTEN, repeat_language)
    texts = [(pair.stored, pair.repeated) for pair in pairs]
    for matcher in matchers:
        if language == repeat_language:
            name = f"by hand, {language}, {matcher}"
        else:
            name = f"asked in {repeat_language} of {language}, {matcher}"
        figures = evaluate_matcher(texts, [pair.repeated for pair in strangers], len(texts), matcher)
        print_quality(write_line, name, figures)


def evaluate_matcher(pairs: list[tuple[str, str]], strangers: list[str], queries: int, matcher: str) -> Figures:
    """Store the first question of each pair; search for the repetitions of the first `queries` pairs, and for
    `strangers`, which have no duplicate.
    """
    stored = [Stored(number, first) for number, (first, _) in enumerate(pairs)]
    query_list = [Query(repetition, frozenset({number})) for number, (_, repetition) in enumerate(pairs[:queries])]
    query_list += [Query(stranger, frozenset()) for stranger in strangers]
    with TemporaryDirectory() as folder:
        database = create_database(Path(folder))
        for _ in index_stored(database, stored, matcher):
            pass
        searcher = make_searcher(matcher, stored)
        with database.read() as session:
            *_, figures = evaluate(query_list, partial(searcher, session))
        database.close()
    assert figures is not None
    return figures


def print_quality(write_line: WriteLine, name: str, figures: Figures) -> None:
    shares = " ".join(f"{share:>5.3f}" for share in (*figures.recall.values(), figures.mrr))
    write_line(f"{name:<34} {shares} {figures.caught or 0:>9.3f}")


def measure_latency(write_line: WriteLine, url: str, size: int) -> None:
    """Measure finding look-alikes and searching among `size` questions of one desk."""
    migrate(url)
    database = open_database(url)
    newsletter_id = database.write(create_newsroom).newsletter_id
    language_model = InventedLanguage(random.Random(5), "latin")
    start = time.perf_counter()
    pairs = fill_index(database, newsletter_id, language_model, size)
    seconds = time.perf_counter() - start
    if not database.is_sqlite:
        with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    name = f"{database.writer.dialect.name}, {size:,}"
    write_line(f"{name}: filled at {size / seconds:,.0f} a second")
    rng = random.Random(1)
    with database.read() as session:
        repetitions = [repetition for _, repetition in _draw_pairs(rng, pairs)]
        probes = [Probe(repetition) for repetition in repetitions]
        works = [partial(find_matches, session, DESK, newsletter_id, probe, matcher="words") for probe in probes]
        print_latency(write_line, f"{name}, look-alikes", works)
    for kind in QUERY_KINDS:
        with database.read() as session:
            questions = [question for question, _ in _draw_pairs(rng, pairs)]
            queries = [build_query(rng, kind, question, language_model.common_words) for question in questions]
            searches = [partial(search, session, DESK, newsletter_id, query) for query in queries]
            print_latency(write_line, f"{name}, search, {kind}", searches)
    database.close()


def _draw_pairs(rng: random.Random, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return rng.sample(pairs, min(TIMED_QUERIES, len(pairs)))


def build_query(rng: random.Random, kind: str, question: str, common_words: list[str]) -> str:
    """Return a query of one of `QUERY_KINDS`, with words of a stored question or with a common word."""
    words = question.split()
    if kind == "two words":
        return " ".join(rng.sample(words, 2))
    if kind == "a common word":
        return f"{rng.choice(common_words[:MOST_COMMON])} "
    if kind == "a phrase":
        return f'"{" ".join(words[:2])}"'
    return rng.choice(words)[:4]


def print_latency(write_line: WriteLine, name: str, works: Sequence[Callable[[], object]]) -> None:
    """Run each work, and print the percentiles of their wall-clock and CPU times."""
    wall_ms, cpu_ms = [], []
    for work in works:
        start, cpu_start = time.perf_counter(), time.process_time()
        work()
        wall_ms.append(1_000 * (time.perf_counter() - start))
        cpu_ms.append(1_000 * (time.process_time() - cpu_start))
    figures = "".join(f"{figure:>9.1f}" for figure in (*_pick_percentiles(wall_ms), *_pick_percentiles(cpu_ms)))
    write_line(f"{name:<46}{figures}")


def _pick_percentiles(values: list[float]) -> tuple[float, float, float]:
    """Return p50, p95 and p99."""
    cuts = quantiles(values, n=100)
    return cuts[49], cuts[94], cuts[98]


def fill_index(
    database: Database, newsletter_id: int, language_model: InventedLanguage, size: int
) -> list[tuple[str, str]]:
    """Write `size` questions into the desk's index in bulk; return some of them with their repetitions.

    The rows are the same as those of `index.index_documents`, which would look each one up first.
    """
    samples: list[tuple[str, str]] = []
    docs_by_term: Counter[str] = Counter()
    with database.writer.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("COMMIT")
            for pragma in ("synchronous=OFF", "secure_delete=OFF", "cache_size=-200000"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        for start in range(0, size, BATCH):
            pairs = [language_model.draw_pair() for _ in range(min(BATCH, size - start))]
            rows: list[dict[str, Any]] = []
            terms_of_rows: list[Terms] = []
            for key, (question, _) in enumerate(pairs, start + 1):
                terms = cut(question)
                scoped_terms = scope_terms(newsletter_id, terms + stems(terms))
                docs_by_term.update(counts_of(newsletter_id, scoped_terms))
                rows.append(_build_row(key, newsletter_id, question))
                terms_of_rows.append((key, scoped_terms, []))
            connection.execute(insert(DeskDoc), rows)
            write_terms(connection, DESK, terms_of_rows)
            samples += pairs[:SAMPLES_PER_BATCH]
        term_rows = [{"term": term, "docs": docs} for term, docs in docs_by_term.items()]
        for start in range(0, len(term_rows), BATCH):
            connection.execute(insert(DeskTerm), term_rows[start : start + BATCH])
        connection.commit()
    return samples


def _build_row(key: int, newsletter_id: int, question: str) -> dict[str, Any]:
    return {
        "id": key,
        "newsletter_id": newsletter_id,
        "noun": "question",
        "noun_id": key,
        "offered": True,
        "answered": False,
        "embedded": False,
        "topics": [],
        "text": question,
        "more": "",
    }


if __name__ == "__main__":
    print_report(print_line)
