"""Clearing a wording before it leaves the house: what could make the asker known, and what is still theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from flask_babel import gettext as _

from ...questions.recognise import marks
from ...questions.source_protection import (
    asker_letters,
    find_private_details,
    find_verbatim_spans,
    list_reader_texts,
    never_leaves,
)
from ...text.clean import single_line
from ..frame import RequestContext, editor
from .dossier import QuestionDetail
from .question_words import MARKS


@dataclass(frozen=True)
class Piece:
    """A stretch of a text; `own` where a reader wrote just this, `kinds` what could make somebody known by it."""

    text: str
    kinds: list[str]
    own: bool

    @property
    def why(self) -> str:
        return "; ".join(self.kinds + [_("The reader’s own words")] * self.own)


@dataclass(frozen=True)
class Leaving:
    """The desk's texts in pieces, each with its heading, and the passages that only a reader's background or name has.

    `stopped` is by what somebody could be reached, behind the heading that it stands under.
    """

    parts: list[tuple[str, list[Piece]]]
    besides: list[str]
    stopped: list[tuple[str, str]]

    @property
    def is_theirs(self) -> bool:
        return any(piece.own for _heading, pieces in self.parts for piece in pieces)


def leaving(desk: RequestContext, detail: QuestionDetail) -> Leaving:
    text = detail.question.text
    if text is None:
        return Leaving([], [], [])
    letters = asker_letters(desk.session, detail.question) if detail.letters is None else detail.letters
    own, besides = list_reader_texts(desk.session, letters), find_private_details(desk.session, letters, text.whole)
    texts = [pair for pair in zip((_("Headline"), _("Question"), _("Background")), text.parts, strict=True) if pair[1]]
    return Leaving(
        [(heading, list(_pieces(words, text.language, find_verbatim_spans(own, words)))) for heading, words in texts],
        [passage for passage in besides if not never_leaves(passage)],
        [
            (heading, passage)
            for heading, words in texts
            for passage in filter(never_leaves, besides)
            if passage in single_line(words)
        ],
    )


def _pieces(text: str, language: str, own_spans: list[tuple[int, int]]) -> Iterator[Piece]:
    found = marks(text, language)
    cuts = {0, len(text)}.union(*((mark.start, mark.end) for mark in found), *own_spans)
    for start, end in pairwise(sorted(cuts)):
        is_own = any(first <= start < last for first, last in own_spans)
        yield Piece(text[start:end], [str(MARKS[one.kind]) for one in found if one.start <= start < one.end], is_own)


editor.add_app_template_test(never_leaves, "never_leaving")
