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
from .scoring import Counts, TextTerms, WeightedText, similarity
from .verdicts import load_desk_verdicts

MAX_CANDIDATES = 60  # candidates that are compared
MAX_FETCHED = 2 * MAX_CANDIDATES  # some of those that the index returns are not `offered`
MAX_DOCUMENTS = 20_000  # that may be looked at: those of the rarest terms first
MIN_LOOKUP_TERMS = 2  # that are looked up even if they exceed MAX_DOCUMENTS
TERMS_PER_QUERY = 5_000  # terms per query for counts

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
    """The text with which others are compared; if it is a letter's or question's, also its noun, id and properties."""

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
    """A probe and everything that it was compared with, best first. Only the matcher of words has `counts`."""

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
    verdicts = load_desk_verdicts(session, newsletter_id, matcher, probe.key)
    hidden_keys = verdicts.not_the_same | ({probe.key} if probe.key else set())
    ranked = [
        (key, score, doc)
        for key, score, doc in comparison.scored
        if hidden_keys.isdisjoint({key, (doc.noun, doc.noun_id)})
    ][:limit]
    if not ranked:
        return []
    counts = comparison.counts
    if counts is None:
        terms = {*TextTerms(probe.text).search_terms_and_stems}
        for _key, _score, doc in ranked:
            terms.update(TextTerms(doc.text).search_terms)
        counts = counts_of(session, collection, newsletter_id, terms)
    cutoff = verdicts.cutoff(counts.size)
    # Readers have asked for look-alikes, and the semantic matcher finds texts in other languages that share no word.
    needs_shared_words = collection is not PUBLIC and matcher == "words"
    return [
        Match(
            *key,
            score,
            score >= cutoff and (not needs_shared_words or share_the_rarest(probe.text, doc.text, counts)),
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


ScoredDocs = tuple[list[tuple[float, Doc]], Counts | None]


def counts_of(session: Session, collection: Collection, newsletter_id: int, terms: Iterable[str]) -> Counts:
    """Return the counts of a newsletter's documents, and of these terms in them."""
    sorted_terms = sorted({*terms})
    size_key, length_key = f"{newsletter_id}", f"{newsletter_id}+"  # see `models._Term`
    scoped_terms = scope_terms(newsletter_id, sorted_terms)
    keys = [size_key, length_key, *scoped_terms]
    columns = collection.terms.__table__.c
    counts: dict[str, int] = {}
    for start in range(0, len(keys), TERMS_PER_QUERY):
        query = select(columns.term, columns.docs).where(columns.term.in_(keys[start : start + TERMS_PER_QUERY]))
        counts |= dict(session.connection().execute(query).all())
    size = counts.get(size_key, 0)
    average_length = counts.get(length_key, 0) / size if size else 0.0
    docs = {term: counts.get(scoped_term, 0) for term, scoped_term in zip(sorted_terms, scoped_terms, strict=True)}
    return Counts(size, average_length, docs)


def _by_words(session: Session, collection: Collection, newsletter_id: int, probe: Probe) -> ScoredDocs:
    probe_terms = TextTerms(probe.text)
    counts = counts_of(session, collection, newsletter_id, probe_terms.search_terms_and_stems)
    lookup_terms = choose_lookup_terms(probe_terms.search_terms_and_stems, counts)
    docs = find_candidates(session, collection, newsletter_id, lookup_terms, counts)
    if not docs:
        return [], counts
    candidates = [TextTerms(doc.text) for doc in docs]
    # The candidates' words without their stems: stems are weighed by their counts in the question.
    new_terms = {term for candidate in candidates for term in candidate.search_terms}
    new_terms.difference_update(probe_terms.search_terms_and_stems)
    new_counts = counts_of(session, collection, newsletter_id, new_terms)
    counts = Counts(counts.size, counts.average_length, {**counts.docs, **new_counts.docs})
    counts.add_cut_texts((probe_terms, *candidates))
    question = WeightedText(probe_terms, counts)
    scores = (similarity(question, WeightedText(candidate, counts), counts) for candidate in candidates)
    return list(zip(scores, docs, strict=True)), counts


def choose_lookup_terms(terms: Sequence[str], counts: Counts) -> list[str]:
    """Return the terms to look up, rarest first: those that exist and aren't common, within `MAX_DOCUMENTS`."""
    useful_terms = [term for term in terms if counts.docs.get(term) and not counts.is_common(term)]
    chosen: list[str] = []
    docs = 0
    for term in sorted(useful_terms, key=lambda term: (counts.docs[term], term)):
        docs += counts.docs[term]
        if docs > MAX_DOCUMENTS and len(chosen) >= MIN_LOOKUP_TERMS:
            break
        chosen.append(term)
    return chosen


def find_candidates(
    session: Session, collection: Collection, newsletter_id: int, terms: Sequence[str], counts: Counts
) -> list[Doc]:
    """Return the offered documents that share the rarest terms."""
    if not terms:
        return []
    scoped_terms = scope_terms(newsletter_id, terms)
    params: dict[str, Any]
    if is_sqlite(session):
        query = _candidates_query(collection, 0)
        alternatives = " OR ".join(f'"{term}"' for term in scoped_terms)
        params = {"query": f"terms : ({alternatives})"}
    else:
        query = _candidates_query(collection, len(scoped_terms))
        params = {f"t{n}": f"'{term}':A" for n, term in enumerate(scoped_terms)}
        params |= {f"w{n}": counts.idf(term) for n, term in enumerate(terms)}
        params["length"] = counts.average_length or 1.0
    return [Doc(*row) for row in session.execute(query, params)]


@cache
def _candidates_query(collection: Collection, term_count: int) -> Select[Any]:
    """Select the candidates.

    On PostgreSQL the query has an index scan for each of `term_count` terms. SQLite has one scan for all terms, and
    `term_count` is 0.
    """
    if term_count:
        # ts_rank ignores how rare a term is, so terms have weights from our own counts, and count less in a long text.
        term_queries = " UNION ALL ".join(TERM_QUERY.format(fts=collection.fts, n=n) for n in range(term_count))
        nearest = _nearest_rows(POSTGRESQL_QUERY.format(term_queries=term_queries))
    else:
        nearest = _nearest_rows(SQLITE_QUERY.format(fts=collection.fts))
    docs = collection.docs
    query = select(*_columns(collection)).join(nearest, nearest.c.rowid == docs.id).where(docs.offered)
    return query.order_by(nearest.c.far, docs.id.desc()).limit(MAX_CANDIDATES)


# The ids and distances of the documents with any of the terms. Those that share the rarest terms are nearest.
SQLITE_QUERY = "SELECT rowid, bm25({fts}, 1, 0) AS far FROM {fts} WHERE {fts} MATCH :query"
POSTGRESQL_QUERY = "SELECT rowid, -sum(weight) AS far FROM ({term_queries}) each_term GROUP BY rowid"
TERM_QUERY = (
    "SELECT rowid, :w{n} / (0.3 + 0.9 * length(terms) / :length) AS weight"
    " FROM {fts} WHERE terms @@ CAST(:t{n} AS tsquery)"
)


def _nearest_rows(query: str) -> Subquery:
    nearest = text(f"{query} ORDER BY far, rowid DESC LIMIT {MAX_FETCHED}")
    return nearest.columns(column("rowid", Integer), column("far", Float)).subquery()


def _columns(collection: Collection) -> list[Any]:
    return [getattr(collection.docs, name) for name in Doc._fields]


def _by_meaning(session: Session, collection: Collection, newsletter_id: int, probe: Probe) -> ScoredDocs:
    cosines = semantic.find_nearest(session, collection, newsletter_id, probe.text, probe.key, MAX_CANDIDATES)
    docs = collection.docs
    ids = [noun_id for _, noun_id in cosines]
    query = select(*_columns(collection)).where(docs.newsletter_id == newsletter_id, docs.offered)
    rows = [Doc(*row) for row in session.execute(query.where(docs.noun_id.in_(ids)))]
    # Selected by `noun_id` only: a letter may have the same id as a question that is near.
    return [(cosines[doc.noun, doc.noun_id], doc) for doc in rows if (doc.noun, doc.noun_id) in cosines], None
