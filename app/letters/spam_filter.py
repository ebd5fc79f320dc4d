"""The spam filter: a table of weighted signs of spam. A letter with enough of them is held until a person looks."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, select, union_all
from sqlalchemy.orm import Session

from ..db.session import now
from ..text.clean import held_reason, word_count
from ..text.languages import N_
from .blurred_time import SLOTS_OF_A_DAY, truncate_to_day
from .flood_ranking import NOISE_FUNCTION_WORD_SHARE, function_word_share
from .models import Letter

SHINGLE_LENGTH = 5  # characters
COMPARED_CHARACTERS = 600  # of each text
# The lowest Jaccard index of the shingles of two similar texts: the number of shared shingles, divided by the number of
# different shingles in both. A text in which some words were replaced is still similar to the original.
SIMILARITY_THRESHOLD = 0.6
# Precomputed for speed. Case folding makes at most three characters of one.
_SHINGLE_SLICES = [slice(start, start + SHINGLE_LENGTH) for start in range(3 * COMPARED_CHARACTERS)]
_NO_LETTER = re.compile(r"[\W\d_]+")


def shingles_of(text: str) -> frozenset[str]:
    """Return the set of a text's shingles: all runs of `SHINGLE_LENGTH` letters in its compared part."""
    return frozenset(_iter_shingles(text)[1])


def are_similar(shingles: frozenset[str], other_shingles: frozenset[str]) -> bool:
    smaller, larger = sorted((len(shingles), len(other_shingles)))
    if smaller / larger < SIMILARITY_THRESHOLD:  # the index is at most this: if all of the smaller set is shared
        return False
    shared = len(shingles & other_shingles)
    return shared / (smaller + larger - shared) >= SIMILARITY_THRESHOLD


def is_similar(letter_shingles: frozenset[str], text: str) -> bool:
    """Return the result of `are_similar` for the shingles of a text, mostly without building the set of these."""
    letter_count = len(letter_shingles)
    text_count, text_shingles = _iter_shingles(text)
    shared = len(letter_shingles.intersection(text_shingles))
    if shared / letter_count < SIMILARITY_THRESHOLD:  # shingles that only the text has lower the index further
        return False
    # `text_count` includes repeated shingles, so this is a lower bound of the index.
    if shared / (letter_count + text_count - shared) >= SIMILARITY_THRESHOLD:
        return True
    return are_similar(letter_shingles, shingles_of(text))


def _iter_shingles(text: str) -> tuple[int, Iterator[str]]:
    """Return the number of a text's shingles, repeated ones included, and an iterator over them."""
    letters = _NO_LETTER.sub("", text[:COMPARED_CHARACTERS].casefold())
    count = max(1, len(letters) - SHINGLE_LENGTH + 1)
    return count, map(letters.__getitem__, _SHINGLE_SLICES[:count])


MIN_HELD_WEIGHT = 10  # the total weight of its signs that holds a letter
PROOF_OF_WORK = "proof"  # a delivery signal: the browser solved the proof of work
PROOF_DISCOUNT = 6  # what a proof of work subtracts from the weight of the delivery signs, never from that of the text
# A new letter is compared with this many of today's letters stored without a minute, and as many stored with one.
MAX_RECENT = 30
SOME_SIMILAR = 3  # letters: a school class may send as many
MANY_SIMILAR = 12  # letters: only a flood sends as many
MIN_QUESTION_WORDS = 2
MIN_SAME_SITE = 3  # letters that link to the same site
MIN_MIXED_WORDS = 3  # words that mix two alphabets
MIN_MIXED_SHARE = 0.1  # of a text's words
# Sites that hide where a link leads. Readers copy such links too (t.co belongs to a social network), so this sign alone
# holds no letter.
SHORTENERS = frozenset(
    (
        "bit.ly",
        "buff.ly",
        "clck.ru",
        "cutt.ly",
        "goo.gl",
        "goo.su",
        "is.gd",
        "lnkd.in",
        "ow.ly",
        "rb.gy",
        "rebrand.ly",
        "s.id",
        "shorturl.at",
        "t.co",
        "t.ly",
        "tiny.cc",
        "tinyurl.com",
        "u.to",
        "v.gd",
        "vk.cc",
    )
)
# "https://www.example.org/path" (group 1 is the host), or without a scheme "example.org/path" (group 2).
_LINK = re.compile(r"(?i)(?:https?://|\bwww\.)([^\s/?#:]+)[^\s]*|\b((?:[a-z0-9-]{1,40}\.){1,3}[a-z]{2,9})/[^\s]+")
_WORD = re.compile(r"[^\W\d_]{3,}")
# Without h and i, which often replace Cyrillic letters of Kazakh and Ukrainian that a keyboard lacks.
_LATIN = re.compile(r"[A-GJ-Za-gj-z]")
_GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u052f]")


@dataclass(frozen=True)
class SpamEvidence:
    """The facts by which a letter is judged.

    `recent_texts` are compared with its `text`. `delivery_signals` are what the form or the mail room noticed when it
    arrived: "trap", "fast", "flood" or `PROOF_OF_WORK`. `compare` tells whether a set of shingles and a text are
    similar.
    """

    text: str
    recent_texts: Sequence[str]
    delivery_signals: Collection[str]
    compare: Callable[[frozenset[str], str], bool] = field(default=is_similar, repr=False)

    @cached_property
    def content_reason(self) -> str | None:
        return held_reason(self.text)

    @cached_property
    def sites(self) -> set[str]:
        return _sites(self.text)

    @cached_property
    def similar_count(self) -> int:
        """Count the recent letters that are similar to the text."""
        shingles = shingles_of(self.text)
        return sum(self.compare(shingles, recent_text) for recent_text in self.recent_texts)

    @property
    def is_only_link(self) -> bool:
        return is_only_link(self.text)

    @property
    def is_noise(self) -> bool:
        return function_word_share(self.text) < NOISE_FUNCTION_WORD_SHARE

    @property
    def is_mixed(self) -> bool:
        """Return whether words mix Latin letters with Greek or Cyrillic ones, as spam does to get past filters."""
        words = _WORD.findall(self.text[:COMPARED_CHARACTERS])
        mixed = sum(bool(_LATIN.search(word) and _GREEK_OR_CYRILLIC.search(word)) for word in words)
        return mixed >= MIN_MIXED_WORDS and mixed >= MIN_MIXED_SHARE * len(words)

    @property
    def has_shortened_link(self) -> bool:
        return not SHORTENERS.isdisjoint(self.sites)

    @property
    def has_some_similar(self) -> bool:
        return SOME_SIMILAR <= self.similar_count < MANY_SIMILAR

    @property
    def has_repeated_site(self) -> bool:
        if not self.sites:  # as in most letters, for which the recent texts needn't be searched
            return False
        site_counts = Counter(site for recent_text in self.recent_texts for site in _sites(recent_text))
        return any(site_counts[site] >= MIN_SAME_SITE for site in self.sites)


@dataclass(frozen=True)
class Sign:
    """A sign of spam. A letter is held if the weights of its signs add up to `MIN_HELD_WEIGHT` or more.

    `label` is shown in the list of letters, `sentence` above the letter. `is_of_text` is false for signs of how the
    letter was delivered, whose weight a proof of work reduces. `depends_on_moment` is true for signs that a letter
    might not have at another time of the same day: they are deleted once the day is over (see `moment_signs`).
    """

    code: str
    weight: int
    label: str
    sentence: str
    applies_to: Callable[[SpamEvidence], bool]
    is_of_text: bool
    depends_on_moment: bool


def _content_sign(
    code: str,
    weight: int,
    label: str,
    sentence: str,
    applies_to: Callable[[SpamEvidence], bool] | None = None,
    depends_on_moment: bool = False,
) -> Sign:
    applies_to = applies_to or (lambda evidence: evidence.content_reason == code)
    return Sign(code, weight, label, sentence, applies_to, is_of_text=True, depends_on_moment=depends_on_moment)


def _delivery_sign(
    code: str,
    weight: int,
    label: str,
    sentence: str,
    applies_to: Callable[[SpamEvidence], bool] | None = None,
    depends_on_moment: bool = True,
) -> Sign:
    applies_to = applies_to or (lambda evidence: code in evidence.delivery_signals)
    return Sign(code, weight, label, sentence, applies_to, is_of_text=False, depends_on_moment=depends_on_moment)


HELD_BY_DESK = "crowd"  # the only sign of a letter that somebody at the desk held
HELD_THAT_DAY = "day"  # the only sign of a held letter whose signs have been deleted


def _note(code: str, label: str, sentence: str) -> Sign:
    """Return a sign that the filter never finds, and that only says why a letter is held."""
    return Sign(code, 0, label, sentence, lambda _evidence: False, is_of_text=False, depends_on_moment=False)


# The heaviest first: the first sign that applies becomes the letter's `held_reason`, for the filter of the list.
SIGNS = (
    _content_sign("no text", 10, N_("no words"), N_("There are no words in it.")),
    _content_sign("no question", 10, N_("one word again and again"), N_("It is one word again and again.")),
    _content_sign("links", 10, N_("many links"), N_("It has many links, and few words for each.")),
    _content_sign(
        "bare link",
        10,
        N_("nothing but a link"),
        N_("It is a link without a question."),
        lambda evidence: evidence.is_only_link,
    ),
    _delivery_sign(
        "trap",
        10,
        N_("the hidden field"),
        N_("A field that people don’t see was filled in, as robots do."),
        depends_on_moment=False,
    ),
    _delivery_sign("flood", 10, N_("many at once"), N_("It came when more letters came than people can write.")),
    _delivery_sign(
        "many alike",
        10,
        N_("many of the same"),
        N_("Many of today’s say the same."),
        lambda evidence: evidence.similar_count >= MANY_SIMILAR,
    ),
    _content_sign(
        "noise",
        6,
        N_("no sentence"),
        N_("It has none of the small words of a sentence."),
        lambda evidence: evidence.is_noise,
    ),
    _content_sign(
        "mixed letters",
        5,
        N_("two alphabets"),
        N_("Words in it mix two alphabets."),
        lambda evidence: evidence.is_mixed,
    ),
    _content_sign(
        "short link",
        5,
        N_("a hidden link"),
        N_("A link in it hides where it leads."),
        lambda evidence: evidence.has_shortened_link,
    ),
    _content_sign(
        "one site",
        5,
        N_("one site again"),
        N_("Several of today’s lead to its site."),
        lambda evidence: evidence.has_repeated_site,
        depends_on_moment=True,
    ),
    _delivery_sign(
        "alike",
        4,
        N_("some of the same"),
        N_("Some of today’s say the same."),
        lambda evidence: evidence.has_some_similar,
    ),
    _delivery_sign("fast", 3, N_("sent at once"), N_("It was sent faster than a person types.")),
    _note(HELD_BY_DESK, N_("held together"), N_("Somebody at the desk held it with others like it.")),
    _note(
        HELD_THAT_DAY,
        N_("held on its day"),
        N_("It was held on the day it came. Why isn’t stored any more: it would tell when in the day that was."),
    ),
)
SIGNS_BY_CODE = {sign.code: sign for sign in SIGNS}
MOMENT_SIGNS = frozenset(sign.code for sign in SIGNS if sign.depends_on_moment)


def weigh_signs(evidence: SpamEvidence) -> list[str]:
    """Return the codes of the signs for which a letter is held, the heaviest first; empty if they weigh too little.

    All signs are checked even when one is enough, so that the time taken doesn't reveal the result.
    """
    signs = [sign for sign in SIGNS if sign.applies_to(evidence)]
    text_weight = sum(sign.weight for sign in signs if sign.is_of_text)
    delivery_weight = sum(sign.weight for sign in signs if not sign.is_of_text)
    if PROOF_OF_WORK in evidence.delivery_signals:
        delivery_weight = max(0, delivery_weight - PROOF_DISCOUNT)
    if text_weight + delivery_weight < MIN_HELD_WEIGHT:
        return []
    return [sign.code for sign in signs]


def find_signs(session: Session, newsletter_id: int, text: str, delivery_signals: Collection[str] = ()) -> list[str]:
    """Return the codes of the signs for which a letter that arrives now is held, the heaviest first, or none."""
    recent_letters = _list_recent(session, newsletter_id, truncate_to_day(now(session)))
    recent_texts = [letter.text for letter in recent_letters if letter.text]
    return weigh_signs(SpamEvidence(text, recent_texts, delivery_signals))


class _RecentLetter(NamedTuple):
    received_at: datetime
    text: str


class RecentLetters:
    """Today's newest letters to a newsletter, up to `MAX_RECENT` each of those stored with and without a minute.

    Letters that are filed to a question are left out: they are honest, and many readers may ask the same question in
    the same words. Call `add` for each letter that is about to be stored, so that a batch needs only one query.
    """

    def __init__(self, session: Session, newsletter_id: int) -> None:
        self._day = truncate_to_day(now(session))
        self._without_minute: list[_RecentLetter] = []
        self._with_minute: list[_RecentLetter] = []
        for letter in _list_recent(session, newsletter_id, self._day):
            self._get_list(letter.received_at).append(letter)
        self._cached_shingles = cache(shingles_of)  # the letters of one batch are compared with the same texts

    def _get_list(self, received_at: datetime) -> list[_RecentLetter]:
        has_minute = received_at >= self._day + SLOTS_OF_A_DAY
        return self._with_minute if has_minute else self._without_minute

    def find_signs(self, text: str, delivery_signals: Collection[str] = ()) -> list[str]:
        """Return the codes of the signs for which a letter that arrives now is held, the heaviest first, or none."""
        recent_texts = [letter.text for letter in (*self._without_minute, *self._with_minute) if letter.text]
        return weigh_signs(SpamEvidence(text, recent_texts, delivery_signals, self._compare))

    def _compare(self, shingles: frozenset[str], text: str) -> bool:
        return are_similar(shingles, self._cached_shingles(text))

    def add(self, text: str, received_at: datetime) -> None:
        if received_at < self._day:
            return
        letters = self._get_list(received_at)
        letters.append(_RecentLetter(received_at, text))
        letters.sort(key=lambda letter: letter.received_at, reverse=True)
        del letters[MAX_RECENT:]


_COLUMNS = Letter.__table__.c


def _select_recent(*conditions: ColumnElement[bool]) -> Select[Any]:
    letters = select(_COLUMNS.received_at, _COLUMNS.body).where(
        _COLUMNS.newsletter_id == bindparam("newsletter_id"),
        _COLUMNS.body > "",  # neither erased nor erased to make room
        _COLUMNS.question_id.is_(None),
        *conditions,
    )
    return select(letters.order_by(_COLUMNS.received_at.desc()).limit(MAX_RECENT).subquery())


# Built once, with named parameters: building it for each letter takes several times as long as running it.
_RECENT = union_all(
    _select_recent(_COLUMNS.received_at >= bindparam("day"), _COLUMNS.received_at < bindparam("day_with_minutes")),
    _select_recent(_COLUMNS.received_at >= bindparam("day_with_minutes")),
)


def _list_recent(session: Session, newsletter_id: int, day: datetime) -> list[_RecentLetter]:
    """Return the day's newest letters that are filed to no question, stored with and without a minute."""
    params = {"newsletter_id": newsletter_id, "day": day, "day_with_minutes": day + SLOTS_OF_A_DAY}
    return [_RecentLetter(*row) for row in session.connection().execute(_RECENT, params)]


def is_only_link(text: str) -> bool:
    text_without_links, link_count = _LINK.subn(" ", text)
    return link_count > 0 and word_count(text_without_links) < MIN_QUESTION_WORDS


def _sites(text: str) -> set[str]:
    """Return the hosts of a text's links, without "www."."""
    hosts = [url_host or bare_host for url_host, bare_host in _LINK.findall(text)]
    return {host.casefold().removeprefix("www.") for host in hosts}
