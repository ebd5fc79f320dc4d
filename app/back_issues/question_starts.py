"""The beginning of a reader's question: a line says so, or it looks like those of its section."""

from collections.abc import Sequence

from .edition_outline import QUESTION, Scope
from .edition_outline import asks as asks_something
from .issue_paragraph import Para
from .issue_words import Words
from .lead_ins import asked, asks_after
from .question_looks import LOOKS, Start, explicit_follows
from .unquoting import begins_quoted, first_quotation


def start_at(paras: Sequence[Para], at: int, words: Words, scope: Scope | None, style: str) -> Start | None:
    """Return the question that begins with a paragraph; None where none does.

    `style` is that of the questions before it in the section: what marks the first marks all of them.
    """
    para = paras[at]
    if para.kind == "rule" or not para.text:
        return None
    if found := _announced(paras, at, words):
        return found
    if found := _said_by(paras, at, words):
        return found
    if scope is None or not scope.may_be_about_readers or style in ("label", "asked"):
        return None
    for name, look in LOOKS.items():
        if style and name != style:
            continue
        if start := look(paras, at, words, scope):
            return start
    return None


def _announced(paras: Sequence[Para], at: int, words: Words) -> Start | None:
    para = paras[at]
    text = para.text
    label = words.question.match(text[:200])
    if label:
        rest = text[label.end() :].strip()
        by_reader = bool(words.has_readers.search(label[0]))
        if para.kind == "heading" and not (asks_something(rest) and not explicit_follows(paras, at, words)):
            return None
        if label["who"]:
            return Start("label", rest, label["who"].strip(), announced=True, by_reader=by_reader)
        who = asked(rest, words) if rest else None
        if who and not asks_something(rest[: len(rest) - len(who.rest)]):
            return Start("label", who.rest, who.who, announced=True, by_reader=who.by_reader)
        return Start("label", rest, by_reader=by_reader)
    if para.kind == "heading" and not asks_something(text):
        return None
    found = asked(text, words)
    if found is None or (not found.rest and (at + 1 >= len(paras) or explicit_follows(paras[: at + 2], at, words))):
        return None
    following = found.rest or (paras[at + 1].text if paras[at + 1].kind not in ("rule", "heading") else "")
    if not QUESTION.search(following) and not begins_quoted(following):
        nearby = " ".join(one.text for one in paras[at + 1 : at + 4] if one.kind in ("text", "quote"))
        if not QUESTION.search(nearby):
            return None
    return Start("asked", found.rest, found.who, announced=True, by_reader=found.by_reader)


def _said_by(paras: Sequence[Para], at: int, words: Words) -> Start | None:
    """A question in marks, with its asker behind it: "Must I fell it?" asks Harriet from Hereford."""
    text = paras[at].text
    if paras[at].kind == "heading" or not begins_quoted(text) or not QUESTION.search(text):
        return None
    end = first_quotation(text)
    if end is None or not asks_something(text[: end + 1]):
        return None
    who = asks_after(text[end + 1 :], words)
    if who is None:
        return None
    return Start("asked", text[: end + 1], who, announced=True, by_reader=bool(words.has_readers.search(text[end:])))
