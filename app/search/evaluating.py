"""Evaluate a matcher on anybody's data: how well it finds repeated questions, in the product's own tables.

Stored rows are `{"id", "text", "language"}`, queries `{"text", "language", "same_as": [ids]}`, with an empty list if no
stored row is the same. Ids are numbers or strings.
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
from .alike import Probe, by_score
from .index import Doc, index_documents, scope_terms
from .models import PUBLIC, DeskDoc, DeskTerm, PublicDoc, PublicTerm, Vector, Verdict
from .semantic import embed_due
from .terms import Cut

MATCHERS = ("words", "semantic", "fts")
MAX_RESULTS = 60  # of the matcher "fts"
SEEN_RANKS = 3  # results that an editor looks at
NEWSLETTER = 1
BATCH_SIZE = 500

Id = int | str
Found = list[tuple[Id, float]]


class BadLine(Exception):
    """Raised for a line that can't be read; the message names the line and the reason."""


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
    """The results.

    `recall` is by rank the share of the queries with a duplicate that have it down to this rank. `mrr` is their mean
    reciprocal rank. `caught` is the share that has the duplicate among the first `SEEN_RANKS`, with a score that only a
    tenth of the queries without a duplicate reach; it is None if every query has one. `p50` and `p95` are milliseconds.
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


def small_database(folder: Path) -> Database:
    """Return a database that has only the tables of matching, in a file in `folder`."""
    url = f"sqlite:///{folder / 'matching.db'}"
    database = Database(url, Keys({1: bytes(32)}), "http://127.0.0.1", matcher=semantic.NAME)
    models = (DeskDoc, DeskTerm, PublicDoc, PublicTerm, Vector, Verdict)
    with database.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE newsletters (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO newsletters VALUES ({NEWSLETTER})")  # noqa: S608
        Base.metadata.create_all(connection, tables=[Base.metadata.tables[model.__tablename__] for model in models])
    return database


def index_stored(database: Database, documents: Sequence[Stored], matcher: str) -> Iterator[int]:
    """Index the stored rows, and embed them for the semantic matcher. Yield the number of rows of each batch."""
    for start in range(0, len(documents), BATCH_SIZE):
        batch = enumerate(documents[start : start + BATCH_SIZE], start + 1)
        docs = [Doc(NEWSLETTER, "question", number, stored.text) for number, stored in batch]
        database.write(lambda session, docs=docs: index_documents(session, PUBLIC, docs))  # type: ignore[misc]
        if matcher != semantic.NAME:
            yield len(docs)
    if matcher == semantic.NAME:  # a row is done when it is embedded
        while number := embed_due(database):
            yield number


def make_searcher(matcher: str, documents: Sequence[Stored]) -> Callable[[Session, str], Found]:
    """Return a function that answers a query with the stored ids and their scores, best first."""

    def search_by_score(session: Session, query_text: str) -> Found:
        scored = by_score(session, PUBLIC, NEWSLETTER, Probe(query_text), matcher).scored
        return [(documents[noun_id - 1].id, score) for (_noun, noun_id), score, _doc in scored]

    def search_by_fts_rank(session: Session, query_text: str) -> Found:
        """Rank by SQLite's own bm25 over all words, which are only cut as ours are."""
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


def evaluate(queries: Sequence[Query], ask: Callable[[str], Found]) -> Iterator[Figures | None]:
    """Ask every query. Yield None for each, and the figures at the end."""
    ranks: list[int | None] = []  # of the duplicate, from 0
    caught: list[float] = []  # the score of the duplicate if it is among the first `SEEN_RANKS`
    alarms: list[float] = []  # the best score of each query without a duplicate
    times: list[float] = []  # milliseconds
    for query in queries:
        start = time.perf_counter()
        found = ask(query.text)
        times.append(1_000 * (time.perf_counter() - start))
        if query.same_as:
            rank = next((rank for rank, (stored_id, _) in enumerate(found) if stored_id in query.same_as), None)
            ranks.append(rank)
            is_seen = rank is not None and rank < SEEN_RANKS
            caught.append(found[rank or 0][1] if is_seen else -inf)
        else:
            alarms.append(found[0][1] if found else -inf)
        yield None
    yield _figures(ranks, caught, alarms, sorted(times))


def _figures(ranks: list[int | None], caught: list[float], alarms: list[float], times: list[float]) -> Figures:
    """Return the figures. `times` are sorted."""
    recall = dict.fromkeys((1, 5, 10), 0.0)
    mrr = 0.0
    caught_share = None
    if ranks:
        recall = {limit: mean(rank is not None and rank < limit for rank in ranks) for limit in recall}
        mrr = mean(1 / (rank + 1) if rank is not None else 0.0 for rank in ranks)
    if ranks and alarms:
        least = threshold(alarms)
        caught_share = mean(score >= least for score in caught)
    p50, p95 = (times[int(len(times) * share)] for share in (0.5, 0.95))
    return Figures(recall=recall, mrr=mrr, caught=caught_share, p50=p50, p95=p95)


def threshold(alarms: Sequence[float], share: float = 0.1) -> float:
    """Return the lowest score that at most this share of the queries without a duplicate reaches."""
    descending = sorted(alarms, reverse=True)
    highest_allowed = descending[int(len(descending) * share)]
    return nextafter(highest_allowed, inf)
