"""Full-text search for the desk and the public archive: in any script, newest first, and without syntax errors.

A search by readers also finds other forms of a word and, if nothing has the word itself, words that differ from it by a
typo: those of them that the index has are looked up with it (see `word_forms`).

Results aren't ranked, since a desk mostly looks for recent letters. In the order of time, the URL of a page stays valid
when new letters arrive, and every page is as fast as the first.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from .index import count_words, is_sqlite, scope_terms
from .models import NOUNS, Collection
from .terms import Unit, cut, list_parts, units
from .word_forms import is_particle, list_forms, list_near_words

MAX_CLAUSES = 12  # clauses of a query; the rest is ignored
MAX_TERMS = 60  # terms of a clause; the rest is ignored
MAX_OTHER_WORDS = 30  # words that are looked up instead of one; those of the most documents
MIN_PREFIX_LETTERS = 3  # a shorter word can't be unfinished, since it would match too much
CONTEXT_CHARACTERS = 70  # characters before the first hit in a snippet; twice as many follow it

# A phrase in the quotation marks of several languages. Each kind has a group; the group that matched has the text.
_QUOTED = re.compile(r"\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|「([^」]*)」")


@dataclass(frozen=True)
class Snippet:
    """A piece of plain text; `hit` says whether it matches the query."""

    text: str
    hit: bool


@dataclass(frozen=True)
class Hit:
    """A document that was found, with its full text in `content`. Pass `cursor` to get the results after it."""

    cursor: int
    noun: str
    noun_id: int
    content: str
    query_clauses: tuple["Clause", ...]

    @property
    def snippet(self) -> tuple[Snippet, ...]:
        return snippet(self.content, self.query_clauses)


@dataclass(frozen=True)
class Query:
    """A query whose words are also found in the other forms that they have in `languages`, which are BCP 47 tags.

    With `tolerates_typos`, words of six letters or more are also found with one letter wrong. Only the public index
    knows which other words there are.
    """

    text: str
    languages: Sequence[str] = ()
    tolerates_typos: bool = False


@dataclass(frozen=True)
class Clause:
    """A phrase that a text must contain.

    `terms` are searched in the index; `sequence` are the words in a row that a snippet highlights. In scripts without
    spaces each character, called a sign, is a word, and `terms` also has the pairs of neighbouring signs.

    `is_word` marks a single word that isn't in quotation marks, and `unfinished` one that may be the beginning of a
    longer word. Instead of it, the text may contain one of `other_words`, or its `parts` in a row, if it was typed with
    an apostrophe or a non-joiner in it.
    """

    terms: tuple[str, ...]
    sequence: tuple[str, ...]
    is_word: bool = False
    unfinished: bool = False
    parts: tuple[str, ...] = ()
    other_words: tuple[str, ...] = ()

    @property
    def alternatives(self) -> list[tuple[str, ...]]:
        """The phrases of terms that match besides `terms`."""
        phrases: list[tuple[str, ...]] = [(word,) for word in self.other_words]
        return [*phrases, self.parts] if self.parts else phrases


def clauses(query: str, languages: Sequence[str] = ()) -> list[Clause]:
    """Parse a query into words, runs of signs, and phrases in quotation marks. The last word may be unfinished.

    `languages` are those, as BCP 47 tags, whose endings are left out if they stand apart.
    """
    query_clauses: list[Clause] = []
    position = 0
    for quoted in _QUOTED.finditer(query):
        query_clauses += _parse_unquoted(query[position : quoted.start()], is_last=False)
        phrase = next(filter(None, quoted.groups()), "")
        if terms := cut(phrase):
            query_clauses.append(Clause(tuple(terms[:MAX_TERMS]), tuple(unit.term for unit in units(phrase))))
        position = quoted.end()
    query_clauses += _parse_unquoted(query[position:], is_last=True)
    needed = [clause for clause in query_clauses if not (clause.is_word and is_particle(clause.terms[0], languages))]
    return (needed or query_clauses)[:MAX_CLAUSES]


def _parse_unquoted(query_part: str, is_last: bool) -> Iterator[Clause]:
    """Yield a clause for each word and each run of signs. `is_last` says whether the query ends with this part."""
    runs: list[list[Unit]] = []  # each has one word, or neighbouring signs
    for unit in units(query_part):
        if unit.is_sign and runs and runs[-1][-1].is_sign and runs[-1][-1].end == unit.start:
            runs[-1].append(unit)
        else:
            runs.append([unit])
    for number, run in enumerate(runs, 1):
        if run[0].is_sign:
            run_text = query_part[run[0].start : run[-1].end]
            yield Clause(tuple(cut(run_text)[:MAX_TERMS]), tuple(unit.term for unit in run))
        else:
            [word] = run
            has_asterisk = query_part[word.end : word.end + 1] == "*"
            is_last_word = is_last and number == len(runs)
            is_unfinished = (has_asterisk or is_last_word) and len(word.term) >= MIN_PREFIX_LETTERS
            yield Clause((word.term,), (word.term,), True, is_unfinished, tuple(list_parts(query_part, word)))


def _add_other_words(
    session: Session, collection: Collection, newsletter_id: int, query_clauses: Sequence[Clause], query: Query
) -> list[Clause]:
    """Return the clauses with the words of the index that may stand for theirs.

    Near words only stand for a word that the index has in no form.
    """
    words = {clause.terms[0] for clause in query_clauses if clause.is_word}
    candidates = {word: list_forms(word, query.languages) for word in words}
    counts = count_words(session, collection, newsletter_id, words.union(*candidates.values()))
    if query.tolerates_typos:
        unknown_words = [word for word in words if counts.keys().isdisjoint({word, *candidates[word]})]
        near_words = {word: list_near_words(word, query.languages) for word in unknown_words}
        known_words = count_words(session, collection, newsletter_id, set().union(*near_words.values()))
        for word, near in near_words.items():
            for near_word in near & known_words.keys():
                candidates[word] |= {near_word, *list_forms(near_word, query.languages)}
        other_words = set().union(*(candidates[word] for word in unknown_words))
        counts |= count_words(session, collection, newsletter_id, other_words)

    def list_most_frequent(term: str) -> tuple[str, ...]:
        known = sorted(candidates[term] & counts.keys(), key=lambda candidate: (-counts[candidate], candidate))
        return tuple(known[:MAX_OTHER_WORDS])

    return [
        replace(clause, other_words=list_most_frequent(clause.terms[0])) if clause.is_word else clause
        for clause in query_clauses
    ]


def search(
    session: Session,
    collection: Collection,
    newsletter_id: int,
    query: str | Query,
    *,
    nouns: Sequence[str] = NOUNS,
    answered_only: bool = False,
    cursor: int | None = None,
    limit: int = 30,
) -> list[Hit]:
    """Return the documents of a newsletter that contain everything in `query`, newest first.

    With `answered_only`, return only Q&As that have run. `cursor` is that of the last hit on the previous page. A query
    without words finds nothing; no query raises an error.
    """
    query = Query(query) if isinstance(query, str) else query
    query_clauses = clauses(query.text, query.languages)
    if not query_clauses:
        return []
    if query.languages:
        query_clauses = _add_other_words(session, collection, newsletter_id, query_clauses, query)
    params: dict[str, str | int] = {"limit": limit}
    if is_sqlite(session):
        conditions = [f"{collection.fts} MATCH :query"]
        params["query"] = _fts5_query(newsletter_id, query_clauses)
    else:
        conditions = ["f.terms @@ CAST(:query AS tsquery)"]
        params["query"] = _tsquery_text(newsletter_id, query_clauses)
    if cursor:
        conditions.append("f.rowid < :before")  # on PostgreSQL, a column of that name
        params["before"] = cursor
    if set(NOUNS) - set(nouns):  # one of them is excluded
        known_nouns = ", ".join(f"'{noun}'" for noun in NOUNS if noun in nouns)  # constants, so safe in SQL
        conditions.append(f"d.noun IN ({known_nouns})")
    if answered_only:
        conditions.append("d.answered")
    rows = session.execute(
        text(
            f"SELECT f.rowid, d.noun, d.noun_id, d.text, d.more FROM {collection.fts} f"  # noqa: S608 - our own table names
            f" JOIN {collection.docs.__tablename__} d ON d.id = f.rowid"
            f" WHERE {' AND '.join(conditions)} ORDER BY f.rowid DESC LIMIT :limit"
        ),
        params,
    )
    return [
        Hit(row_id, noun, noun_id, f"{body}\n{remainder}", tuple(query_clauses))
        for row_id, noun, noun_id, body, remainder in rows
    ]


def get_cursor(session: Session, collection: Collection, noun: str, noun_id: int) -> int | None:
    """Return the cursor for the results after this letter or question, or None if it isn't in the index."""
    docs = collection.docs
    return session.scalar(select(docs.id).where(docs.noun == noun, docs.noun_id == noun_id))


def _fts5_query(newsletter_id: int, query_clauses: Sequence[Clause]) -> str:
    """Return the query for FTS5: `("7·salt") AND ("7·mine"* OR "7·mining")`, with 7 as the newsletter's ID.

    Terms are quoted and contain no quotes, so FTS5 takes none of them for an operator.
    """
    conditions: list[str] = []
    for clause in query_clauses:
        phrases = [" ".join(scope_terms(newsletter_id, terms)) for terms in (clause.terms, *clause.alternatives)]
        first, *others = (f'"{phrase}"' for phrase in phrases)
        suffix = "*" if clause.unfinished else ""
        conditions.append(f"({' OR '.join((first + suffix, *others))})")
    return " AND ".join(conditions)


def _tsquery_text(newsletter_id: int, query_clauses: Sequence[Clause]) -> str:
    """Return the query for PostgreSQL: `('7·salt') & ('7·mine':* | '7·mining')`. Terms contain no quotes."""
    conditions: list[str] = []
    for clause in query_clauses:
        suffix = ":*" if clause.unfinished else ""
        phrases = [" <-> ".join(f"'{term}'{suffix}" for term in scope_terms(newsletter_id, clause.terms))]
        for terms in clause.alternatives:
            phrases.append(" <-> ".join(f"'{term}'" for term in scope_terms(newsletter_id, terms)))
        conditions.append(f"({' | '.join(phrases)})")
    return " & ".join(conditions)


def count_matches(content: str, query_clauses: Sequence[Clause]) -> int:
    """Return how many of the clauses a text has."""
    content_units = units(content)
    return sum(any(_find_spans(content, content_units, clause)) for clause in query_clauses)


def snippet(content: str, query_clauses: Sequence[Clause]) -> tuple[Snippet, ...]:
    """Return pieces of the text around the first match, or of its beginning if nothing matches."""
    content_units = units(content)
    spans = sorted({span for clause in query_clauses for span in _find_spans(content, content_units, clause)})
    first_match = spans[0][0] if spans else 0
    start, end = _snippet_bounds(content, content_units, first_match)
    pieces: list[Snippet] = [Snippet("… ", False)] if start else []
    position = start
    for span_start, span_end in spans:
        if span_start < position or span_end > end:
            continue
        if span_start > position:
            pieces.append(Snippet(content[position:span_start], False))
        pieces.append(Snippet(content[span_start:span_end], True))
        position = span_end
    cut_off = content[end:].rstrip()
    is_only_punctuation = not cut_off.strip(" .?!\n")
    ending = cut_off if is_only_punctuation else " …"
    if last_text := content[position:end].rstrip() + ending:
        pieces.append(Snippet(last_text, False))
    return tuple(pieces)


def _snippet_bounds(content: str, content_units: Sequence[Unit], first_match: int) -> tuple[int, int]:
    """Return where a snippet begins and ends, so that it cuts no word. `first_match` is a position in `content`."""
    start = 0
    min_start = first_match - CONTEXT_CHARACTERS
    if min_start > 0:
        start = next((unit.start for unit in content_units if unit.start >= min_start), 0)
    min_end = min(len(content), first_match + 2 * CONTEXT_CHARACTERS)
    end = next((unit.end for unit in content_units if unit.end >= min_end), len(content))
    return start, end


def _find_spans(content: str, content_units: Sequence[Unit], clause: Clause) -> Iterator[tuple[int, int]]:
    """Yield start and end of each place where a text has the clause."""
    long_sequences = [sequence for sequence in (clause.sequence, clause.parts) if len(sequence) > 1]
    single_words = {*clause.other_words, *(clause.sequence if len(clause.sequence) == 1 else ())}
    for index, unit in enumerate(content_units):
        words = {unit.term, *list_parts(content, unit)}
        is_beginning = clause.unfinished and any(word.startswith(clause.sequence[0]) for word in words)
        if is_beginning or not words.isdisjoint(single_words):
            yield unit.start, unit.end
        for sequence in long_sequences:
            run = content_units[index : index + len(sequence)]
            if tuple(unit.term for unit in run) == sequence:
                yield run[0].start, run[-1].end
