"""Full-text search for the desk and the public archive: in any script, newest first, and without syntax errors.

Newest first and not by rank: so the URL of a page stays valid when letters arrive, the next page costs the same at any
depth, and a desk mostly looks for recent letters.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from .index import is_sqlite, scope_terms
from .models import NOUNS, Collection
from .terms import Unit, cut, units

CLAUSES, TERMS = 12, 60  # the rest of a query is ignored
BEGUN = 3  # letters from which on a word may be unfinished: shorter prefixes match too much
AROUND = 70  # characters before the first hit; twice as many follow it

_QUOTED = re.compile(r"\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|「([^」]*)」")


@dataclass(frozen=True)
class Piece:
    """A piece of plain text; `hit` marks what was searched for."""

    text: str
    hit: bool


@dataclass(frozen=True)
class Hit:
    """A document that was found. `mark` is the cursor of the next page, `words` the whole text."""

    mark: int
    noun: str
    noun_id: int
    words: str
    asked: tuple["Clause", ...]

    @property
    def snippet(self) -> tuple[Piece, ...]:
        return snippet(self.words, self.asked)


@dataclass(frozen=True)
class Clause:
    """A phrase that a text must contain: `terms` as in the index, `sequence` as they follow each other in a text."""

    terms: tuple[str, ...]
    sequence: tuple[str, ...]
    unfinished: bool = False


def clauses(query: str) -> list[Clause]:
    """Parse a query into words, runs of signs, and phrases in quotation marks. The last word may be unfinished."""
    found: list[Clause] = []
    at = 0
    for quoted in _QUOTED.finditer(query):
        found += _parse_unquoted(query[at : quoted.start()], is_last=False)
        phrase = next(filter(None, quoted.groups()), "")
        if terms := cut(phrase):
            found.append(Clause(tuple(terms[:TERMS]), tuple(unit.term for unit in units(phrase))))
        at = quoted.end()
    return [*found, *_parse_unquoted(query[at:], is_last=True)][:CLAUSES]


def _parse_unquoted(query_part: str, is_last: bool) -> Iterator[Clause]:
    runs: list[list[Unit]] = []
    for unit in units(query_part):
        if unit.is_sign and runs and runs[-1][-1].is_sign and runs[-1][-1].end == unit.start:
            runs[-1].append(unit)
        else:
            runs.append([unit])
    for number, run in enumerate(runs, 1):
        if run[0].is_sign:
            written = query_part[run[0].start : run[-1].end]
            yield Clause(tuple(cut(written)[:TERMS]), tuple(unit.term for unit in run))
        else:
            [word] = run
            open_end = query_part[word.end : word.end + 1] == "*" or (is_last and number == len(runs))
            yield Clause((word.term,), (word.term,), open_end and len(word.term) >= BEGUN)


def search(
    session: Session,
    collection: Collection,
    newsletter_id: int,
    query: str,
    *,
    nouns: Sequence[str] = NOUNS,
    answered_only: bool = False,
    cursor: int | None = None,
    limit: int = 30,
) -> list[Hit]:
    """Return the documents of a newsletter that contain everything in `query`, newest first.

    `answered_only` leaves only Q&As that have run. `cursor` is the `mark` of the last hit of the page before. A query
    without words finds nothing; no query raises.
    """
    asked = clauses(query)
    if not asked:
        return []
    sqlite = is_sqlite(session)
    found = (_fts5_query if sqlite else _tsquery_text)(newsletter_id, asked)
    docs = collection.docs.__tablename__
    matches = f"{collection.fts} MATCH :query" if sqlite else "f.terms @@ CAST(:query AS tsquery)"
    listed = ", ".join(f"'{noun}'" for noun in NOUNS if noun in nouns)
    kinds = "" if set(nouns) >= set(NOUNS) else f" AND d.noun IN ({listed})"
    kinds += " AND d.answered" if answered_only else ""
    rows = session.execute(
        text(
            f"SELECT f.rowid, d.noun, d.noun_id, d.text, d.more FROM {collection.fts} f"  # noqa: S608 - names of ours
            f" JOIN {docs} d ON d.id = f.rowid WHERE {matches}"
            f"{' AND f.rowid < :before' if cursor else ''}{kinds} ORDER BY f.rowid DESC LIMIT :limit"
        ),
        {"query": found, "limit": limit, **({"before": cursor} if cursor else {})},
    )
    return [Hit(key, noun, noun_id, f"{words}\n{more}", tuple(asked)) for key, noun, noun_id, words, more in rows]


def get_cursor(session: Session, collection: Collection, noun: str, noun_id: int) -> int | None:
    """Return the cursor after this letter or question, or None if it isn't in the index."""
    docs = collection.docs
    return session.scalar(select(docs.id).where(docs.noun == noun, docs.noun_id == noun_id))


def _fts5_query(newsletter_id: int, query_clauses: Sequence[Clause]) -> str:
    """Return the query for FTS5. Every term is quoted and contains no quotes, so none can be an operator."""
    phrases = (
        '"{}"{}'.format(" ".join(scope_terms(newsletter_id, one.terms)), "*" if one.unfinished else "")
        for one in query_clauses
    )
    return " AND ".join(phrases)


def _tsquery_text(newsletter_id: int, query_clauses: Sequence[Clause]) -> str:
    phrases = (
        " <-> ".join(f"'{term}'{':*' if one.unfinished else ''}" for term in scope_terms(newsletter_id, one.terms))
        for one in query_clauses
    )
    return " & ".join(f"({phrase})" for phrase in phrases)


def snippet(content: str, query_clauses: Sequence[Clause]) -> tuple[Piece, ...]:
    """Return the text around the first hit, in pieces; from its beginning if no whole word was hit."""
    found = list(units(content))
    spans = sorted({span for clause in query_clauses for span in _find_spans(found, clause)})
    first = spans[0][0] if spans else 0
    start = _next_token_start(content, max(0, first - AROUND), found)
    end = min(len(content), first + 2 * AROUND)
    end = next((unit.end for unit in found if unit.end >= end), len(content))
    pieces: list[Piece] = [Piece("… ", False)] if start else []
    at = start
    for left, right in spans:
        if left < at or right > end:
            continue
        pieces += [Piece(content[at:left], False)] if left > at else []
        pieces.append(Piece(content[left:right], True))
        at = right
    rest = content[at:end].rstrip() + (" …" if content[end:].strip(" .?!\n") else content[end:].rstrip())
    return (*pieces, *([Piece(rest, False)] if rest else []))


def _next_token_start(content: str, position: int, tokens: Sequence[Unit]) -> int:
    return next((unit.start for unit in tokens if unit.start >= position), 0) if position else 0


def _find_spans(tokens: Sequence[Unit], clause: Clause) -> Iterator[tuple[int, int]]:
    first, size = clause.sequence[0], len(clause.sequence)
    if clause.unfinished:  # only a single word can be
        return ((unit.start, unit.end) for unit in tokens if unit.term.startswith(first))
    begins = (at for at, unit in enumerate(tokens) if unit.term == first)
    stretches = (tokens[at : at + size] for at in begins)
    return (
        (stretch[0].start, stretch[-1].end)
        for stretch in stretches
        if tuple(unit.term for unit in stretch) == clause.sequence
    )
