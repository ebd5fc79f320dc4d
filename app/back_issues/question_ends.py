"""Finding the end of a question, and the askers that it names."""

from collections.abc import Sequence

from .edition_outline import is_question
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import parse_asker, parse_lead_in
from .printed_names import parse_bare_credit, parse_name_line, parse_signature
from .question_looks import (
    BRACKETED_CREDIT,
    MAX_QUESTION_PARAGRAPHS,
    TRAILING_CREDIT,
    Start,
    get_text,
    is_letter_signature,
    is_question_with_answer,
    parse_quoted_credit,
)
from .unquoting import count_quoted_paragraphs


def read_question(paras: Sequence[Para], index: int, start: Start, lexicon: Lexicon) -> tuple[list[str], int]:
    """Return the paragraphs of the question that begins at `index`, and the index after them."""
    text = start.text.strip()
    texts = [text] if text else []
    next_index = index + 1
    if start.style in ("bold", "quote", "italic"):
        splits_questions = start.style != "quote"
        return _add_same_style(paras, paras[index], texts, next_index, splits_questions)
    if start.style in ("heading", "bold start", "numbered"):
        return texts, next_index
    following = [para.text for para in paras[next_index : next_index + MAX_QUESTION_PARAGRAPHS]]
    if count := count_quoted_paragraphs([*texts, *following]):
        following_count = count - len(texts)
        return [*texts, *following[:following_count]], next_index + following_count
    if not texts:  # only a label or announcement: the question begins in the next paragraph
        if next_index == len(paras):
            return [], next_index
        first = paras[next_index]
        texts = [get_text(paras, next_index)]
        next_index += 1
        if first.kind == "quote" or first.italic or first.bold:
            return _add_same_style(paras, first, texts, next_index, splits_questions=False)
    return _extend_to_visible_end(paras, next_index, texts, start, lexicon)


def _add_same_style(
    paras: Sequence[Para], first: Para, texts: list[str], index: int, splits_questions: bool
) -> tuple[list[str], int]:
    """Add the paragraphs from `index` on that have the style of `first`; return the texts, and the index after them.

    With `splits_questions`, stop before a paragraph that is another question.
    """
    texts = list(texts)
    while index < len(paras) and len(texts) < MAX_QUESTION_PARAGRAPHS and _has_same_style(first, paras[index]):
        if splits_questions and _is_new_question(texts[-1], paras, index):
            break
        texts.append(paras[index].text)
        index += 1
    return texts, index


def _is_new_question(previous: str, paras: Sequence[Para], index: int) -> bool:
    """Return whether a paragraph in the style of the question before it is another question, with its own answer."""
    return is_question(previous) and is_question(paras[index].text) and _is_followed_by_answer(paras, index)


def _is_followed_by_answer(paras: Sequence[Para], index: int) -> bool:
    return index + 1 < len(paras) and not paras[index + 1].bold


def _has_same_style(first: Para, second: Para) -> bool:
    return (first.kind, first.italic, first.bold) == (second.kind, second.italic, second.bold)


def _extend_to_visible_end(
    paras: Sequence[Para], next_index: int, texts: list[str], start: Start, lexicon: Lexicon
) -> tuple[list[str], int]:
    """Extend a question up to a label, lead-in or signature that shows its end. Without one, return it unchanged."""
    end = _find_question_end(paras, next_index, start, lexicon)
    if end is None:
        return texts, next_index
    return [*texts, *(para.text for para in paras[next_index:end])], end


def _find_question_end(paras: Sequence[Para], first_index: int, start: Start, lexicon: Lexicon) -> int | None:
    """Return the index after the question, or None if nothing shows its end."""
    is_letter = start.style == "letter"
    for index in range(first_index, min(first_index + MAX_QUESTION_PARAGRAPHS, len(paras))):
        para = paras[index]
        if is_letter and is_letter_signature(paras, index, lexicon):
            return index
        if para.kind in ("heading", "rule") or lexicon.match_question_label(para.text):
            return None
        if lexicon.match_answer_label(para.text):
            return index
        is_signature = parse_signature(para.text) is not None and not is_question(para.text)
        if is_signature and start.style == "plain" and is_question_with_answer(paras[first_index - 1 : index]):
            return None
        if is_signature or parse_lead_in(para.text, lexicon) or parse_name_line(para.text, lexicon):
            return index
        if is_letter and TRAILING_CREDIT.search(para.text):
            return index + 1
    return None


def extract_askers(
    paras: Sequence[Para], texts: list[str], next_index: int, start: Start, lexicon: Lexicon
) -> tuple[list[str], list[str], int]:
    """Extract the askers named at the end of a question, perhaps in brackets, or below it.

    Return them, the paragraphs of the question without them, and the index after it.
    """
    askers, texts = _extract_from_last_paragraph(texts, lexicon)
    if askers:
        return askers, texts, next_index
    if start.style == "letter" and next_index < len(paras) and is_letter_signature(paras, next_index, lexicon):
        line = paras[next_index].text
        return [parse_signature(line) or line], texts, next_index + 1
    if start.asker or next_index + 1 >= len(paras):
        return [], texts, next_index
    named = _parse_line_below(paras[next_index], texts, start, lexicon)
    if named is None:
        return [], texts, next_index
    return named, texts, next_index + 1


def _extract_from_last_paragraph(texts: list[str], lexicon: Lexicon) -> tuple[list[str], list[str]]:
    """Extract the asker named in or at the end of the last paragraph; return them, and the texts without the name."""
    if not texts:
        return [], []
    *before, last = texts
    if before and (signature := parse_signature(last)) and not is_question(last):
        return [signature], before
    if trailing := TRAILING_CREDIT.search(last):
        name = trailing[1].strip()
        ends_with_initial = name[-2:-1].isupper()  # "Maria S."
        return [name if ends_with_initial else name.rstrip(".")], [*before, last[: trailing.start()]]
    brackets = BRACKETED_CREDIT.search(last)
    if brackets and is_question(last[: brackets.start()]):
        name = brackets[1].strip()
        line = parse_asker(name, lexicon)  # "(asked by Maria)"
        if line and line.asker:
            name = line.asker
        if name[:1].upper() == name[:1]:
            return [name], [*before, last[: brackets.start()].rstrip()]
    return [], texts


def _parse_line_below(line: Para, question: list[str], start: Start, lexicon: Lexicon) -> list[str] | None:
    """Return the askers named in the line below a question, or None if the line isn't about them.

    The list is empty if the line only says that readers ask.
    """
    if line.kind not in ("text", "quote", "item"):
        return None
    signature = parse_signature(line.text)
    if signature and not is_question(line.text):
        return [signature]
    if not start.is_announced and parse_lead_in(line.text, lexicon) is None:
        asker_line = parse_asker(line.text, lexicon)
        if asker_line and not asker_line.rest:
            return [asker_line.asker] if asker_line.asker else []
    if not parse_quoted_credit(line) and not (question and is_question(question[-1])):
        return None
    mentions_readers = lexicon.readers.match(line.text) is not None
    credit = parse_bare_credit(line.text, in_italics=line.italic or mentions_readers)
    if credit is None:
        return None
    return [] if lexicon.only_readers.match(credit) else [credit]
