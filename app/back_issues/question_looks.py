"""The looks of questions: each function tells one way in which editions mark what a reader asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .edition_outline import QUESTION, Scope
from .edition_outline import asks as asks_something
from .issue_paragraph import Para
from .issue_words import Words
from .lead_ins import asked
from .printed_names import bare_credit, signature, speaker
from .unquoting import begins_quoted, quoted_until

MOST_PARAGRAPHS = 8  # of one question
NUMBER = re.compile(r"\W{0,3}(\d{1,2})[.)]\s+")
BRACKETED = re.compile(r"\s*[(（\[]([^()（）\[\]]{2,80})[)）\]]\s*\Z")
TRAILING = re.compile(r"(?<=[?؟？!.»”\"])\s+(?:[—–―]|--)\s?([^—–?؟]{2,80})\Z")


@dataclass(frozen=True)
class Start:
    """The beginning of a question. `style` is how the edition marks it; `rest` what of it stands in the same paragraph.

    `announced`: a line says that somebody asks. `by_reader`: that it is a reader. `inline` is the answer's beginning
    where it stands in the same paragraph.
    """

    style: str
    rest: str
    who: str = ""
    announced: bool = False
    by_reader: bool = False
    doubtful: bool = False
    inline: str = ""


def explicit_follows(paras: Sequence[Para], at: int, words: Words) -> bool:
    """Return whether one of the next two paragraphs announces a question itself."""
    following = [one for one in paras[at + 1 : at + 3] if one.kind not in ("rule", "heading")]
    return any(words.question.match(one.text[:200]) or _asks_on(one.text, words) for one in following)


def _asks_on(text: str, words: Words) -> bool:
    """Return whether a line announces a question that is still to come, and does not only name the asker."""
    found = asked(text, words)
    return found is not None and bool(found.rest.strip() or text.rstrip().endswith((":", "：")))


def _about(scope: Scope, paras: Sequence[Para], after: int, words: Words) -> bool:
    """Return whether a question that only its looks give away is a reader's: by its section, or by a name below it."""
    return scope.is_about_readers or _credited(paras, after)


def _credited(paras: Sequence[Para], after: int) -> bool:
    return after < len(paras) and paras[after].kind in ("text", "quote", "item") and bool(signature(paras[after].text))


def _heading(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    para = paras[at]
    if para.kind != "heading" or not asks_something(para.text) or explicit_follows(paras, at, words):
        return None
    if any(one.kind == "quote" and QUESTION.search(one.text) for one in paras[at + 1 : at + 2]):
        return None
    return Start("heading", _numberless(para.text)) if _about(scope, paras, at + 1, words) else None


def _strong(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    para = paras[at]
    if not para.strong or para.kind == "heading":
        return None
    run = _run(paras, at, lambda one: one.strong and one.kind == para.kind)
    if not any(asks_something(TRAILING.sub("", one.text)) for one in run):
        return None
    about = _about(scope, paras, at + len(run), words) or bool(BRACKETED.search(run[-1].text))
    return Start("strong", _numberless(para.text)) if about else None


def _strong_head(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    para = paras[at]
    if not para.head or not scope.is_about_readers or not asks_something(para.head):
        return None
    rest = para.text[len(para.head) :].strip()
    named = signature(rest)
    return Start("strong head", _numberless(para.head), who=named or "", inline="" if named else rest)


def _quote(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    para = paras[at]
    if para.kind != "quote":
        return None
    run = _run(paras, at, lambda one: one.kind == "quote")
    named = bool(signature(run[-1].text) or BRACKETED.search(run[-1].text) or quoted_credit(run[-1]))
    if not any(QUESTION.search(one.text) for one in run):
        return None
    return Start("quote", _numberless(para.text)) if named or _about(scope, paras, at + len(run), words) else None


def _slanted(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    para = paras[at]
    if not para.slanted or para.kind == "heading":
        return None
    run = _run(paras, at, lambda one: one.slanted and one.kind == para.kind)
    asking = any(QUESTION.search(one.text) for one in run)
    about = _about(scope, paras, at + len(run), words) or bool(TRAILING.search(run[-1].text))
    return Start("slanted", _numberless(para.text)) if asking and about else None


def _numbered(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    text = paras[at].text
    number = NUMBER.match(text)
    if not (number or re.fullmatch(r"\d+\.", paras[at].marker)) or not scope.is_about_readers:
        return None
    return Start("numbered", text[number.end() :] if number else text) if asks_something(text) else None


def _in_marks(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    texts = [one.text for one in paras[at : at + MOST_PARAGRAPHS]]
    if paras[at].kind == "heading" or not begins_quoted(texts[0]):
        return None
    count = quoted_until(texts)
    if not count or not asks_something(texts[count - 1]) or not _about(scope, paras, at + count, words):
        return None
    return Start("in marks", texts[0])


def _spoken(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    if paras[at].kind == "heading" or not scope.is_about_readers:
        return None
    found = speaker(paras[at].text, words)
    if not found or not (asks_something(found[1]) or (not found[1] and asks_something(text_at(paras, at + 1)))):
        return None
    return Start("spoken", found[1], found[0], announced=True)


def _letter(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    """A letter: a salutation, a question somewhere, and a signature."""
    if paras[at].kind == "heading" or not words.dear.match(paras[at].text[:120]):
        return None
    for number, one in enumerate(paras[at : at + MOST_PARAGRAPHS]):
        unmarked = number > 0 and signs_letter(paras, at + number, words)
        if one.kind in ("heading", "rule") and not unmarked:
            return None
        signed = (signature(one.text) or unmarked) if number else None
        if signed or TRAILING.search(one.text):
            asking = any(QUESTION.search(other.text) for other in paras[at : at + number + 1])
            return Start("letter", paras[at].text) if asking else None
    return None


def signs_letter(paras: Sequence[Para], at: int, words: Words) -> bool:
    """Return whether a line is the name below a letter without a dash: the answer greets whoever it is right below."""
    text = paras[at].text
    short = 0 < len(text.split()) <= 6 and not re.search(r"[.!?؟:,;][\"”»]?\Z", text)
    return short and at + 1 < len(paras) and words.dear.match(paras[at + 1].text[:120]) is not None


def _plain(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    para = paras[at]
    if para.kind == "heading" or not asks_something(para.text):
        return None
    if _credited(paras, at + 1) or TRAILING.search(para.text) or BRACKETED.search(para.text):
        return Start("signed", para.text)
    return Start("plain", para.text, doubtful=True) if scope.is_about_readers and not para.marker else None


def _signed(paras: Sequence[Para], at: int, words: Words, scope: Scope) -> Start | None:
    """Some paragraphs with a question in them, and a name below, or at their end."""
    for number, one in enumerate(paras[at : at + 4]):
        if one.kind not in ("text", "item"):
            return None
        named = _credited(paras, at + number + 1) or bool(TRAILING.search(one.text))
        if named:
            asking = any(QUESTION.search(other.text) for other in paras[at : at + number + 1])
            return Start("signed", paras[at].text) if asking else None
    return None


def quoted_credit(para: Para) -> str | None:
    """Return whom the slanted last line of a quoted question names as its asker."""
    return bare_credit(para.text, slanted=True) if para.kind == "quote" and para.slanted else None


def text_at(paras: Sequence[Para], at: int) -> str:
    return paras[at].text if at < len(paras) and paras[at].kind not in ("heading", "rule") else ""


def _run(paras: Sequence[Para], at: int, like: object) -> list[Para]:
    run = []
    for one in paras[at : at + MOST_PARAGRAPHS]:
        if not like(one):  # type: ignore[operator]
            break
        run.append(one)
    return run


def _numberless(text: str) -> str:
    number = NUMBER.match(text)
    return text[number.end() :] if number else text


LOOKS = {
    "heading": _heading,
    "letter": _letter,
    "strong": _strong,
    "strong head": _strong_head,
    "quote": _quote,
    "slanted": _slanted,
    "numbered": _numbered,
    "spoken": _spoken,
    "in marks": _in_marks,
    "signed": _signed,
    "plain": _plain,
}
