"""Finding the beginning of a reader's question, by an announcement or by the formatting used in its section."""

from collections.abc import Sequence

from .edition_outline import QUESTION, Scope
from .edition_outline import asks as asks_something
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import find_asker_after, parse_asker
from .question_looks import LOOKS, Start, has_announced_question_below
from .unquoting import begins_quoted, first_quotation


def find_question_start(
    paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope | None, style: str
) -> Start | None:
    """Return the question that begins at `index`, or None.

    `style` is that of the earlier questions in the section, if any, as all are marked like the first.
    """
    para = paras[index]
    if para.kind == "rule" or not para.text:
        return None
    if found := _match_announced(paras, index, lexicon):
        return found
    if found := _match_quote_with_asker(paras, index, lexicon):
        return found
    if scope is None or not scope.may_be_about_readers or style in ("label", "asked"):
        return None
    for name, look in LOOKS.items():
        if style and name != style:
            continue
        if start := look(paras, index, lexicon, scope):
            return start
    return None


def _match_announced(paras: Sequence[Para], index: int, lexicon: Lexicon) -> Start | None:
    para = paras[index]
    text = para.text
    label = lexicon.question.match(text[:200])
    if label:
        rest = text[label.end() :].strip()
        by_reader = bool(lexicon.has_readers.search(label[0]))
        if para.kind == "heading" and not (
            asks_something(rest) and not has_announced_question_below(paras, index, lexicon)
        ):
            return None
        if label["who"]:
            return Start("label", rest, label["who"].strip(), announced=True, by_reader=by_reader)
        who = parse_asker(rest, lexicon) if rest else None
        if who and not asks_something(rest[: len(rest) - len(who.rest)]):
            return Start("label", who.rest, who.who, announced=True, by_reader=who.by_reader)
        return Start("label", rest, by_reader=by_reader)
    if para.kind == "heading" and not asks_something(text):
        return None
    found = parse_asker(text, lexicon)
    if found is None or (
        not found.rest and (index + 1 >= len(paras) or has_announced_question_below(paras[: index + 2], index, lexicon))
    ):
        return None
    following = found.rest or (paras[index + 1].text if paras[index + 1].kind not in ("rule", "heading") else "")
    if not QUESTION.search(following) and not begins_quoted(following):
        nearby = " ".join(one.text for one in paras[index + 1 : index + 4] if one.kind in ("text", "quote"))
        if not QUESTION.search(nearby):
            return None
    return Start("asked", found.rest, found.who, announced=True, by_reader=found.by_reader)


def _match_quote_with_asker(paras: Sequence[Para], index: int, lexicon: Lexicon) -> Start | None:
    """Match a quoted question followed by its asker: "Must I fell it?" asks Harriet from Hereford."""
    text = paras[index].text
    if paras[index].kind == "heading" or not begins_quoted(text) or not QUESTION.search(text):
        return None
    end = first_quotation(text)
    if end is None or not asks_something(text[: end + 1]):
        return None
    who = find_asker_after(text[end + 1 :], lexicon)
    if who is None:
        return None
    return Start("asked", text[: end + 1], who, announced=True, by_reader=bool(lexicon.has_readers.search(text[end:])))
