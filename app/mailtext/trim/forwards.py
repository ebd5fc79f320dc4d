"""Forwarded mails: the author of the original, its text, and the comment of the person who forwarded it.

The original is either an attached message or follows a separator or a block of copied headers. Uncertainties become
doubts, so that no text is attributed to the wrong person.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from ..incoming import Forward, Mail, Mailbox, TrimContext
from ..parsing.mailboxes import parse_mailboxes
from . import trim
from .grammar import Opening, find_headers, find_openings
from .html_lines import split_html
from .lines import Line, LineMark, has_words, parse_line, split_text, strip_quote_sign
from .signatures import find_body_lines
from .vocabulary import vocabulary

FORWARD_KINDS = ("forward", "headers", "original")  # of openings
# The codes of `Forward.doubts`.
NO_FORWARD = "no forward"
NO_AUTHOR = "no author"
SEVERAL_FORWARDS = "two forwards"
OWN_WORDS_MIXED = "own words mixed"
MAX_AUTHOR_LINES = 3  # lines below a separator in which Yandex may name the author, instead of in headers

_MAILTO_LINK = re.compile(r"[<\[]mailto:([^<>\[\]]{1,400})[>\]]", re.IGNORECASE)
_QUOTE_SIGNS = re.compile(r"^[\s>＞|]+")
# A mailbox at the end of a line: "Timur <timur@post.example>", with the name as one word or in quotes.
_LAST_MAILBOX = re.compile(
    r"""
    (?: "[^"]*" | [^\s,"]* ) \s*
    <? [^\s<>@,;]+ @ [^\s<>@,;]+ >? $
    """,
    re.VERBOSE,
)


def parse_forward(mail: Mail, attached: Sequence[Mail], context: TrimContext) -> Forward:
    """Extract the forwarded mail from `mail`, whose attached messages are `attached`."""
    lines, _unread = split_text(mail.body)
    opening = _find_opening(lines)
    if len(attached) > 1 or (attached and opening):
        return Forward(doubts=(SEVERAL_FORWARDS,))
    if attached:
        return _parse_attached(mail, attached[0], context)
    if opening is None:
        return Forward(doubts=(NO_FORWARD,))
    return _parse_inline(mail, lines, opening, context)


def _parse_attached(mail: Mail, inner: Mail, context: TrimContext) -> Forward:
    doubts = [SEVERAL_FORWARDS] if _has_nested_forward(split_text(inner.body)[0], context) else []
    author = inner.senders[0] if len(inner.senders) == 1 and "@" in inner.senders[0].address else None
    trimmed = trim(inner, context)
    return Forward(
        author=author,
        text=trimmed.text,
        rest=trimmed.rest,
        comment=_trim_comment(mail.body),
        language=inner.language,
        doubts=_list_doubts(author, doubts),
    )


def _parse_inline(mail: Mail, lines: list[Line], opening: Opening, context: TrimContext) -> Forward:
    above = lines[: opening.start]
    below = lines[opening.start :]
    is_quoted = _is_quoted_by_program(lines, opening)
    if is_quoted:
        forwarded = [parse_line(strip_quote_sign(line.text)) if line.quoted else line for line in below]
        opening = _find_opening(forwarded) or opening
    else:
        forwarded = below
        opening = replace(opening, start=0, end=opening.end - len(above))
    head = forwarded[opening.start : opening.end]
    author = _parse_author(head)
    body_start = opening.end
    if author is None and opening.kind == "forward" and "sender" not in find_headers(head):
        author, author_end = _find_author_below(forwarded[opening.end :])
        body_start += author_end
    body = forwarded[body_start:]
    unquoted_texts: list[str] = []  # between and below the quoted lines
    if is_quoted:
        body = [line for line, original in zip(body, below[body_start:], strict=True) if original.quoted]
        unquoted_texts = [line.text for line in below[opening.end :] if not line.quoted]
    doubts: list[str] = []
    if _has_two_senders([*above, *head]) or _has_nested_forward(body, context):
        doubts.append(SEVERAL_FORWARDS)
    if _has_own_words(unquoted_texts) or _has_own_words(_list_texts_outside_container(mail.html)):
        doubts.append(OWN_WORDS_MIXED)
    while body and (body[-1].blank or _is_closing_line(body[-1])):
        body.pop()
    trimmed = trim(_build_plain_mail("\n".join(line.text for line in body)), context)
    return Forward(
        author=author,
        text=trimmed.text,
        rest=trimmed.rest,
        comment=_trim_comment("\n".join(line.text for line in above)),
        doubts=_list_doubts(author, doubts),
    )


def _is_quoted_by_program(lines: list[Line], opening: Opening) -> bool:
    """Return whether the forwarded mail has quote marks, as Apple Mail adds them."""
    if any(line.quoted for line in lines[opening.start : opening.end]):
        return True
    next_line = next((line for line in lines[opening.start + 1 :] if line.core), None)
    return next_line is not None and next_line.quoted


def _has_two_senders(lines: list[Line]) -> bool:
    """Return whether a label for the sender occurs twice, because one forwarded mail is directly above another."""
    labels = [line.label for line in lines if "sender" in vocabulary().kinds_by_label.get(line.label, ())]
    return len(labels) != len({*labels})


def _is_closing_line(line: Line) -> bool:
    """Return whether this is a closing line such as "-------- End of forwarded message --------"."""
    return line.core.startswith("----") and line.core.endswith("----")


def _list_doubts(author: Mailbox | None, doubts: list[str]) -> tuple[str, ...]:
    return tuple(doubts) if author else (NO_AUTHOR, *doubts)


def _build_plain_mail(text: str) -> Mail:
    return Mail(plain=text, body=text)


def _trim_comment(text: str) -> str:
    return trim(_build_plain_mail(text)).text if has_words(text) else ""


def _find_opening(lines: list[Line]) -> Opening | None:
    return next((opening for opening in find_openings(lines) if opening.kind in FORWARD_KINDS), None)


def _has_nested_forward(lines: list[Line], context: TrimContext) -> bool:
    """Return whether a forwarded mail contains another forwarded mail.

    Copied headers above a quote of our own mail don't count, because the reader's program added them in a reply.
    """
    for opening in find_openings(lines):
        if opening.kind == "forward":
            return True
        if opening.kind in FORWARD_KINDS:
            author = _parse_author(lines[opening.start : opening.end])
            if author is None or author.address.casefold() not in context.addresses:
                return True
    return False


def _parse_author(head: Sequence[Line]) -> Mailbox | None:
    """Return the mailbox in the copied "From" header, if it has exactly one address."""
    index = find_headers(head).get("sender")
    if index is None:
        return None
    value = _QUOTE_SIGNS.sub("", head[index].text).partition(":")[2]
    if "@" not in value and index + 1 < len(head) and not head[index + 1].label:  # the address is on the next line
        value += " " + _QUOTE_SIGNS.sub("", head[index + 1].text)
    return _parse_single_mailbox(value)


def _find_author_below(lines: Sequence[Line]) -> tuple[Mailbox | None, int]:
    """Return the author in a line such as "12.10.2026, 10:00, Timur <timur@post.example>:", and the next line's index.

    Returns None and 0 without such a line.
    """
    index = next((number for number, line in enumerate(lines[:MAX_AUTHOR_LINES]) if "@" in line.core), None)
    if index is None or not lines[index].core.endswith(":"):
        return None, 0
    text = _QUOTE_SIGNS.sub("", lines[index].text).rstrip(": ")
    match = _LAST_MAILBOX.search(text)
    return (_parse_single_mailbox(match[0]) if match else None), index + 1


def _parse_single_mailbox(value: str) -> Mailbox | None:
    """Return the mailbox in a text; None if there is none, or several addresses."""
    text = _MAILTO_LINK.sub("", value)
    if "@" not in text:  # only the link has the address
        text = _MAILTO_LINK.sub(r"<\1>", value)
    parsed = [mailbox for mailbox in parse_mailboxes(text.strip("* \t\u00a0"), set()) if "@" in mailbox.address]
    if len({mailbox.address.casefold() for mailbox in parsed}) != 1:
        return None
    return Mailbox(parsed[0].name.strip("* "), parsed[0].address)


def _list_texts_outside_container(html: str | None) -> list[str]:
    """Return the lines of the HTML that are below a forwarded mail, but outside of its container."""
    if not html:
        return []
    lines, _ = split_html(html)
    opening = _find_opening([parse_line(line.text) for line in lines])
    if opening is None or all(line.mark is LineMark.WRITTEN for line in lines[opening.start : opening.end]):
        return []
    return [line.text for line in lines[opening.end :] if line.mark is LineMark.WRITTEN]


def _has_own_words(texts: list[str]) -> bool:
    """Return whether these lines contain more than a signature."""
    return any(has_words(texts[index]) for index in find_body_lines(texts))
