"""Preparing an edition's paragraphs for the search: removing extras, marking headings, and finding their scopes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .issue_paragraph import DASHED, Para
from .issue_words import Lexicon
from .lead_ins import parse_asker, parse_lead_in
from .text_paragraphs import may_be_heading

# A Japanese question is marked by its last syllable, with or without a question mark.
ASKS = re.compile(r"(?:[?؟？;]|か。)[\"”»“’'」)\]*_\s\u00a0\u202f]*(?:\([^)]{2,60}\))?\W{0,3}\Z")
QUESTION = re.compile("[?؟？]|か。")
MOST_LINK_WORDS = 8
DEEPEST = 12  # nested headings
FARTHEST = 300  # paragraphs of a heading's scope
ADVERT_ENDS = 3  # paragraphs that may belong to an "Advertisement" label


def asks(text: str) -> bool:
    """Return whether a text ends with a question mark other than the Greek one, which looks like a semicolon."""
    found = ASKS.search(text)
    return bool(found) and found[0][0] != ";" if found else False


def remove_extras(paras: Sequence[Para], lexicon: Lexicon) -> list[Para]:
    """Remove buttons, captions and advertisements, as recognised by their text."""
    made: list[Para] = []
    skip = 0
    between = False  # an advertisement between two rules, or under its label
    for number, para in enumerate(paras):
        if skip and para.kind not in ("rule", "heading"):
            skip -= 1
            continue
        if skip and para.kind == "rule" and between:
            skip, between = 0, False
            continue
        skip = 0
        if para.kind == "rule":
            made.append(para)
            continue
        label = lexicon.advert_label.match(para.text)
        if label or lexicon.adverts.match(para.text):
            ruled = bool(made) and made[-1].kind == "rule"
            end = next(
                (at for at, one in enumerate(paras[number + 1 :][: ADVERT_ENDS + 2]) if one.kind == "rule"), None
            )
            skip = (end if end is not None else ADVERT_ENDS) if ruled and end is not None else (1 if label else 0)
            between = ruled and end is not None
            if between:
                made.pop()  # the rules around an advertisement separate nothing else
                skip = max(skip, 1) if end else 0
                between = bool(end is not None)
            continue
        if not _is_extra(para, lexicon):
            made.append(para)
    return made


def _is_extra(para: Para, lexicon: Lexicon) -> bool:
    if lexicon.buttons.match(para.text):
        return True
    if para.link and para.kind != "heading" and para.words <= MOST_LINK_WORDS and not QUESTION.search(para.text):
        return True
    if re.fullmatch(r"\W*\[[^\]\n]{1,60}\]\W*", para.text):  # "[Share]", a button in plain text
        return True
    if para.kind == "quote" and re.match(r"\[!\w{2,12}\]", para.text):  # a callout in Markdown: "> [!NOTE]"
        return True
    if re.fullmatch(r"[\W_]*", para.text) or re.fullmatch(r"\W*https?://\S+\W*", para.text):
        return True
    return para.words <= 30 and lexicon.captions.match(para.text) is not None


def mark_headings(paras: Sequence[Para], lexicon: Lexicon) -> list[Para]:
    """Turn a separate bold line that is neither a sentence nor a question into a heading of the lowest level."""
    made = []
    for para in paras:
        bold = para.strong and para.kind == "text" and may_be_heading(para) and not asks(para.text)
        labelled = lexicon.question.match(para.text) or lexicon.answer.match(para.text)
        other = (
            DASHED.match(para.text) or labelled or parse_asker(para.text, lexicon) or parse_lead_in(para.text, lexicon)
        )
        made.append(replace(para, kind="heading", level=7) if bold and not other else para)
    return made


@dataclass
class Scope:
    """The paragraphs under a heading, from itself (`start`) to before the next of its level (`end`).

    With `strong`, the heading or its introduction says that readers ask; with `weak`, it may be about questions; with
    `barred`, its questions aren't from readers; with `call`, it invites readers to ask. `around` is the enclosing
    scope.
    """

    heading: str
    level: int
    start: int
    end: int
    strong: bool = False
    weak: bool = False
    barred: bool = False
    call: bool = False
    around: "Scope | None" = None

    @property
    def chain(self) -> Iterator["Scope"]:
        one: Scope | None = self
        while one is not None:
            yield one
            one = one.around

    @property
    def is_about_readers(self) -> bool:
        return any(one.strong or (one.weak and one.call) for one in self.chain) and not self.is_barred

    @property
    def may_be_about_readers(self) -> bool:
        return (any(one.strong or one.weak for one in self.chain) or self.call) and not self.is_barred

    @property
    def is_barred(self) -> bool:
        for one in self.chain:
            if one.barred:
                return True
            if one.strong:
                return False
        return False


@lru_cache(maxsize=2 * FARTHEST)
def _is_call_for_questions(text: str, lexicon: Lexicon) -> bool:
    """Return whether a paragraph invites readers to ask. Cached, as a paragraph is in the scope of several headings."""
    return lexicon.calls.search(text[:2_000]) is not None


def _next_heading(paras: Sequence[Para], start: int) -> int | None:
    near = range(start + 1, min(len(paras), start + FARTHEST))
    return next((at for at in near if paras[at].kind == "heading"), None)


def build_scope(paras: Sequence[Para], start: int, lexicon: Lexicon, parent: Scope | None) -> Scope:
    """Build the scope of the heading at `start`, inside `parent`, from its text and the paragraphs below it."""
    para = paras[start]
    level = para.level
    end = min(len(paras), start + FARTHEST)
    # A question that is a heading of the same level belongs to the scope only if it follows at once, as do later ones.
    follows = _next_heading(paras, start)
    beside = follows is not None and asks(paras[follows].text) and paras[follows].level == level
    among = beside and all(lexicon.strong.search(one.text) for one in paras[start + 1 : follows] if one.text)
    for at in range(start + 1, min(len(paras), start + FARTHEST)):
        one = paras[at]
        own = among and one.level == level and asks(one.text)
        if one.kind == "heading" and one.level <= level and not own:
            end = at
            break
    text = para.text
    strong = bool(lexicon.strong.search(text))
    return Scope(
        text,
        level,
        start,
        end,
        strong=strong,
        weak=bool(lexicon.weak.search(text)),
        barred=bool(lexicon.bars.search(text)) or (bool(lexicon.vetoes.search(text)) and not strong),
        call=any(_is_call_for_questions(one.text, lexicon) for one in paras[start:end]),
        around=parent if parent is None or sum(1 for _ in parent.chain) < DEEPEST else parent.around,
    )
