"""Finding the beginning of a reader's question, by an announcement or by the formatting used in its section."""

import re
from collections.abc import Sequence

from .edition_outline import QUESTION_MARK, Scope, is_question
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import find_asker_after, parse_asker
from .question_looks import STYLE_MATCHERS, Start, get_text, has_announced_question_below
from .unquoting import begins_quoted, find_quotation_end

# Of a quoted question without an asker, below one that says who asks; in plain text it looks like a heading.
STYLES_WITHOUT_ASKER = ("quotation marks", "heading")


def find_question_start(
    paras: Sequence[Para], index: int, lexicon: Lexicon, scope: Scope | None, style: str
) -> Start | None:
    """Return the question that begins at `index`, or None.

    `style` is that of the earlier questions in the section, if any: a section marks all of its questions alike.
    """
    para = paras[index]
    if para.kind == "rule" or not para.text:
        return None
    announced = _match_announced(paras, index, lexicon) or _match_quote_with_asker(paras, index, lexicon)
    if announced:
        return announced
    if scope is None or not scope.may_be_about_readers or style == "label":
        return None
    allowed_styles = STYLES_WITHOUT_ASKER if style == "asked" else (style,)
    for matcher_style, match_question in STYLE_MATCHERS.items():
        if style and matcher_style not in allowed_styles:
            continue
        if start := match_question(paras, index, lexicon, scope):
            return start
    return None


def _match_announced(paras: Sequence[Para], index: int, lexicon: Lexicon) -> Start | None:
    label = lexicon.match_question_label(paras[index].text)
    if label:
        return _match_label(paras, index, label, lexicon)
    return _match_asker_line(paras, index, lexicon)


def _match_label(paras: Sequence[Para], index: int, label: re.Match[str], lexicon: Lexicon) -> Start | None:
    """Match a paragraph with a label: "Question (Maria): Why ...", "Reader question: Maria asks: Why ..."."""
    para = paras[index]
    text = para.text[label.end() :].strip()
    if para.kind == "heading" and (not is_question(text) or has_announced_question_below(paras, index, lexicon)):
        return None
    is_by_reader = bool(lexicon.readers.search(label[0]))
    if label["who"]:
        return Start("label", text, label["who"].strip(), is_announced=True, is_by_reader=is_by_reader)
    line = parse_asker(text, lexicon) if text else None
    if line and not is_question(text.removesuffix(line.rest)):
        return Start("label", line.rest, line.asker, is_announced=True, is_by_reader=line.is_by_reader)
    return Start("label", text, is_by_reader=is_by_reader)


def _match_asker_line(paras: Sequence[Para], index: int, lexicon: Lexicon) -> Start | None:
    """Match a paragraph that begins by saying who asks, if a question follows."""
    para = paras[index]
    if para.kind == "heading" and not is_question(para.text):
        return None
    line = parse_asker(para.text, lexicon)
    if line is None:
        return None
    following = line.rest
    if not following:
        if index + 1 >= len(paras) or has_announced_question_below(paras[: index + 2], index, lexicon):
            return None
        following = get_text(paras, index + 1)
    if not QUESTION_MARK.search(following) and not begins_quoted(following):
        next_texts = [other.text for other in paras[index + 1 : index + 4] if other.kind in ("text", "quote")]
        if not QUESTION_MARK.search(" ".join(next_texts)):
            return None
    return Start("asked", line.rest, line.asker, is_announced=True, is_by_reader=line.is_by_reader)


def _match_quote_with_asker(paras: Sequence[Para], index: int, lexicon: Lexicon) -> Start | None:
    """Match a quoted question followed by its asker: "Must I fell it?" asks Harriet from Hereford."""
    text = paras[index].text
    if paras[index].kind == "heading" or not begins_quoted(text) or not QUESTION_MARK.search(text):
        return None
    end = find_quotation_end(text)
    if end is None:
        return None
    question, after = text[: end + 1], text[end + 1 :]
    if not is_question(question):
        return None
    asker = find_asker_after(after, lexicon)
    if asker is None:
        return None
    is_by_reader = bool(lexicon.readers.search(after))
    return Start("asked", question, asker, is_announced=True, is_by_reader=is_by_reader)
