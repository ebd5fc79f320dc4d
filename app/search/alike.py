"""Suggest questions that ask the same, with reasons. Nothing is merged automatically.

The index proposes candidates, and a score, the same on both databases, ranks them. The desk's earlier verdicts decide
from which score a look-alike is shown without being asked for. The matcher "words" finds texts in the same language.
The matcher "semantic", an optional extra, also finds texts in other languages.
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

MAX_CANDIDATES = 60  # documents that are compared
MAX_FETCHED = 2 * MAX_CANDIDATES  # documents that the index returns; some of them are not `offered`
MAX_DOCUMENTS = 20_000  # documents that the looked-up terms may have together; the rarest are looked up first
MIN_LOOKUP_TERMS = 2  # terms that are looked up even if they exceed MAX_DOCUMENTS
TERMS_PER_QUERY = 5_000  # terms in one query of `counts_of`

__all__ = ["Comparison", "Key", "Match", "Probe", "Reason", "Scored", "find_matches"]


class ComparedDoc(NamedTuple):
    """The columns of a document that a comparison needs; see `models._Doc` for their meaning."""

    noun: str
    noun_id: int
    answered: bool
    question_id: int | None
    edition_id: int | None
    topics: list[str]
    text: str


Scored = tuple[Key, float, ComparedDoc]  # the key under which the document is suggested, its score, the document


@dataclass(frozen=True)
class Probe:
    """A text that documents are compared with. The other fields are set if it is the text of a letter or question."""

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
    """A probe and the documents that it was compared with, best first. Only the matcher "words" sets `counts`."""

    probe: Probe
    scored: Sequence[Scored]
    counts: Counts | None = None


@dataclass(frozen=True)
class Match:
    """A look-alike. If it is `likely`, pages show it without being asked.

    `score`, from 0 to 1, is only for `record_verdict`, and is never shown.
    """

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
    """Return the look-alikes among a newsletter's documents, best first. Documents of one question count as one.

    The probe itself is left out, and so are documents that the desk called "not the same", and documents for which no
    reason is found. The probe's text isn't stored. `matcher` is 'words' or 'semantic', by default the one in
    the settings. Pass the `comparison` if the probe was already compared.
    """
    matcher = matcher or get_matcher(session)
    comparison = comparison or compare(session, collection, newsletter_id, probe, matcher)
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
    # The desk sees likely look-alikes unasked, so these must also share their rarest words. This isn't required on the
    # pages of readers, nor by the semantic matcher, which also finds texts in other languages, without shared words.
    needs_shared_words = collection is not PUBLIC and matcher == "words"
    matches: list[Match] = []
    for (noun, noun_id), score, doc in ranked:
        reasons = find_reasons(probe, doc, counts, matcher)
        if not reasons:  # the match couldn't be explained
            continue
        is_likely = score >= cutoff and (not needs_shared_words or share_the_rarest(probe.text, doc.text, counts))
        matches.append(Match(noun, noun_id, score, is_likely, doc.answered, matcher, reasons))
    return matches


def get_matcher(session: Session) -> str:
    """Return the matcher in the settings; 'words' instead of 'semantic' if the extra isn't installed."""
    return semantic.NAME if session.info.get("matcher") == semantic.NAME and semantic.is_installed() else "words"


def compare(
    session: Session, collection: Collection, newsletter_id: int, probe: Probe, matcher: str | None = None
) -> Comparison:
    """Compare a probe with the candidates in a collection. Documents of one question count as one: the most similar."""
    matcher = matcher or get_matcher(session)
    score_candidates = _score_by_meaning if matcher == semantic.NAME else _score_by_words
    scored, counts = score_candidates(session, collection, newsletter_id, probe)
    best: dict[Key, tuple[float, ComparedDoc]] = {}
    for score, doc in scored:
        key = ("question", doc.question_id) if doc.question_id else (doc.noun, doc.noun_id)
        if key not in best or score > best[key][0]:
            best[key] = (score, doc)
    ranked = sorted(best.items(), key=lambda entry: (-entry[1][0], entry[0]))
    return Comparison(probe, [(key, score, doc) for key, (score, doc) in ranked], counts)


ScoredDocs = tuple[list[tuple[float, ComparedDoc]], Counts | None]  # the counts are None for the semantic matcher


def counts_of(session: Session, collection: Collection, newsletter_id: int, terms: Iterable[str]) -> Counts:
    """Return the number and average length of a newsletter's documents, and for each term how many have it."""
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


def _score_by_words(session: Session, collection: Collection, newsletter_id: int, probe: Probe) -> ScoredDocs:
    probe_terms = TextTerms(probe.text)
    counts = counts_of(session, collection, newsletter_id, probe_terms.search_terms_and_stems)
    lookup_terms = choose_lookup_terms(probe_terms.search_terms_and_stems, counts)
    docs = find_candidates(session, collection, newsletter_id, lookup_terms, counts)
    if not docs:
        return [], counts
    candidates = [TextTerms(doc.text) for doc in docs]
    # Only the probe's own stems have a weight, so the stems of the candidates are not counted.
    new_terms = {term for candidate in candidates for term in candidate.search_terms}
    new_terms.difference_update(probe_terms.search_terms_and_stems)
    new_counts = counts_of(session, collection, newsletter_id, new_terms)
    counts = Counts(counts.size, counts.average_length, {**counts.docs, **new_counts.docs})
    counts.add_cut_texts((probe_terms, *candidates))
    question = WeightedText(probe_terms, counts)
    scores = (similarity(question, WeightedText(candidate, counts), counts) for candidate in candidates)
    return list(zip(scores, docs, strict=True)), counts


def choose_lookup_terms(terms: Sequence[str], counts: Counts) -> list[str]:
    """Return the terms to look up, rarest first: all that are in the index and aren't common.

    Together they have at most `MAX_DOCUMENTS` documents, unless there are only `MIN_LOOKUP_TERMS` of them.
    """
    useful_terms = [term for term in terms if counts.docs.get(term) and not counts.is_common(term)]
    lookup_terms: list[str] = []
    total_docs = 0
    for term in sorted(useful_terms, key=lambda term: (counts.docs[term], term)):
        total_docs += counts.docs[term]
        if total_docs > MAX_DOCUMENTS and len(lookup_terms) >= MIN_LOOKUP_TERMS:
            break
        lookup_terms.append(term)
    return lookup_terms


def find_candidates(
    session: Session, collection: Collection, newsletter_id: int, terms: Sequence[str], counts: Counts
) -> list[ComparedDoc]:
    """Return the offered documents that have any of the terms, those with the rarest terms first."""
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
    return [ComparedDoc(*row) for row in session.execute(query, params)]


@cache
def _candidates_query(collection: Collection, term_count: int) -> Select[Any]:
    """Return the query for candidates. `term_count` is the number of terms on PostgreSQL, and 0 on SQLite.

    On PostgreSQL the query has an index scan for each term, on SQLite one scan for all terms.
    """
    if term_count:
        # ts_rank ignores how rare a term is. So each term has a weight: its idf, which counts less in a long text, with
        # the parameters of BM25 in `scoring`: 0.3 is K1 * (1 - B), and 0.9 is K1 * B.
        term_queries = " UNION ALL ".join(TERM_QUERY.format(fts=collection.fts, n=n) for n in range(term_count))
        nearest = _nearest_rows(POSTGRESQL_QUERY.format(term_queries=term_queries))
    else:
        nearest = _nearest_rows(SQLITE_QUERY.format(fts=collection.fts))
    docs = collection.docs
    query = select(*_columns(collection)).join(nearest, nearest.c.rowid == docs.id).where(docs.offered)
    return query.order_by(nearest.c.far, docs.id.desc()).limit(MAX_CANDIDATES)


# Select the ids of the documents with any of the terms, and the distance `far` of each. The distance is negative; it is
# lower the more terms are shared and the rarer these are.
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
    return [getattr(collection.docs, name) for name in ComparedDoc._fields]


def _score_by_meaning(session: Session, collection: Collection, newsletter_id: int, probe: Probe) -> ScoredDocs:
    cosines = semantic.find_nearest(session, collection, newsletter_id, probe.text, probe.key, MAX_CANDIDATES)
    docs = collection.docs
    ids = [noun_id for _, noun_id in cosines]
    query = select(*_columns(collection)).where(docs.newsletter_id == newsletter_id, docs.offered)
    rows = [ComparedDoc(*row) for row in session.execute(query.where(docs.noun_id.in_(ids)))]
    # The query selects by `noun_id` only, so `rows` may contain a letter that has the id of a near question.
    return [(cosines[doc.noun, doc.noun_id], doc) for doc in rows if (doc.noun, doc.noun_id) in cosines], None
