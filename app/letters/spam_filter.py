"""Signs by which a letter is held until a person has looked at it: one table, each with its weight."""

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
COMPARED_CHARACTERS = 600  # characters of a letter
SIMILARITY_THRESHOLD = (
    0.6  # of the pieces of two texts that both have (Jaccard): the same words, with some gaps filled anew
)
_SHINGLE_SLICES = [
    slice(at, at + SHINGLE_LENGTH) for at in range(3 * COMPARED_CHARACTERS)
]  # a letter has three others as its small one at most
_NO_LETTER = re.compile(r"[\W\d_]+")


def shingles_of(text: str) -> frozenset[str]:
    """Return a letter's pieces."""
    return frozenset(_iter_shingles(text)[1])


def are_similar(pieces: frozenset[str], other_pieces: frozenset[str]) -> bool:
    here, there = len(pieces), len(other_pieces)
    if (
        here / there if here < there else there / here
    ) < SIMILARITY_THRESHOLD:  # no more in common than the shorter one has
        return False
    both = len(pieces & other_pieces)
    return both / (here + there - both) >= SIMILARITY_THRESHOLD


def is_similar(letter_pieces: frozenset[str], text: str) -> bool:
    """Return whether a letter's pieces and those of a text are like each other, mostly without keeping the text's."""
    here, (most, pieces) = len(letter_pieces), _iter_shingles(text)
    both = len(letter_pieces.intersection(pieces))
    if both / here < SIMILARITY_THRESHOLD:  # what the text has beside makes it less
        return False
    # It has as many pieces as places where one begins, or fewer where some come again.
    return both / (here + most - both) >= SIMILARITY_THRESHOLD or are_similar(letter_pieces, shingles_of(text))


def _iter_shingles(text: str) -> tuple[int, Iterator[str]]:
    """Return how many pieces a letter has, those that come again counted too, and one after the other."""
    letters = _NO_LETTER.sub("", text[:COMPARED_CHARACTERS].casefold())
    most = max(1, len(letters) - SHINGLE_LENGTH + 1)
    return most, map(letters.__getitem__, _SHINGLE_SLICES[:most])


HOLDS = 10  # of all weights together
PROOF_DISCOUNT = 6  # what a solved proof of work takes off the weight of how a letter came, never off that of its words
RECENT = 30  # letters of today that a new one is compared with, of those without a minute and of the others
SOME_ALIKE, MANY_ALIKE = 3, 12  # letters that are like a new one: a class may have copied a question, a flood has not
MIN_QUESTION_WORDS = 2  # words that are one (R1)
SAME_SITE = 3  # letters that lead to the same site
MIXED, OF_WORDS = 3, 0.1  # words of two alphabets each: so many, and such a share of all
# Sites that hide where a link leads. What messengers make of a link (t.co) stands there too: no sign holds alone here.
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
# Kazakh and Ukrainian are often typed with the Latin i, h and schwa where a keyboard has no other: that mixes nothing.
_LATIN, _NOT_LATIN = re.compile(r"[A-GJ-Za-gj-z]"), re.compile(r"[\u0370-\u052f]")


@dataclass(frozen=True)
class SpamEvidence:
    """A letter as it came: its words, those of other letters of late, and what its door saw ("trap", "fast" ...)."""

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
        """Count the letters of late that have most of its words."""
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
        # Most letters lead to no site, and what others lead to is looked for in sixty texts.
        others = Counter(site for other in self.before for site in _sites(other)) if self.sites else {}
        return any(others.get(site, 0) >= SAME_SITE for site in self.sites)


@dataclass(frozen=True)
class Sign:
    """A row: how much it weighs of `HOLDS`, what the desk reads in the list and above the letter, and whether it shows.

    `of_words` is one of what a letter says; the others are of how it came, of which a solved proof takes something off.
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


# The heaviest first: the first one that shows is the reason that the list of letters names and can be narrowed by.
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
PROVEN = "proof"  # among what a door saw


def weigh_signs(evidence: SpamEvidence) -> list[str]:
    """Return the signs for which a letter is held, the heaviest first; nothing where they weigh too little.

    Each is looked at, also where one is enough already: the time that it takes tells nobody how it ended.
    """
    shown = [sign for sign in SIGNS if sign.shows(evidence)]
    of_words = sum(sign.weight for sign in shown if sign.of_words)
    of_way = sum(sign.weight for sign in shown if not sign.of_words)
    of_way = max(0, of_way - PROOF_DISCOUNT) if PROVEN in evidence.way else of_way
    return [sign.code for sign in shown] if of_words + of_way >= HOLDS else []


def spam_signals(session: Session, newsletter_id: int, text: str, delivery_signals: Collection[str] = ()) -> list[str]:
    """Return the signs for which a letter that comes now is held, the heaviest first; empty for one that isn't."""
    recent = _list_recent(session, newsletter_id, truncate_to_day(now(session)))
    return weigh_signs(SpamEvidence(text, [body for _, body in recent if body], delivery_signals))


class RecentLetters:
    """The words of letters that came to a newsletter today, the newest with a minute and without one. What stands
    behind a question is a reader's, and many may ask it in the same words.

    `add` puts one there that is about to be stored, so that several which come together are looked up for once.
    """

    def __init__(self, session: Session, newsletter_id: int) -> None:
        self._day = truncate_to_day(now(session))
        self._counted = self._day + SLOTS_OF_A_DAY
        # Those without a minute, and the others.
        self._walks: tuple[list[tuple[datetime, str]], list[tuple[datetime, str]]] = ([], [])
        for received_at, text in _list_recent(session, newsletter_id, self._day):
            self._walks[received_at >= self._counted].append((received_at, text))
        cut = cache(shingles_of)  # for those of one batch that are looked at one after the other
        self._like: Callable[[frozenset[str], str], bool] = lambda own, other: are_similar(own, cut(other))

    def signs_of(self, text: str, delivery_signals: Collection[str] = ()) -> list[str]:
        """Return the signs for which a letter that comes now is held, the heaviest first; empty for one that isn't."""
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
# Built once, with named parameters: building it for each letter costs several times what running it does.
_RECENT = union_all(
    _select_recent(_ROW.received_at >= bindparam("day"), _ROW.received_at < bindparam("counted")),
    _select_recent(_ROW.received_at >= bindparam("counted")),
)


def _list_recent(session: Session, newsletter_id: int, day: datetime) -> list[tuple[datetime, str]]:
    """Return time and text of the newest unfiled letters of a day, of those without a minute and of the others."""
    params = {"newsletter_id": newsletter_id, "day": day, "counted": day + SLOTS_OF_A_DAY}
    return [(received_at, body) for received_at, body in session.connection().execute(_RECENT, params)]


def _sites(text: str) -> set[str]:
    return {(typed or bare).casefold().removeprefix("www.") for typed, bare in _LINK.findall(text)}
