"""The spam filter: a table of weighted signs for which a letter is held until a person has looked at it."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select, union_all
from sqlalchemy.orm import Session

from ..db.session import now
from ..text.clean import held_reason, word_count
from ..text.languages import N_
from .blurred_time import SLOTS_OF_A_DAY, truncate_to_day
from .flood_ranking import NOISE_FUNCTION_WORD_SHARE, function_word_share
from .models import Letter

SHINGLE_LENGTH = 5  # letters
COMPARED_CHARACTERS = 600  # of each letter
SIMILARITY_THRESHOLD = (
    0.6  # Jaccard index of the shingles of two texts: the same text with some words replaced is above it
)
_SHINGLE_SLICES = [
    slice(at, at + SHINGLE_LENGTH) for at in range(3 * COMPARED_CHARACTERS)
]  # case folding makes at most three letters of one
_NO_LETTER = re.compile(r"[\W\d_]+")


def shingles_of(text: str) -> frozenset[str]:
    """Return the set of a text's shingles: all runs of `SHINGLE_LENGTH` letters in its beginning."""
    return frozenset(_iter_shingles(text)[1])


def are_similar(pieces: frozenset[str], other_pieces: frozenset[str]) -> bool:
    here, there = len(pieces), len(other_pieces)
    if (
        here / there if here < there else there / here
    ) < SIMILARITY_THRESHOLD:  # they share at most as many shingles as the smaller set has
        return False
    both = len(pieces & other_pieces)
    return both / (here + there - both) >= SIMILARITY_THRESHOLD


def is_similar(letter_pieces: frozenset[str], text: str) -> bool:
    """Return whether a text is similar to `letter_pieces`, mostly without building the set of its own shingles."""
    here, (most, pieces) = len(letter_pieces), _iter_shingles(text)
    both = len(letter_pieces.intersection(pieces))
    if both / here < SIMILARITY_THRESHOLD:  # further shingles of the text only lower it
        return False
    # `most` is the upper bound of the text's distinct shingles; only in doubt is the set built.
    return both / (here + most - both) >= SIMILARITY_THRESHOLD or are_similar(letter_pieces, shingles_of(text))


def _iter_shingles(text: str) -> tuple[int, Iterator[str]]:
    """Return the number of a text's shingles, repeated ones included, and an iterator over them."""
    letters = _NO_LETTER.sub("", text[:COMPARED_CHARACTERS].casefold())
    most = max(1, len(letters) - SHINGLE_LENGTH + 1)
    return most, map(letters.__getitem__, _SHINGLE_SLICES[:most])


HOLDS = 10  # the total weight from which on a letter is held
PROOF_DISCOUNT = 6  # what a proof of work subtracts from the weight of a letter's arrival, never from that of its text
RECENT = 30  # letters of today with which a new one is compared, of those without a minute and of the others
SOME_ALIKE, MANY_ALIKE = 3, 12  # similar letters: a school class may send a few, only a flood sends many
MIN_QUESTION_WORDS = 2  # words from which on a text can be a question
SAME_SITE = 3  # letters that link to the same site
MIXED, OF_WORDS = 3, 0.1  # least number and least share of words that mix two alphabets
# Sites that hide where a link leads, also the one of a social network (t.co): this sign alone holds no letter.
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
_LINK = re.compile(r"(?i)(?:https?://|\bwww\.)([^\s/?#:]+)[^\s]*|\b((?:[a-z0-9-]{1,40}\.){1,3}[a-z]{2,9})/[^\s]+")
_WORD = re.compile(r"[^\W\d_]{3,}")
# Kazakh and Ukrainian are often typed with the Latin i, h and schwa on keyboards without their own: these don't count.
_LATIN, _NOT_LATIN = re.compile(r"[A-GJ-Za-gj-z]"), re.compile(r"[\u0370-\u052f]")


@dataclass(frozen=True)
class SpamEvidence:
    """A letter's text, recent texts to compare it with, and what its door noticed (`way`: "trap", "fast")."""

    text: str
    before: Sequence[str]
    way: Collection[str]
    like: Callable[[frozenset[str], str], bool] = field(default=is_similar, repr=False)

    @cached_property
    def content(self) -> str | None:
        return held_reason(self.text)

    @cached_property
    def sites(self) -> set[str]:
        return _sites(self.text)

    @cached_property
    def alike(self) -> int:
        """Count the recent letters that share most of its text."""
        own = shingles_of(self.text)
        return sum(self.like(own, other) for other in self.before)

    @property
    def is_bare(self) -> bool:
        left, links = _LINK.subn(" ", self.text)
        return links > 0 and word_count(left) < MIN_QUESTION_WORDS

    @property
    def is_noise(self) -> bool:
        return function_word_share(self.text) < NOISE_FUNCTION_WORD_SHARE

    @property
    def is_mixed(self) -> bool:
        words = _WORD.findall(self.text[:COMPARED_CHARACTERS])
        mixed = sum(bool(_LATIN.search(word) and _NOT_LATIN.search(word)) for word in words)
        return mixed >= MIXED and mixed >= OF_WORDS * len(words)

    @property
    def hides_a_site(self) -> bool:
        return not SHORTENERS.isdisjoint(self.sites)

    @property
    def has_copies(self) -> bool:
        return SOME_ALIKE <= self.alike < MANY_ALIKE

    @property
    def has_one_site(self) -> bool:
        # Most letters have no links: search the sixty other texts only for those that have one.
        others = Counter(site for other in self.before for site in _sites(other)) if self.sites else {}
        return any(others.get(site, 0) >= SAME_SITE for site in self.sites)


@dataclass(frozen=True)
class Sign:
    """A row of the table: its weight out of `HOLDS`, its texts in the list (`label`) and above the letter (`says`), and
    whether it applies to a letter (`shows`). `of_words` marks signs of the text; the others are signs of how the letter
    arrived, which a proof of work mitigates.
    """

    code: str
    weight: int
    label: str
    says: str
    shows: Callable[[SpamEvidence], bool]
    of_words: bool = True


def _content_sign(
    code: str, weight: int, label: str, says: str, shows: Callable[[SpamEvidence], bool] | None = None
) -> Sign:
    return Sign(code, weight, label, says, shows or (lambda seen: seen.content == code))


def _delivery_sign(
    code: str, weight: int, label: str, says: str, shows: Callable[[SpamEvidence], bool] | None = None
) -> Sign:
    return Sign(code, weight, label, says, shows or (lambda seen: code in seen.way), of_words=False)


# The heaviest first: the first sign that applies is the reason by which the list of letters can be filtered.
SIGNS = (
    _content_sign("no text", 10, N_("no words"), N_("There are no words in it.")),
    _content_sign("no question", 10, N_("one word again and again"), N_("It is one word again and again.")),
    _content_sign("links", 10, N_("many links"), N_("It has many links, and few words for each.")),
    _content_sign(
        "bare link", 10, N_("nothing but a link"), N_("It is a link without a question."), lambda s: s.is_bare
    ),
    _delivery_sign(
        "trap", 10, N_("the hidden field"), N_("A field that people don’t see was filled in, as robots do.")
    ),
    _delivery_sign("flood", 10, N_("many at once"), N_("It came when more letters came than people write.")),
    _delivery_sign(
        "many alike", 10, N_("many of the same"), N_("Many of today say the same."), lambda s: s.alike >= MANY_ALIKE
    ),
    _content_sign(
        "noise", 6, N_("no sentence"), N_("It has none of the small words of a sentence."), lambda s: s.is_noise
    ),
    _content_sign("mixed letters", 5, N_("two alphabets"), N_("Words in it mix two alphabets."), lambda s: s.is_mixed),
    _content_sign(
        "short link", 5, N_("a hidden link"), N_("A link in it hides where it leads."), lambda s: s.hides_a_site
    ),
    _content_sign(
        "one site", 5, N_("one site again"), N_("Several of today lead to its site."), lambda s: s.has_one_site
    ),
    _delivery_sign("alike", 4, N_("some of the same"), N_("Some of today say the same."), lambda s: s.has_copies),
    _delivery_sign("fast", 3, N_("sent at once"), N_("It was sent sooner than a person types.")),
)
BY_CODE = {sign.code: sign for sign in SIGNS}
PROVEN = "proof"  # in `SpamEvidence.way`: the browser solved the proof of work


def weigh_signs(evidence: SpamEvidence) -> list[str]:
    """Return the codes of the signs for which a letter is held, the heaviest first; empty if they weigh too little.

    All signs are checked even when one is enough, so that the time taken doesn't reveal the result.
    """
    shown = [sign for sign in SIGNS if sign.shows(evidence)]
    of_words = sum(sign.weight for sign in shown if sign.of_words)
    of_way = sum(sign.weight for sign in shown if not sign.of_words)
    of_way = max(0, of_way - PROOF_DISCOUNT) if PROVEN in evidence.way else of_way
    return [sign.code for sign in shown] if of_words + of_way >= HOLDS else []


def spam_signals(session: Session, newsletter_id: int, text: str, delivery_signals: Collection[str] = ()) -> list[str]:
    """Return the codes of the signs for which a letter that arrives now is held, the heaviest first, or none."""
    recent = _list_recent(session, newsletter_id, truncate_to_day(now(session)))
    return weigh_signs(SpamEvidence(text, [body for _, body in recent if body], delivery_signals))


class RecentLetters:
    """The texts of today's newest letters to a newsletter, of those stored with and without a minute.

    Letters that are filed to a question are left out: they are honest, and many readers may ask it in the same words.
    `add` appends a letter that is about to be stored, so that a batch of letters needs one query.
    """

    def __init__(self, session: Session, newsletter_id: int) -> None:
        self._day = truncate_to_day(now(session))
        self._counted = self._day + SLOTS_OF_A_DAY
        # Letters without a minute, and the others.
        self._walks: tuple[list[tuple[datetime, str]], list[tuple[datetime, str]]] = ([], [])
        for received_at, text in _list_recent(session, newsletter_id, self._day):
            self._walks[received_at >= self._counted].append((received_at, text))
        cut = cache(shingles_of)  # the letters of one batch are compared with the same texts
        self._like: Callable[[frozenset[str], str], bool] = lambda own, other: are_similar(own, cut(other))

    def signs_of(self, text: str, delivery_signals: Collection[str] = ()) -> list[str]:
        """Return the codes of the signs for which a letter that arrives now is held, the heaviest first, or none."""
        before = [other for walk in self._walks for _, other in walk if other]
        return weigh_signs(SpamEvidence(text, before, delivery_signals, self._like))

    def add(self, text: str, received_at: datetime) -> None:
        if received_at >= self._day:
            walk = self._walks[received_at >= self._counted]
            walk.append((received_at, text))
            walk.sort(key=lambda letter: letter[0], reverse=True)
            del walk[RECENT:]


def _select_recent(*came: ColumnElement[bool]) -> Select[Any]:
    unfiled = _ROW.newsletter_id == bindparam("newsletter_id"), _ROW.body.is_not(None), _ROW.question_id.is_(None)
    letters = select(_ROW.received_at, _ROW.body).where(*unfiled, *came)
    return select(letters.order_by(_ROW.received_at.desc()).limit(RECENT).subquery())


_ROW = Letter.__table__.c
# Built once, with named parameters: building it for each letter takes several times as long as running it.
_RECENT = union_all(
    _select_recent(_ROW.received_at >= bindparam("day"), _ROW.received_at < bindparam("counted")),
    _select_recent(_ROW.received_at >= bindparam("counted")),
)


def _list_recent(session: Session, newsletter_id: int, day: datetime) -> list[tuple[datetime, str]]:
    """Return time and text of the day's newest letters that belong to no question, with and without a minute."""
    params = {"newsletter_id": newsletter_id, "day": day, "counted": day + SLOTS_OF_A_DAY}
    return [(received_at, body) for received_at, body in session.connection().execute(_RECENT, params)]


def _sites(text: str) -> set[str]:
    return {(typed or bare).casefold().removeprefix("www.") for typed, bare in _LINK.findall(text)}
