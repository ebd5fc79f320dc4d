"""Finding the end of a question, and the askers that it names."""

from collections.abc import Sequence

from .edition_outline import asks as asks_something
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import parse_asker, parse_lead_in
from .printed_names import bare_credit, parse_name_line, signature
from .question_looks import BRACKETED, MOST_PARAGRAPHS, TRAILING, Start, get_text, is_letter_signature, quoted_credit
from .unquoting import count_quoted_paragraphs


def read_question(paras: Sequence[Para], index: int, start: Start, lexicon: Lexicon) -> tuple[list[str], int]:
    """Return the paragraphs of the question that begins at `index`, and the index after them."""
    texts, after = ([start.rest.strip()] if start.rest.strip() else []), index + 1
    if start.style in ("strong", "quote", "slanted"):
        para = paras[index]
        while after < len(paras) and len(texts) < MOST_PARAGRAPHS and _has_same_style(para, paras[after]):
            if start.style != "quote" and _is_new_question(texts[-1], paras, after):
                break
            texts.append(paras[after].text)
            after += 1
        return texts, after
    if start.style in ("heading", "strong head", "numbered"):
        return texts, after
    following = [one.text for one in paras[after : after + MOST_PARAGRAPHS]]
    if count := count_quoted_paragraphs([*texts, *following]):
        more = count - len(texts)
        return [*texts, *following[:more]], after + more
    if not texts:
        texts, after = [get_text(paras, after)], after + 1
        if paras[after - 1].kind in ("quote",) or paras[after - 1].slanted or paras[after - 1].strong:
            first = paras[after - 1]
            while after < len(paras) and len(texts) < MOST_PARAGRAPHS and _has_same_style(first, paras[after]):
                texts.append(paras[after].text)
                after += 1
            return texts, after
    return _extend_question(paras, after, texts, start, lexicon)


def _is_new_question(previous: str, paras: Sequence[Para], index: int) -> bool:
    """Return whether a paragraph in the style of the question before it is a question of its own."""
    return asks_something(previous) and asks_something(paras[index].text) and _is_followed_by_answer(paras, index)


def _is_followed_by_answer(paras: Sequence[Para], index: int) -> bool:
    return index + 1 < len(paras) and not paras[index + 1].strong


def _has_same_style(first: Para, second: Para) -> bool:
    return (first.kind, first.slanted, first.strong) == (second.kind, second.slanted, second.strong)


def _extend_question(
    paras: Sequence[Para], after: int, texts: list[str], start: Start, lexicon: Lexicon
) -> tuple[list[str], int]:
    """Extend a question up to a label, lead-in or signature that shows its end. Without one, leave it as it is."""
    for number in range(after, min(after + MOST_PARAGRAPHS, len(paras))):
        one = paras[number]
        if start.style == "letter" and is_letter_signature(paras, number, lexicon):
            return [*texts, *(other.text for other in paras[after:number])], number
        if one.kind in ("heading", "rule") or lexicon.question.match(one.text[:200]):
            break
        if (
            lexicon.answer.match(one.text[:200])
            or parse_lead_in(one.text, lexicon)
            or parse_name_line(one.text, lexicon)
        ):
            return [*texts, *(other.text for other in paras[after:number])], number
        if signature(one.text) and not asks_something(one.text):
            return [*texts, *(other.text for other in paras[after:number])], number
        if start.style == "letter" and TRAILING.search(one.text):
            return [*texts, *(other.text for other in paras[after : number + 1])], number + 1
    return texts, after


def extract_askers(
    paras: Sequence[Para], texts: list[str], after: int, start: Start, lexicon: Lexicon
) -> tuple[list[str], list[str], int]:
    """Extract the askers named below a question, at its end or in brackets; return them, the rest of the question, and
    the index after it."""
    who: list[str] = []
    texts = list(texts)
    if len(texts) > 1 and (named := signature(texts[-1])) and not asks_something(texts[-1]):
        who.append(named)
        texts.pop()
    elif texts and (trailing := TRAILING.search(texts[-1])):
        name = trailing[1].strip()
        who.append(name if name[-2:-1].isupper() else name.rstrip("."))
        texts[-1] = texts[-1][: trailing.start()]
    elif texts and (inside := BRACKETED.search(texts[-1])) and asks_something(texts[-1][: inside.start()]):
        name = inside[1].strip()
        said = parse_asker(name, lexicon)
        name = said.who if said and said.who else name
        if name[:1].upper() == name[:1]:
            who.append(name)
            texts[-1] = texts[-1][: inside.start()].rstrip()
    if not who and start.style == "letter" and after < len(paras) and is_letter_signature(paras, after, lexicon):
        return [signature(paras[after].text) or paras[after].text], texts, after + 1
    if not who and not start.who and after + 1 < len(paras) and paras[after].kind in ("text", "quote", "item"):
        text, one = paras[after].text, paras[after]
        if (named := signature(text)) and not asks_something(text):
            who.append(named)
            after += 1
        elif not start.announced and (found := parse_asker(text, lexicon)) and not found.rest:
            who += [found.who] if found.who else []
            after += 1
        elif (quoted_credit(one) or asks_something(texts[-1] if texts else "")) and (
            named := bare_credit(text, one.slanted or lexicon.has_readers.match(text) is not None)
        ):
            who += [named] if not lexicon.readers.match(named) else []
            after += 1
    return who, texts, after
