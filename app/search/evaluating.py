"""Evaluate how well a matcher finds repeated questions in given files, with the same tables and code as the app.

The files are JSON lines: stored rows `{"id", "text", "language"}`, and queries `{"text", "language", "same_as": [ids]}`
with an empty list if no stored row asks the same. Ids are numbers or strings.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, nextafter
from pathlib import Path
from statistics import mean
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.declarative import Base
from ..db.engine import Database
from . import semantic
from .alike import Probe, compare
from .index import NewDoc, index_documents, scope_terms
from .models import PUBLIC, DeskDoc, DeskTerm, PublicDoc, PublicTerm, Vector, Verdict
from .semantic import embed_due
from .terms import Cut

MATCHERS = ("words", "semantic", "fts")  # "fts" is SQLite's own ranking, to compare with
MAX_RESULTS = 60  # results of the matcher "fts"
SEEN_RANKS = 3  # the first results, at which an editor looks
NEWSLETTER = 1  # the id of the only newsletter in the database
BATCH_SIZE = 500  # rows

Id = int | str
Results = list[tuple[Id, float]]  # the ids of stored rows with their scores, best first


class BadLine(Exception):
    """Raised for a line that can't be parsed. The message names the line and the reason."""


@dataclass(frozen=True)
class Stored:
    id: Id
    text: str


@dataclass(frozen=True)
class Query:
    text: str
    same_as: frozenset[Id]


@dataclass(frozen=True)
class Figures:
    """The figures of an evaluation. All but the times are of the queries that have a duplicate among the stored rows.

    - `recall`: for 1, 5 and 10, the share of queries with the duplicate among so many first results.
    - `mrr`: the mean reciprocal rank of the duplicate.
    - `caught`: the share of queries with the duplicate among the first `SEEN_RANKS` results, and with a score that at
      most a tenth of the queries without a duplicate reach. None unless there are queries of both kinds.
    - `p50` and `p95`: percentiles of the time of a query, in milliseconds.
    """

    recall: dict[int, float]
    mrr: float
    caught: float | None
    p50: float
    p95: float

    def as_json(self) -> dict[str, float | None]:
        figures: dict[str, float | None] = {f"recall@{rank}": share for rank, share in self.recall.items()}
        figures |= {"mrr": self.mrr, "caught@10": self.caught, "ms_p50": self.p50, "ms_p95": self.p95}
        return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def _iter_rows(name: str, lines: Iterable[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of the file `name`, with its location for error messages. Raises `BadLine`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        location = f"{name} line {number}"
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadLine(f"{location}: this is not JSON in UTF-8 ({error})") from error
        if not isinstance(row, dict):
            raise BadLine(f"{location}: an object is needed, such as {{…}}")
        if not isinstance(row.get("text"), str) or not row["text"].strip():
            raise BadLine(f'{location}: "text" has to be a text that is not empty')
        if any("\ud800" <= char <= "\udfff" for char in row["text"]):
            raise BadLine(f'{location}: "text" holds half a character, which no file can keep (a surrogate)')
        if not isinstance(row.get("language", ""), str | None):
            raise BadLine(f'{location}: "language" has to be a text')
        yield location, row


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def read_stored(name: str, lines: Iterable[bytes]) -> list[Stored]:
    """Return the stored rows of a file. Raises `BadLine`."""
    rows: dict[Id, Stored] = {}
    for location, row in _iter_rows(name, lines):
        if not _is_id(row.get("id")):
            raise BadLine(f'{location}: "id" has to be a whole number or a text')
        if row["id"] in rows:
            raise BadLine(f"{location}: the id {row['id']!r} stands in an earlier line")
        rows[row["id"]] = Stored(row["id"], row["text"])
    if not rows:
        raise BadLine(f"{name}: there is no line in it")
    return list(rows.values())


def read_queries(name: str, lines: Iterable[bytes], stored_ids: Iterable[Id]) -> list[Query]:
    """Return the queries of a file. Raises `BadLine`, also for an id that is not stored."""
    ids = set(stored_ids)
    queries = []
    for location, row in _iter_rows(name, lines):
        same_as = row.get("same_as")
        if not isinstance(same_as, list) or not all(map(_is_id, same_as)):
            raise BadLine(f'{location}: "same_as" has to be a list of ids, an empty one where nothing is the same')
        if missing := [same_id for same_id in same_as if same_id not in ids]:
            raise BadLine(f"{location}: nothing is stored with the id {missing[0]!r}")
        queries.append(Query(row["text"], frozenset(same_as)))
    if not queries:
        raise BadLine(f"{name}: there is no line in it")
    return queries


def create_database(folder: Path) -> Database:
    """Create a database in `folder` that has only the tables for matching."""
    url = f"sqlite:///{folder / 'matching.db'}"
    database = Database(url, Keys({1: bytes(32)}), "http://127.0.0.1", matcher=semantic.NAME)
    models = (DeskDoc, DeskTerm, PublicDoc, PublicTerm, Vector, Verdict)
    with database.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE newsletters (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO newsletters VALUES ({NEWSLETTER})")  # noqa: S608
        Base.metadata.create_all(connection, tables=[Base.metadata.tables[model.__tablename__] for model in models])
    return database


def index_stored(database: Database, documents: Sequence[Stored], matcher: str) -> Iterator[int]:
    """Index the stored rows, and embed them for the semantic matcher. Yield the number of rows done in each batch."""
    for start in range(0, len(documents), BATCH_SIZE):
        batch = enumerate(documents[start : start + BATCH_SIZE], start + 1)
        docs = [NewDoc(NEWSLETTER, "question", number, stored.text) for number, stored in batch]
        database.write(lambda session, docs=docs: index_documents(session, PUBLIC, docs))  # type: ignore[misc]
        if matcher != semantic.NAME:
            yield len(docs)
    if matcher == semantic.NAME:  # a row is done when it is embedded
        while number := embed_due(database):
            yield number


def make_searcher(matcher: str, documents: Sequence[Stored]) -> Callable[[Session, str], Results]:
    """Return a function that finds the results of a query with a matcher."""

    def search_by_score(session: Session, query_text: str) -> Results:
        scored = compare(session, PUBLIC, NEWSLETTER, Probe(query_text), matcher).scored
        return [(documents[noun_id - 1].id, score) for (_noun, noun_id), score, _doc in scored]

    def search_by_fts_rank(session: Session, query_text: str) -> Results:
        """Rank by SQLite's own bm25 over all terms. Only the terms are cut by our code."""
        terms = " OR ".join(f'"{term}"' for term in scope_terms(NEWSLETTER, Cut(query_text).search_terms))
        query = (
            "SELECT d.noun_id, -bm25(public_fts, 1, 0) FROM public_fts f JOIN public_docs d ON d.id = f.rowid "
            "WHERE public_fts MATCH :query ORDER BY bm25(public_fts, 1, 0), f.rowid LIMIT :depth"
        )
        if not terms:
            return []
        rows = session.execute(text(query), {"query": f"terms : ({terms})", "depth": MAX_RESULTS})
        return [(documents[noun_id - 1].id, score) for noun_id, score in rows]

    return search_by_fts_rank if matcher == "fts" else search_by_score


def evaluate(queries: Sequence[Query], run_query: Callable[[str], Results]) -> Iterator[Figures | None]:
    """Run every query. Yield None after each, and the figures at the end."""
    ranks: list[int | None] = []  # the rank of the duplicate, from 0; None if it wasn't found
    duplicate_scores: list[float] = []  # the score of the duplicate, or -inf if it isn't among the first `SEEN_RANKS`
    false_alarm_scores: list[float] = []  # the best score of each query without a duplicate
    times: list[float] = []  # milliseconds
    for query in queries:
        start = time.perf_counter()
        results = run_query(query.text)
        times.append(1_000 * (time.perf_counter() - start))
        if query.same_as:
            rank = next((rank for rank, (stored_id, _) in enumerate(results) if stored_id in query.same_as), None)
            ranks.append(rank)
            duplicate_scores.append(results[rank][1] if rank is not None and rank < SEEN_RANKS else -inf)
        else:
            false_alarm_scores.append(results[0][1] if results else -inf)
        yield None
    yield _figures(ranks, duplicate_scores, false_alarm_scores, sorted(times))


def _figures(
    ranks: list[int | None], duplicate_scores: list[float], false_alarm_scores: list[float], sorted_times: list[float]
) -> Figures:
    recall = dict.fromkeys((1, 5, 10), 0.0)
    mrr = 0.0
    caught = None
    if ranks:
        recall = {limit: mean(rank is not None and rank < limit for rank in ranks) for limit in recall}
        mrr = mean(1 / (rank + 1) if rank is not None else 0.0 for rank in ranks)
    if ranks and false_alarm_scores:
        min_score = threshold(false_alarm_scores)
        caught = mean(score >= min_score for score in duplicate_scores)
    p50, p95 = (sorted_times[int(len(sorted_times) * share)] for share in (0.5, 0.95))
    return Figures(recall=recall, mrr=mrr, caught=caught, p50=p50, p95=p95)


def threshold(false_alarm_scores: Sequence[float], share: float = 0.1) -> float:
    """Return the lowest score that at most this share of the false alarms reaches."""
    descending = sorted(false_alarm_scores, reverse=True)
    highest_allowed = descending[int(len(descending) * share)]
    return nextafter(highest_allowed, inf)
