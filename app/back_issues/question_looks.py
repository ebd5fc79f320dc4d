"""Recognising questions by their formatting: one function for each way in which editions mark readers' questions."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from .edition_outline import QUESTION_MARK, Scope, is_question
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import parse_asker
from .printed_names import parse_bare_credit, parse_signature, parse_speaker
from .unquoting import begins_quoted, count_quoted_paragraphs

MAX_QUESTION_PARAGRAPHS = 8
MAX_SIGNED_PARAGRAPHS = 4  # of a question that is only recognised by the name below it
MAX_SALUTATION_LENGTH = 120
MAX_LETTER_SIGNATURE_WORDS = 6
# "2. Why is the lake shrinking?"
NUMBER = re.compile(r"\W{0,3}(\d{1,2})[.)]\s+")
# "Why is the lake shrinking? (Maria, Tbilisi)"
BRACKETED_CREDIT = re.compile(r"\s*[(（\[]([^()（）\[\]]{2,80})[)）\]]\s*\Z")
# "Why is the lake shrinking? — Maria, Tbilisi"
TRAILING_CREDIT = re.compile(r"(?<=[?؟？!.»”\"])\s+(?:[—–―]|--)\s?([^—–?؟]{2,80})\Z")
END_PUNCTUATION = re.compile(r"[.!?؟:,;][\"”»]?\Z")


@dataclass(frozen=True)
class Start:
    """The beginning of a question.

    - style: how the edition marks it: a key of `STYLE_MATCHERS`, "label", or "asked" if a line says who asks.
    - text: the question's text in its first paragraph, without a number or name.
    - asker: who asks, as printed, or "".
    - is_announced: whether the edition says here that someone asks.
    - is_by_reader: whether the edition says here, if only in a label, that a reader asks.
    - is_doubtful: whether it may not be a reader's question.
    - answer_start: the beginning of the answer if it is in the same paragraph.
    """

    style: str
    text: str
    asker: str = ""
    is_announced: bool = False
    is_by_reader: bool = False
    is_doubtful: bool = False
    answer_start: str = ""


def has_announced_question_below(paras: Sequence[Para], index: int, lexicon: Lexicon) -> bool:
    """Return whether one of the next two paragraphs announces a question itself."""
    following = [para for para in paras[index + 1 : index + 3] if para.kind not in ("rule", "heading")]
    return any(lexicon.match_question_label(para.text) or _announces_question(para.text, lexicon) for para in following)


def _announces_question(text: str, lexicon: Lexicon) -> bool:
    """Return whether a line announces a question that follows, instead of only naming the asker."""
    line = parse_asker(text, lexicon)
    if line is None:
        return False
    return bool(line.rest.strip()) or text.rstrip().endswith((":", "："))


def _has_reader_as_asker(scope: Scope, paras: Sequence[Para], next_index: int) -> bool:
    """Return whether the section of a question, or a name below it at `next_index`, shows that a reader asks."""
    return scope.is_about_readers or _is_signature_at(paras, next_index)


def _is_signature_at(paras: Sequence[Para], index: int) -> bool:
    if index >= len(paras) or paras[index].kind not in ("text", "quote", "item"):
        return False
    return parse_signature(paras[index].text) is not None


def _match_heading(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if para.kind != "heading" or not is_question(para.text) or has_announced_question_below(paras, index, lexicon):
        return None
    if index + 1 < len(paras):
        next_para = paras[index + 1]
        if next_para.kind == "quote" and QUESTION_MARK.search(next_para.text):
            return None  # because the quotation is the question, and the heading its headline
    if not _has_reader_as_asker(scope, paras, index + 1):
        return None
    return Start("heading", _strip_number(para.text))


def _match_letter(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match a letter: a salutation, a question somewhere, and a signature."""
    first = paras[index]
    if first.kind == "heading" or not _has_salutation(first, lexicon):
        return None
    letter = paras[index : index + MAX_QUESTION_PARAGRAPHS]
    for offset, para in enumerate(letter):
        is_signed = TRAILING_CREDIT.search(para.text) is not None
        if offset > 0:  # below the salutation
            has_undashed_name = is_letter_signature(paras, index + offset, lexicon)
            if para.kind in ("heading", "rule") and not has_undashed_name:
                return None
            is_signed = is_signed or has_undashed_name or parse_signature(para.text) is not None
        if is_signed:
            return Start("letter", first.text) if _has_question_mark(letter[: offset + 1]) else None
    return None


def _match_bold(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if not para.bold or para.kind == "heading":
        return None
    run = _take_while(paras, index, lambda other: other.bold and other.kind == para.kind)
    if not any(is_question(TRAILING_CREDIT.sub("", other.text)) for other in run):
        return None
    if not _has_reader_as_asker(scope, paras, index + len(run)) and not BRACKETED_CREDIT.search(run[-1].text):
        return None
    return Start("bold", _strip_number(para.text))


def _match_bold_start(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match a paragraph that begins with a bold question and goes on with the asker's name or the answer."""
    para = paras[index]
    if not para.bold_start or not scope.is_about_readers or not is_question(para.bold_start):
        return None
    question = _strip_number(para.bold_start)
    rest = para.text[len(para.bold_start) :].strip()
    asker = parse_signature(rest)
    if asker:
        return Start("bold start", question, asker=asker)
    return Start("bold start", question, answer_start=rest)


def _match_quote(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if para.kind != "quote":
        return None
    run = _take_while(paras, index, lambda other: other.kind == "quote")
    if not _has_question_mark(run):  # `is_question` would miss it, as the asker's name is often in the last line
        return None
    last = run[-1]
    has_credit = bool(parse_signature(last.text) or BRACKETED_CREDIT.search(last.text) or parse_quoted_credit(last))
    if not has_credit and not _has_reader_as_asker(scope, paras, index + len(run)):
        return None
    return Start("quote", _strip_number(para.text))


def _match_italic(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if not para.italic or para.kind == "heading":
        return None
    run = _take_while(paras, index, lambda other: other.italic and other.kind == para.kind)
    if not _has_question_mark(run):
        return None
    if not _has_reader_as_asker(scope, paras, index + len(run)) and not TRAILING_CREDIT.search(run[-1].text):
        return None
    return Start("italic", _strip_number(para.text))


def _match_numbered(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    is_numbered = NUMBER.match(para.text) or re.fullmatch(r"\d+\.", para.marker)
    if not is_numbered or not scope.is_about_readers or not is_question(para.text):
        return None
    return Start("numbered", _strip_number(para.text))


def _match_speaker(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match "Maria: Why is the lake shrinking?", with the question behind the colon or in the next paragraph."""
    if paras[index].kind == "heading" or not scope.is_about_readers:
        return None
    speaker = parse_speaker(paras[index].text, lexicon)
    if speaker is None:
        return None
    name, text = speaker
    if not is_question(text or get_text(paras, index + 1)):
        return None
    return Start("speaker", text, name, is_announced=True)


def _match_quotation_marks(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    texts = [para.text for para in paras[index : index + MAX_QUESTION_PARAGRAPHS]]
    if paras[index].kind == "heading" or not begins_quoted(texts[0]):
        return None
    count = count_quoted_paragraphs(texts)
    if not count or not is_question(texts[count - 1]) or not _has_reader_as_asker(scope, paras, index + count):
        return None
    return Start("quotation marks", texts[0])


def _match_signed(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match a few paragraphs of text with a question in them, and a name at the end or below."""
    question = paras[index : index + MAX_SIGNED_PARAGRAPHS]
    for offset, para in enumerate(question):
        if para.kind not in ("text", "item"):
            return None
        if is_question_with_answer(question[: offset + 1]):
            return None
        if TRAILING_CREDIT.search(para.text) or _is_signature_at(paras, index + offset + 1):
            return Start("signed", paras[index].text) if _has_question_mark(question[: offset + 1]) else None
    return None


def _match_plain(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match a question without any formatting. With a name at its end or below it, its style is "signed"."""
    para = paras[index]
    if para.kind == "heading" or not is_question(para.text):
        return None
    has_trailing_name = TRAILING_CREDIT.search(para.text) or BRACKETED_CREDIT.search(para.text)
    if has_trailing_name or _is_signature_at(paras, index + 1):
        return Start("signed", para.text)
    if not scope.is_about_readers or para.marker:
        return None
    return Start("plain", para.text, is_doubtful=True)


def is_question_with_answer(paras: Sequence[Para]) -> bool:
    """Return whether only the first of several paragraphs asks: the others may be its answer, signed by an expert."""
    return len(paras) > 1 and is_question(paras[0].text) and not _has_question_mark(paras[1:])


def is_letter_signature(paras: Sequence[Para], index: int, lexicon: Lexicon) -> bool:
    """Return whether a short line without a dash is a letter's signature: the answer's salutation is below it."""
    text = paras[index].text
    if not 0 < len(text.split()) <= MAX_LETTER_SIGNATURE_WORDS or END_PUNCTUATION.search(text):
        return False
    return index + 1 < len(paras) and _has_salutation(paras[index + 1], lexicon)


def _has_salutation(para: Para, lexicon: Lexicon) -> bool:
    return lexicon.salutation.match(para.text[:MAX_SALUTATION_LENGTH]) is not None


def parse_quoted_credit(para: Para) -> str | None:
    """Return the text of a quoted line in italics that may name the asker, or None."""
    if para.kind != "quote" or not para.italic:
        return None
    return parse_bare_credit(para.text, in_italics=True)


def get_text(paras: Sequence[Para], index: int) -> str:
    """Return the text of a paragraph, or "" if there is none or if it is a heading or rule."""
    if index >= len(paras) or paras[index].kind in ("heading", "rule"):
        return ""
    return paras[index].text


def _has_question_mark(paras: Sequence[Para]) -> bool:
    return any(QUESTION_MARK.search(para.text) for para in paras)


def _take_while(paras: Sequence[Para], index: int, predicate: Callable[[Para], bool]) -> list[Para]:
    """Return the paragraphs from `index` up to the first that doesn't meet the predicate."""
    return list(takewhile(predicate, paras[index : index + MAX_QUESTION_PARAGRAPHS]))


def _strip_number(text: str) -> str:
    number = NUMBER.match(text)
    return text[number.end() :] if number else text


# The functions by style, in the order in which they are tried.
STYLE_MATCHERS = {
    "heading": _match_heading,
    "letter": _match_letter,
    "bold": _match_bold,
    "bold start": _match_bold_start,
    "quote": _match_quote,
    "italic": _match_italic,
    "numbered": _match_numbered,
    "speaker": _match_speaker,
    "quotation marks": _match_quotation_marks,
    "signed": _match_signed,
    "plain": _match_plain,
}
