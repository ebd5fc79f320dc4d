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
DEPTH = 60  # ranks down to which a duplicate counts for the mean reciprocal rank
TOP = 3  # ranks that an editor looks at
NEWSLETTER = 1
BATCH = 500

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
    """The results. The shares are of the queries that have a duplicate; `caught` is None if every query has one."""

    recall: dict[int, float]
    mrr: float
    caught: float | None
    p50: float
    p95: float

    def as_json(self) -> dict[str, float | None]:
        shares = {f"recall@{at}": share for at, share in self.recall.items()}
        rest = {"mrr": self.mrr, "caught@10": self.caught, "ms_p50": self.p50, "ms_p95": self.p95}
        return {name: None if value is None else round(value, 4) for name, value in {**shares, **rest}.items()}


def _lines(name: str, lines: Iterable[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        at = f"{name} line {number}"
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadLine(f"{at}: this is not JSON in UTF-8 ({error})") from error
        if not isinstance(row, dict):
            raise BadLine(f"{at}: an object is needed, such as {{…}}")
        if not isinstance(row.get("text"), str) or not row["text"].strip():
            raise BadLine(f'{at}: "text" has to be a text that is not empty')
        if any("\ud800" <= sign <= "\udfff" for sign in row["text"]):
            raise BadLine(f'{at}: "text" holds half a character, which no file can keep (a surrogate)')
        if not isinstance(row.get("language", ""), str | None):
            raise BadLine(f'{at}: "language" has to be a text')
        yield at, row


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def read_stored(name: str, lines: Iterable[bytes]) -> list[Stored]:
    """Return the stored rows of a file. Raises `BadLine`."""
    rows: dict[Id, Stored] = {}
    for at, row in _lines(name, lines):
        if not _is_id(row.get("id")):
            raise BadLine(f'{at}: "id" has to be a whole number or a text')
        if row["id"] in rows:
            raise BadLine(f"{at}: the id {row['id']!r} stands in an earlier line")
        rows[row["id"]] = Stored(row["id"], row["text"])
    if not rows:
        raise BadLine(f"{name}: there is no line in it")
    return list(rows.values())


def read_queries(name: str, lines: Iterable[bytes], stored_ids: Iterable[Id]) -> list[Query]:
    """Return the queries of a file. Raises `BadLine`, also for an id that is not stored."""
    ids = set(stored_ids)
    queries = []
    for at, row in _lines(name, lines):
        same = row.get("same_as")
        if not isinstance(same, list) or not all(map(_is_id, same)):
            raise BadLine(f'{at}: "same_as" has to be a list of ids, an empty one where nothing is the same')
        if missing := [one for one in same if one not in ids]:
            raise BadLine(f"{at}: nothing is stored with the id {missing[0]!r}")
        queries.append(Query(row["text"], frozenset(same)))
    if not queries:
        raise BadLine(f"{name}: there is no line in it")
    return queries


def small_database(folder: Path) -> Database:
    """Return a database that has only the tables of matching, in a file in `folder`."""
    database = Database(
        f"sqlite:///{folder / 'matching.db'}", Keys({1: bytes(32)}), "http://127.0.0.1", matcher=semantic.NAME
    )
    kinds = (DeskDoc, DeskTerm, PublicDoc, PublicTerm, Vector, Verdict)
    with database.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE newsletters (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO newsletters VALUES ({NEWSLETTER})")  # noqa: S608
        Base.metadata.create_all(connection, tables=[Base.metadata.tables[kind.__tablename__] for kind in kinds])
    return database


def index_stored(database: Database, documents: Sequence[Stored], matcher: str) -> Iterator[int]:
    """Index the stored rows, and embed them for the semantic matcher. Yield how many rows were done at a time."""
    for start in range(0, len(documents), BATCH):
        part = enumerate(documents[start : start + BATCH], start + 1)
        rows = [Doc(NEWSLETTER, "question", number, row.text) for number, row in part]
        database.write(lambda session, rows=rows: index_documents(session, PUBLIC, rows))  # type: ignore[misc]
        if matcher != semantic.NAME:
            yield len(rows)
    while matcher == semantic.NAME and (done := embed_due(database)):
        yield done


def make_searcher(matcher: str, documents: Sequence[Stored]) -> Callable[[Session, str], Found]:
    """Return a function that answers a query with the stored ids and their scores, best first."""

    def by_alike(session: Session, words: str) -> Found:
        found = by_score(session, PUBLIC, NEWSLETTER, Probe(words), matcher).scored
        return [(documents[number - 1].id, score) for (_, number), score, _ in found]

    def by_rank(session: Session, words: str) -> Found:
        """Rank by SQLite's own bm25 over all words: of ours is only how they are cut."""
        listed = " OR ".join(f'"{term}"' for term in scope_terms(NEWSLETTER, Cut(words).asked))
        query = (
            "SELECT d.noun_id, -bm25(public_fts, 1, 0) FROM public_fts f JOIN public_docs d ON d.id = f.rowid "
            "WHERE public_fts MATCH :query ORDER BY bm25(public_fts, 1, 0), f.rowid LIMIT :depth"
        )
        if not listed:
            return []
        rows = session.execute(text(query), {"query": f"terms : ({listed})", "depth": DEPTH})
        return [(documents[noun_id - 1].id, score) for noun_id, score in rows]

    return by_rank if matcher == "fts" else by_alike


def evaluate(queries: Sequence[Query], ask: Callable[[str], Found]) -> Iterator[Figures | None]:
    """Ask every query. Yield None for each, and the figures at the end."""
    ranks: list[int | None] = []
    caught: list[float] = []  # the score of the duplicate if it is among the first `TOP`
    alarms: list[float] = []  # the best score of each query without one
    times: list[float] = []
    for query in queries:
        start = time.perf_counter()
        found = ask(query.text)
        times.append(1_000 * (time.perf_counter() - start))
        if query.same_as:
            place = next((at for at, (key, _) in enumerate(found) if key in query.same_as), None)
            ranks.append(place)
            caught.append(found[place][1] if place is not None and place < TOP else -inf)
        else:
            alarms.append(found[0][1] if found else -inf)
        yield None
    yield _figures(ranks, caught, alarms, sorted(times))


def _figures(ranks: list[int | None], caught: list[float], alarms: list[float], times: list[float]) -> Figures:
    def share(at: int) -> float:
        return mean(rank is not None and rank < at for rank in ranks) if ranks else 0.0

    return Figures(
        {at: share(at) for at in (1, 5, 10)},
        mean(1 / (rank + 1) if rank is not None else 0.0 for rank in ranks) if ranks else 0.0,
        mean(score >= threshold(alarms) for score in caught) if alarms and ranks else None,
        times[len(times) // 2],
        times[int(len(times) * 0.95)],
    )


def threshold(alarms: Sequence[float], share: float = 0.1) -> float:
    """Return the lowest score that at most this share of the queries without a duplicate reaches."""
    highest = sorted(alarms, reverse=True)
    return nextafter(highest[int(len(highest) * share)], inf)
