"""Recognising questions by their formatting: one function for each way in which editions mark readers' questions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .edition_outline import QUESTION, Scope
from .edition_outline import asks as asks_something
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import parse_asker
from .printed_names import bare_credit, parse_speaker, signature
from .unquoting import begins_quoted, count_quoted_paragraphs

MOST_PARAGRAPHS = 8  # of one question
NUMBER = re.compile(r"\W{0,3}(\d{1,2})[.)]\s+")
BRACKETED = re.compile(r"\s*[(（\[]([^()（）\[\]]{2,80})[)）\]]\s*\Z")
TRAILING = re.compile(r"(?<=[?؟？!.»”\"])\s+(?:[—–―]|--)\s?([^—–?؟]{2,80})\Z")


@dataclass(frozen=True)
class Start:
    """The beginning of a question. `style` is how the edition marks it; `rest` is the part of it in the same paragraph.

    With `announced`, a line says that someone asks; with `by_reader`, that it is a reader. `inline` is the beginning of
    the answer if it is in the same paragraph.
    """

    style: str
    rest: str
    who: str = ""
    announced: bool = False
    by_reader: bool = False
    doubtful: bool = False
    inline: str = ""


def has_announced_question_below(paras: Sequence[Para], index: int, lexicon: Lexicon) -> bool:
    """Return whether one of the next two paragraphs announces a question itself."""
    following = [one for one in paras[index + 1 : index + 3] if one.kind not in ("rule", "heading")]
    return any(lexicon.question.match(one.text[:200]) or _announces_question(one.text, lexicon) for one in following)


def _announces_question(text: str, lexicon: Lexicon) -> bool:
    """Return whether a line announces a question that follows, instead of only naming the asker."""
    found = parse_asker(text, lexicon)
    return found is not None and bool(found.rest.strip() or text.rstrip().endswith((":", "：")))


def _is_from_reader(scope: Scope, paras: Sequence[Para], after: int, lexicon: Lexicon) -> bool:
    """Return whether a question recognised by its formatting is a reader's, by its section or a name below it."""
    return scope.is_about_readers or _credited(paras, after)


def _credited(paras: Sequence[Para], after: int) -> bool:
    return after < len(paras) and paras[after].kind in ("text", "quote", "item") and bool(signature(paras[after].text))


def _match_heading(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if para.kind != "heading" or not asks_something(para.text) or has_announced_question_below(paras, index, lexicon):
        return None
    if any(one.kind == "quote" and QUESTION.search(one.text) for one in paras[index + 1 : index + 2]):
        return None
    return Start("heading", _numberless(para.text)) if _is_from_reader(scope, paras, index + 1, lexicon) else None


def _match_strong(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if not para.strong or para.kind == "heading":
        return None
    run = _get_run(paras, index, lambda one: one.strong and one.kind == para.kind)
    if not any(asks_something(TRAILING.sub("", one.text)) for one in run):
        return None
    about = _is_from_reader(scope, paras, index + len(run), lexicon) or bool(BRACKETED.search(run[-1].text))
    return Start("strong", _numberless(para.text)) if about else None


def _match_strong_head(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if not para.head or not scope.is_about_readers or not asks_something(para.head):
        return None
    rest = para.text[len(para.head) :].strip()
    named = signature(rest)
    return Start("strong head", _numberless(para.head), who=named or "", inline="" if named else rest)


def _match_quote(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if para.kind != "quote":
        return None
    run = _get_run(paras, index, lambda one: one.kind == "quote")
    named = bool(signature(run[-1].text) or BRACKETED.search(run[-1].text) or quoted_credit(run[-1]))
    if not any(QUESTION.search(one.text) for one in run):
        return None
    return (
        Start("quote", _numberless(para.text))
        if named or _is_from_reader(scope, paras, index + len(run), lexicon)
        else None
    )


def _match_slanted(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if not para.slanted or para.kind == "heading":
        return None
    run = _get_run(paras, index, lambda one: one.slanted and one.kind == para.kind)
    asking = any(QUESTION.search(one.text) for one in run)
    about = _is_from_reader(scope, paras, index + len(run), lexicon) or bool(TRAILING.search(run[-1].text))
    return Start("slanted", _numberless(para.text)) if asking and about else None


def _match_numbered(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    text = paras[index].text
    number = NUMBER.match(text)
    if not (number or re.fullmatch(r"\d+\.", paras[index].marker)) or not scope.is_about_readers:
        return None
    return Start("numbered", text[number.end() :] if number else text) if asks_something(text) else None


def _match_quotation_marks(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    texts = [one.text for one in paras[index : index + MOST_PARAGRAPHS]]
    if paras[index].kind == "heading" or not begins_quoted(texts[0]):
        return None
    count = count_quoted_paragraphs(texts)
    if not count or not asks_something(texts[count - 1]) or not _is_from_reader(scope, paras, index + count, lexicon):
        return None
    return Start("in marks", texts[0])


def _match_speaker(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    if paras[index].kind == "heading" or not scope.is_about_readers:
        return None
    found = parse_speaker(paras[index].text, lexicon)
    if not found or not (asks_something(found[1]) or (not found[1] and asks_something(get_text(paras, index + 1)))):
        return None
    return Start("spoken", found[1], found[0], announced=True)


def _match_letter(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match a letter: a salutation, a question somewhere, and a signature."""
    if paras[index].kind == "heading" or not lexicon.dear.match(paras[index].text[:120]):
        return None
    for number, one in enumerate(paras[index : index + MOST_PARAGRAPHS]):
        unmarked = number > 0 and is_letter_signature(paras, index + number, lexicon)
        if one.kind in ("heading", "rule") and not unmarked:
            return None
        signed = (signature(one.text) or unmarked) if number else None
        if signed or TRAILING.search(one.text):
            asking = any(QUESTION.search(other.text) for other in paras[index : index + number + 1])
            return Start("letter", paras[index].text) if asking else None
    return None


def is_letter_signature(paras: Sequence[Para], index: int, lexicon: Lexicon) -> bool:
    """Return whether a line is an undashed signature of a letter, as shown by a salutation in the answer below it."""
    text = paras[index].text
    short = 0 < len(text.split()) <= 6 and not re.search(r"[.!?؟:,;][\"”»]?\Z", text)
    return short and index + 1 < len(paras) and lexicon.dear.match(paras[index + 1].text[:120]) is not None


def _match_plain(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    para = paras[index]
    if para.kind == "heading" or not asks_something(para.text):
        return None
    if _credited(paras, index + 1) or TRAILING.search(para.text) or BRACKETED.search(para.text):
        return Start("signed", para.text)
    return Start("plain", para.text, doubtful=True) if scope.is_about_readers and not para.marker else None


def _match_signed(paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope) -> Start | None:
    """Match up to four paragraphs with a question in them, and a name below or at their end."""
    for number, one in enumerate(paras[index : index + 4]):
        if one.kind not in ("text", "item"):
            return None
        named = _credited(paras, index + number + 1) or bool(TRAILING.search(one.text))
        if named:
            asking = any(QUESTION.search(other.text) for other in paras[index : index + number + 1])
            return Start("signed", paras[index].text) if asking else None
    return None


def quoted_credit(para: Para) -> str | None:
    """Return the asker named in a quoted question's last line in italics, or None."""
    return bare_credit(para.text, slanted=True) if para.kind == "quote" and para.slanted else None


def get_text(paras: Sequence[Para], index: int) -> str:
    return paras[index].text if index < len(paras) and paras[index].kind not in ("heading", "rule") else ""


def _get_run(paras: Sequence[Para], index: int, predicate: object) -> list[Para]:
    run = []
    for one in paras[index : index + MOST_PARAGRAPHS]:
        if not predicate(one):  # type: ignore[operator]
            break
        run.append(one)
    return run


def _numberless(text: str) -> str:
    number = NUMBER.match(text)
    return text[number.end() :] if number else text


LOOKS = {
    "heading": _match_heading,
    "letter": _match_letter,
    "strong": _match_strong,
    "strong head": _match_strong_head,
    "quote": _match_quote,
    "slanted": _match_slanted,
    "numbered": _match_numbered,
    "spoken": _match_speaker,
    "in marks": _match_quotation_marks,
    "signed": _match_signed,
    "plain": _match_plain,
}
