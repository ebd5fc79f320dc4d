"""Preparing an edition's paragraphs for the search: removing extras, marking headings, and finding their scopes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .issue_dates import parse_date_line
from .issue_paragraph import LEADING_DASH, Para
from .issue_words import Lexicon
from .lead_ins import parse_asker, parse_lead_in
from .printed_names import is_name, parse_expert
from .text_paragraphs import may_be_heading

# A question mark at the end of a paragraph, perhaps before quotation marks or a name in brackets: "Why? (Ana)".
# In Japanese, the last syllable can mark a question instead: か.
QUESTION_END = re.compile(r"(?:[?؟？;]|か。)[\"”»“’'」)\]*_\s\u00a0\u202f]*(?:\([^)]{2,60}\))?\W{0,3}\Z")
# In Greek, the question mark is a semicolon, or the character of its own that Unicode makes equal to it.
QUESTION_MARK = re.compile("[?؟？\u037e]|か。|(?<=[\u0370-\u03ff\u1f00-\u1fff]);")
MAX_LINK_WORDS = 8
MAX_NESTED_SCOPES = 12
MAX_SCOPE_PARAGRAPHS = 300
MAX_ADVERT_PARAGRAPHS = 5  # below an "Advertisement" label, including the rule that ends the advertisement
MIN_ADVERT_LENGTH = 5  # characters of such words in capitals: "AD 79" is a year
MAX_CAPTION_WORDS = 30
LOWEST_HTML_LEVEL = 6  # also of a line of plain text that looks like a heading
LOWEST_LEVEL = 7  # of a heading


def is_question(text: str) -> bool:
    """Return whether a text ends with a question mark. A Greek one doesn't count, as it looks like a semicolon."""
    end = QUESTION_END.search(text)
    return end is not None and not end[0].startswith(";")


def remove_extras(paras: Sequence[Para], lexicon: Lexicon) -> list[Para]:
    """Remove buttons, captions and advertisements, as recognised by their text."""
    remaining: list[Para] = []
    advert_paras_left = 0  # until the end of an advertisement
    for index, para in enumerate(paras):
        if para.kind in ("rule", "heading"):
            advert_paras_left = 0
        if advert_paras_left:
            advert_paras_left -= 1
            continue
        if para.kind == "rule":
            remaining.append(para)
            continue
        is_label = lexicon.advert_label.match(para.text) is not None
        if is_label or lexicon.adverts.match(para.text) or _begins_with_advert_in_capitals(para, lexicon):
            advert_length = _count_paragraphs_before_rule(paras, index + 1)
            if advert_length is not None and remaining and remaining[-1].kind == "rule":
                remaining.pop()  # of the rules above and below the advertisement, one is enough
                advert_paras_left = advert_length
            else:
                advert_paras_left = 1 if is_label else 0  # a bare label is followed by the advertisement
            continue
        if not _is_extra(para, lexicon):
            remaining.append(para)
    return remaining


def _begins_with_advert_in_capitals(para: Para, lexicon: Lexicon) -> bool:
    """Return whether the first words of a paragraph announce an advertisement: "TOGETHER WITH STOWAWAY"."""
    start = lexicon.advert_start.match(para.text)
    return start is not None and start[0].isupper() and len(start[0]) >= MIN_ADVERT_LENGTH


def _count_paragraphs_before_rule(paras: Sequence[Para], start: int) -> int | None:
    """Return how many paragraphs there are from `start` to a rule, or None if there is no rule nearby."""
    for count, para in enumerate(paras[start : start + MAX_ADVERT_PARAGRAPHS]):
        if para.kind == "rule":
            return count
    return None


def _is_extra(para: Para, lexicon: Lexicon) -> bool:
    if lexicon.buttons.match(para.text):
        return True
    is_short_link = para.is_link and para.kind != "heading" and para.word_count <= MAX_LINK_WORDS
    if is_short_link and not QUESTION_MARK.search(para.text):
        return True
    button = re.fullmatch(r"\W*\[([^\]\n]{1,60})\]\W*", para.text)  # "[Share]", a button in plain text
    if button and not is_name(parse_expert(button[1], lexicon).name):
        return True
    if para.kind == "quote" and re.match(r"\[!\w{2,12}\]", para.text):  # a callout in Markdown: "> [!NOTE]"
        return True
    if re.fullmatch(r"[\W_]*", para.text) or re.fullmatch(r"\W*https?://\S+\W*", para.text):
        return True
    return para.word_count <= MAX_CAPTION_WORDS and lexicon.captions.match(para.text) is not None


def mark_headings(paras: Sequence[Para], lexicon: Lexicon) -> list[Para]:
    """Turn a separate bold line that is neither a sentence nor a question into a heading of the lowest level.

    And turn the date of an edition that was taken for a heading into text.
    """
    marked = []
    for para in paras:
        if para.kind == "heading" and para.level >= LOWEST_HTML_LEVEL and _is_date_line(para, lexicon):
            marked.append(replace(para, kind="text", level=0))
            continue
        is_bold_line = para.bold and para.kind == "text" and may_be_heading(para) and not is_question(para.text)
        is_hint = lexicon.strong_hints.fullmatch(para.text.strip()) is not None  # "大家问"
        if is_bold_line and (is_hint or not _introduces_someone(para.text, lexicon)):
            marked.append(replace(para, kind="heading", level=LOWEST_LEVEL))
        else:
            marked.append(para)
    return marked


def _introduces_someone(text: str, lexicon: Lexicon) -> bool:
    """Return whether a line is a label, a signature, or says who asks or answers."""
    if LEADING_DASH.match(text) or lexicon.question_label.match(text) or lexicon.answer_label.match(text):
        return True
    return parse_asker(text, lexicon) is not None or parse_lead_in(text, lexicon) is not None


@dataclass
class Scope:
    """A heading and the paragraphs under it: those from the index `start` up to, but not including, `end`.

    - has_strong_hint: whether the heading says that readers ask.
    - has_weak_hint: whether the heading may be about questions.
    - parent: the scope that encloses it.
    """

    heading: str
    level: int
    start: int
    end: int
    has_strong_hint: bool = False
    has_weak_hint: bool = False
    parent: "Scope | None" = None

    @property
    def chain(self) -> Iterator["Scope"]:
        """Yield this scope and the scopes around it, from the innermost."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def _find_next_heading(paras: Sequence[Para], start: int) -> int | None:
    for index in range(start + 1, min(len(paras), start + MAX_SCOPE_PARAGRAPHS)):
        if paras[index].kind == "heading":
            return index
    return None


def build_scope(paras: Sequence[Para], start: int, lexicon: Lexicon, parent: Scope | None) -> Scope:
    """Build the scope of the heading at `start`, inside `parent`, from its text and the paragraphs below it."""
    heading = paras[start]
    end = _find_scope_end(paras, start, lexicon)
    if parent is not None and len(list(parent.chain)) >= MAX_NESTED_SCOPES:
        parent = parent.parent  # this leaves out one scope, so that the chain doesn't grow
    return Scope(
        heading.text,
        heading.level,
        start,
        end,
        has_strong_hint=bool(lexicon.strong_hints.search(heading.text)),
        has_weak_hint=bool(lexicon.weak_hints.search(heading.text)),
        parent=parent,
    )


def _find_scope_end(paras: Sequence[Para], start: int, lexicon: Lexicon) -> int:
    """Return the index after the paragraphs under a heading: usually the next heading of the same or a higher rank.

    Questions that are headings of the same level may belong to it as well, see `_is_followed_by_questions`.
    """
    level = paras[start].level
    includes_questions = _is_followed_by_questions(paras, start, lexicon)
    limit = min(len(paras), start + MAX_SCOPE_PARAGRAPHS)
    for index in range(start + 1, limit):
        para = paras[index]
        if para.kind != "heading" or para.level > level:
            continue
        is_included_question = includes_questions and para.level == level and is_question(para.text)
        if not is_included_question:
            return index
    return limit


def _is_followed_by_questions(paras: Sequence[Para], start: int, lexicon: Lexicon) -> bool:
    """Return whether the heading at `start` is that of a section whose questions are headings of the same level.

    That is so if the next heading is a question, and each paragraph above it says that readers ask, or is a date.
    """
    next_index = _find_next_heading(paras, start)
    if next_index is None:
        return False
    next_heading = paras[next_index]
    if next_heading.level != paras[start].level or not is_question(next_heading.text):
        return False
    above = [para for para in paras[start + 1 : next_index] if para.text]
    return all(lexicon.strong_hints.search(para.text) or _is_date_line(para, lexicon) for para in above)


def _is_date_line(para: Para, lexicon: Lexicon) -> bool:
    mentions_questions = lexicon.strong_hints.search(para.text) or lexicon.weak_hints.search(para.text)
    return not mentions_questions and parse_date_line(para.text, lexicon.language) is not None
