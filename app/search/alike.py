"""Suggest questions that ask the same, with reasons. Nothing is merged automatically.

The index proposes candidates, one scorer for both databases ranks them, and the desk's own verdicts decide from which
score a look-alike is shown unasked. The matcher of words finds only the same language; the extra `semantic` finds
others too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Float, Integer, Select, Subquery, column, select, text
from sqlalchemy.orm import Session

from . import semantic
from .index import is_sqlite, scope_terms
from .models import PUBLIC, Collection, Key
from .reasons import Reason, find_reasons, share_the_rarest
from .scoring import Counts, Weighed, Words, alikeness
from .verdicts import load_desk_verdicts

PROPOSED = 60  # candidates that are compared
FETCHED = 2 * PROPOSED  # some of those that the index returns are not `offered`
BUDGET = 20_000  # documents that may be looked at, those of the rarest terms first
AT_LEAST = 2  # terms that are looked up regardless of the budget
ASKED_AT_ONCE = 5_000  # terms per query for counts

__all__ = ["Comparison", "Key", "Match", "Probe", "Reason", "Scored", "find_matches"]


class Doc(NamedTuple):
    """The columns of a document that are compared; see `models._Doc` for the meaning of each value."""

    noun: str
    noun_id: int
    answered: bool
    question_id: int | None
    edition_id: int | None
    topics: list[str]
    text: str


Scored = tuple[Key, float, Doc]


@dataclass(frozen=True)
class Probe:
    """The text with which others are compared and, for that of a letter or question, its noun, id and properties."""

    text: str
    noun: str | None = None
    noun_id: int | None = None
    edition_id: int | None = None
    topics: tuple[str, ...] = ()

    @property
    def key(self) -> Key | None:
        return (self.noun, self.noun_id) if self.noun and self.noun_id else None


@dataclass(frozen=True)
class Comparison:
    """A probe and everything that it was compared with, best first; after a comparison of words also their `counts`."""

    probe: Probe
    scored: Sequence[Scored]
    counts: Counts | None = None


@dataclass(frozen=True)
class Match:
    """A look-alike. `score` (0 to 1) is for `record_verdict` and never shown; `likely` ones are shown unasked."""

    noun: str
    noun_id: int
    score: float
    likely: bool
    answered: bool
    matcher: str
    reasons: tuple[Reason, ...]

    @property
    def key(self) -> Key:
        return self.noun, self.noun_id


def find_matches(
    session: Session,
    collection: Collection,
    newsletter_id: int,
    probe: Probe,
    *,
    limit: int = 10,
    matcher: str | None = None,
    comparison: Comparison | None = None,
) -> list[Match]:
    """Return the look-alikes among a newsletter's texts, best first; a question once, however many letters ask it.

    The probe itself is left out, and so is what the desk called "not the same". `matcher` is 'words' or 'semantic', by
    default the one in the settings. The probe's text is compared and not stored. A `comparison` that was made before
    for another purpose can be passed in.
    """
    matcher = matcher or matcher_of(session)
    comparison = comparison or by_score(session, collection, newsletter_id, probe, matcher)
    if not comparison.scored:
        return []
    known = load_desk_verdicts(session, newsletter_id, matcher, probe.key)
    hidden = known.not_the_same | ({probe.key} if probe.key else set())
    ranked = [one for one in comparison.scored if hidden.isdisjoint({one[0], (one[2].noun, one[2].noun_id)})][:limit]
    if not ranked:
        return []
    counts = comparison.counts
    if counts is None:
        asked = (Words(doc.text).asked for _key, _score, doc in ranked)
        counts = counts_of(session, collection, newsletter_id, {*Words(probe.text).compared}.union(*asked))
    least = known.cutoff(counts.size)
    # Readers have asked for look-alikes, and the semantic matcher finds texts in other languages that share no word.
    is_free = collection is PUBLIC or matcher != "words"
    return [
        Match(
            *key,
            score,
            score >= least and (is_free or share_the_rarest(probe.text, doc.text, counts)),
            doc.answered,
            matcher,
            why,
        )
        for key, score, doc in ranked
        if (why := find_reasons(probe, doc, counts, matcher))  # a match without a reason is not shown
    ]


def matcher_of(session: Session) -> str:
    """Return the matcher in the settings, or 'words' if its extra isn't installed."""
    return semantic.NAME if session.info.get("matcher") == semantic.NAME and semantic.is_installed() else "words"


def by_score(
    session: Session, collection: Collection, newsletter_id: int, probe: Probe, matcher: str | None = None
) -> Comparison:
    """Return everything that was compared, best first. Documents of one question count once, as that question."""
    matcher = matcher or matcher_of(session)
    compare = _by_meaning if matcher == semantic.NAME else _by_words
    scored, counts = compare(session, collection, newsletter_id, probe)
    best: dict[Key, tuple[float, Doc]] = {}
    for score, doc in scored:
        key = ("question", doc.question_id) if doc.question_id else (doc.noun, doc.noun_id)
        if key not in best or score > best[key][0]:
            best[key] = (score, doc)
    ranked = sorted(best.items(), key=lambda entry: (-entry[1][0], entry[0]))
    return Comparison(probe, [(key, score, doc) for key, (score, doc) in ranked], counts)


Found = tuple[list[tuple[float, Doc]], Counts | None]


def counts_of(session: Session, collection: Collection, newsletter_id: int, terms: Iterable[str]) -> Counts:
    """Return the counts of a newsletter's documents, and of these terms in them."""
    listed = sorted({*terms})
    names = [f"{newsletter_id}", f"{newsletter_id}+", *scope_terms(newsletter_id, listed)]
    columns = collection.terms.__table__.c
    found: dict[str, int] = {}
    for at in range(0, len(names), ASKED_AT_ONCE):
        query = select(columns.term, columns.docs).where(columns.term.in_(names[at : at + ASKED_AT_ONCE]))
        found |= dict(session.connection().execute(query).all())
    size, length = found.get(names[0], 0), found.get(names[1], 0)
    docs_of = {term: found.get(name, 0) for term, name in zip(listed, names[2:], strict=True)}
    return Counts(size, length / size if size else 0.0, docs_of)


def _by_words(session: Session, collection: Collection, newsletter_id: int, probe: Probe) -> Found:
    mine = Words(probe.text)
    counts = counts_of(session, collection, newsletter_id, mine.compared)
    docs = find_candidates(session, collection, newsletter_id, choose_lookup_terms(mine.compared, counts), counts)
    if not docs:
        return [], counts
    theirs = [Words(doc.text) for doc in docs]
    # Only the words of the candidates: stems are weighed by their counts in the question.
    more = {term for words in theirs for term in words.asked}.difference(mine.compared)
    docs_of = counts_of(session, collection, newsletter_id, more).docs
    counts = Counts(counts.size, counts.length, {**counts.docs, **docs_of})
    counts.take_in((mine, *theirs))
    question = Weighed(mine, counts)
    scores = (alikeness(question, Weighed(words, counts), counts) for words in theirs)
    return list(zip(scores, docs, strict=True)), counts


def choose_lookup_terms(terms: Sequence[str], counts: Counts) -> list[str]:
    """Return the terms to look up, rarest first: those that exist and aren't common, as far as the budget goes."""
    there = [term for term in terms if counts.docs.get(term) and not counts.is_common(term)]
    taken: list[str] = []
    spent = 0
    for term in sorted(there, key=lambda term: (counts.docs[term], term)):
        spent += counts.docs[term]
        if spent > BUDGET and len(taken) >= AT_LEAST:
            break
        taken.append(term)
    return taken


def find_candidates(
    session: Session, collection: Collection, newsletter_id: int, terms: Sequence[str], counts: Counts
) -> list[Doc]:
    """Return the offered documents that share the rarest terms."""
    if not terms:
        return []
    names = scope_terms(newsletter_id, terms)
    values: dict[str, Any]
    if is_sqlite(session):
        query = _candidates_query(collection, 0)
        listed = " OR ".join(f'"{name}"' for name in names)
        values = {"query": f"terms : ({listed})"}
    else:
        query = _candidates_query(collection, len(names))
        values = {f"t{n}": f"'{name}':A" for n, name in enumerate(names)}
        values |= {f"w{n}": counts.idf(term) for n, term in enumerate(terms)}
        values["length"] = counts.length or 1.0
    return [Doc(*row) for row in session.execute(query, values)]


@cache
def _candidates_query(collection: Collection, terms: int) -> Select[Any]:
    """Select the candidates: on PostgreSQL with an index scan for each of so many terms, on SQLite with one for all."""
    # ts_rank ignores how rare a term is, so terms have weights from our own counts, and count less in a long text.
    each = " UNION ALL ".join(EACH.format(fts=collection.fts, n=n) for n in range(terms))
    found = _nearest_rows(FOUND[not terms].format(fts=collection.fts, each=each))
    docs = collection.docs
    query = select(*_columns(collection)).join(found, found.c.rowid == docs.id).where(docs.offered)
    return query.order_by(found.c.far, docs.id.desc()).limit(PROPOSED)


# Of the documents with any of the terms, those that share the rarest: their ids and distances.
FOUND = {
    True: "SELECT rowid, bm25({fts}, 1, 0) AS far FROM {fts} WHERE {fts} MATCH :query",
    False: "SELECT rowid, -sum(weight) AS far FROM ({each}) each_term GROUP BY rowid",
}
EACH = (
    "SELECT rowid, :w{n} / (0.3 + 0.9 * length(terms) / :length) AS weight"
    " FROM {fts} WHERE terms @@ CAST(:t{n} AS tsquery)"
)


def _nearest_rows(query: str) -> Subquery:
    nearest = text(f"{query} ORDER BY far, rowid DESC LIMIT {FETCHED}")
    return nearest.columns(column("rowid", Integer), column("far", Float)).subquery()


def _columns(collection: Collection) -> list[Any]:
    return [getattr(collection.docs, name) for name in Doc._fields]


def _by_meaning(session: Session, collection: Collection, newsletter_id: int, probe: Probe) -> Found:
    near = semantic.find_nearest(session, collection, newsletter_id, probe.text, probe.key, PROPOSED)
    docs = collection.docs
    ids = [noun_id for _, noun_id in near]
    query = select(*_columns(collection)).where(docs.newsletter_id == newsletter_id, docs.offered)
    rows = [Doc(*row) for row in session.execute(query.where(docs.noun_id.in_(ids)))]
    return [(near[doc.noun, doc.noun_id], doc) for doc in rows if (doc.noun, doc.noun_id) in near], None
