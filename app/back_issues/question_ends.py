"""The end of a question, and whom it names as its asker."""

from collections.abc import Sequence

from .edition_outline import asks as asks_something
from .issue_paragraph import Para
from .issue_words import Words
from .lead_ins import asked, lead_in
from .printed_names import bare_credit, name_line, signature
from .question_looks import BRACKETED, MOST_PARAGRAPHS, TRAILING, Start, quoted_credit, signs_letter, text_at
from .unquoting import quoted_until


def question_from(paras: Sequence[Para], at: int, start: Start, words: Words) -> tuple[list[str], int]:
    """Return the paragraphs of a question and the place after them."""
    texts, after = ([start.rest.strip()] if start.rest.strip() else []), at + 1
    if start.style in ("strong", "quote", "slanted"):
        para = paras[at]
        while after < len(paras) and len(texts) < MOST_PARAGRAPHS and _alike(para, paras[after]):
            if start.style != "quote" and _is_next(texts[-1], paras, after):
                break
            texts.append(paras[after].text)
            after += 1
        return texts, after
    if start.style in ("heading", "strong head", "numbered"):
        return texts, after
    following = [one.text for one in paras[after : after + MOST_PARAGRAPHS]]
    if count := quoted_until([*texts, *following]):
        more = count - len(texts)
        return [*texts, *following[:more]], after + more
    if not texts:
        texts, after = [text_at(paras, after)], after + 1
        if paras[after - 1].kind in ("quote",) or paras[after - 1].slanted or paras[after - 1].strong:
            first = paras[after - 1]
            while after < len(paras) and len(texts) < MOST_PARAGRAPHS and _alike(first, paras[after]):
                texts.append(paras[after].text)
                after += 1
            return texts, after
    return _until_answered(paras, after, texts, start, words)


def _is_next(before: str, paras: Sequence[Para], at: int) -> bool:
    """Return whether a paragraph that looks like the question before it is another one."""
    return asks_something(before) and asks_something(paras[at].text) and _answered(paras, at)


def _answered(paras: Sequence[Para], at: int) -> bool:
    return at + 1 < len(paras) and not paras[at + 1].strong


def _alike(one: Para, other: Para) -> bool:
    return (one.kind, one.slanted, one.strong) == (other.kind, other.slanted, other.strong)


def _until_answered(
    paras: Sequence[Para], after: int, texts: list[str], start: Start, words: Words
) -> tuple[list[str], int]:
    """Go on to where a label, a lead-in or a signature says that the question is over; else it is one paragraph."""
    for number in range(after, min(after + MOST_PARAGRAPHS, len(paras))):
        one = paras[number]
        if start.style == "letter" and signs_letter(paras, number, words):
            return [*texts, *(other.text for other in paras[after:number])], number
        if one.kind in ("heading", "rule") or words.question.match(one.text[:200]):
            break
        if words.answer.match(one.text[:200]) or lead_in(one.text, words) or name_line(one.text, words):
            return [*texts, *(other.text for other in paras[after:number])], number
        if signature(one.text) and not asks_something(one.text):
            return [*texts, *(other.text for other in paras[after:number])], number
        if start.style == "letter" and TRAILING.search(one.text):
            return [*texts, *(other.text for other in paras[after : number + 1])], number + 1
    return texts, after


def credit_in(
    paras: Sequence[Para], texts: list[str], after: int, start: Start, words: Words
) -> tuple[list[str], list[str], int]:
    """Take the askers out of a question: below it, at its end, in brackets; returns them, the question, the place."""
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
        said = asked(name, words)
        name = said.who if said and said.who else name
        if name[:1].upper() == name[:1]:
            who.append(name)
            texts[-1] = texts[-1][: inside.start()].rstrip()
    if not who and start.style == "letter" and after < len(paras) and signs_letter(paras, after, words):
        return [signature(paras[after].text) or paras[after].text], texts, after + 1
    if not who and not start.who and after + 1 < len(paras) and paras[after].kind in ("text", "quote", "item"):
        text, one = paras[after].text, paras[after]
        if (named := signature(text)) and not asks_something(text):
            who.append(named)
            after += 1
        elif not start.announced and (found := asked(text, words)) and not found.rest:
            who += [found.who] if found.who else []
            after += 1
        elif (quoted_credit(one) or asks_something(texts[-1] if texts else "")) and (
            named := bare_credit(text, one.slanted or words.has_readers.match(text) is not None)
        ):
            who += [named] if not words.readers.match(named) else []
            after += 1
    return who, texts, after
