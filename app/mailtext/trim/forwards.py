"""Forwarded mails: the author of the original, its text, and the comment of the person who forwarded it.

The original is either an attached message or follows a separator or a block of copied headers. Uncertainties become
doubts, so that no text is attributed to the wrong person.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from ..incoming import Forward, Mail, Mailbox, TrimContext
from ..parsing.mailboxes import mailboxes
from . import trim
from .grammar import Opening, find_headings, openings
from .html_lines import of_html
from .lines import Line, Mark, has_words, of_text, read, strip_quote_sign
from .signatures import find_body_lines
from .vocabulary import vocabulary

KINDS = ("forward", "headers", "original")
NONE, NO_AUTHOR, TWO, MIXED = "no forward", "no author", "two forwards", "own words mixed"
BELOW = 3  # lines below a separator that may name the author in place of headers (Yandex)

_LINKED = re.compile(r"[<\[]mailto:([^<>\[\]]{1,400})[>\]]", re.IGNORECASE)
_QUOTES = re.compile(r"^[\s>＞|]+")


def parse_forward(mail: Mail, attached: Sequence[Mail], context: TrimContext) -> Forward:
    """Extract the forwarded mail from `mail`, whose attached messages are `attached`."""
    lines, _rest = of_text(mail.body)
    begun = _first(lines)
    if len(attached) > 1 or (attached and begun):
        return Forward(doubts=(TWO,))
    if attached:
        return _parse_attached(mail, attached[0], context)
    return _parse_inline(mail, lines, begun, context) if begun else Forward(doubts=(NONE,))


def _parse_attached(mail: Mail, inner: Mail, context: TrimContext) -> Forward:
    doubts = [TWO] if _has_nested_forward(of_text(inner.body)[0], context) else []
    author = inner.senders[0] if len(inner.senders) == 1 and "@" in inner.senders[0].address else None
    found = trim(inner, context)
    return Forward(author, found.text, found.rest, _comment(mail.body), inner.language, _doubts(author, doubts))


def _parse_inline(mail: Mail, lines: list[Line], begun: Opening, context: TrimContext) -> Forward:
    over, quoted = lines[: begun.start], _is_quoted_by_program(lines, begun)
    inside = lines[begun.start :]
    if quoted:
        inside = [read(strip_quote_sign(line.text)) if line.quoted else line for line in inside]
        begun = _first(inside) or begun
        loose = [line.text for line in lines[len(over) + begun.end :] if not line.quoted]
    else:
        begun, loose = replace(begun, start=0, end=begun.end - len(over)), []
    head, below = inside[begun.start : begun.end], inside[begun.end :]
    author, used = _author(head), 0
    if author is None and begun.kind == "forward" and "sender" not in find_headings(head):
        author, used = _find_author_below(below)
    at = len(over) + begun.end
    inner = [line for place, line in enumerate(below) if place >= used and (not quoted or lines[at + place].quoted)]
    doubts = [TWO] if _names_twice([*over, *head]) or _has_nested_forward(inner, context) else []
    if _says(loose) or _says(_loose_on_page(mail.html)):
        doubts.append(MIXED)
    while inner and (inner[-1].blank or _closes(inner[-1])):
        inner.pop()
    found = trim(_build_plain_mail("\n".join(line.text for line in inner)), context)
    comment = _comment("\n".join(line.text for line in over))
    return Forward(author, found.text, found.rest, comment, "", _doubts(author, doubts))


def _is_quoted_by_program(lines: list[Line], begun: Opening) -> bool:
    """Return whether the forwarded mail has quote marks, as Apple Mail adds them."""
    follows = next((line for line in lines[begun.start + 1 :] if line.core), None)
    return any(line.quoted for line in lines[begun.start : begun.end]) or (follows is not None and follows.quoted)


def _names_twice(lines: list[Line]) -> bool:
    """Return whether there are two "From" headers, from one forwarded mail directly above another."""
    labels = [line.label for line in lines if "sender" in vocabulary().labels.get(line.label, ())]
    return len(labels) != len({*labels})


def _closes(line: Line) -> bool:
    """Return whether this is a closing line such as "-------- End of forwarded message --------"."""
    return line.core.startswith("----") and line.core.endswith("----")


def _doubts(author: Mailbox | None, doubts: list[str]) -> tuple[str, ...]:
    return (*([] if author else [NO_AUTHOR]), *doubts)


def _build_plain_mail(text: str) -> Mail:
    return Mail(plain=text, body=text)


def _comment(text: str) -> str:
    return trim(_build_plain_mail(text)).text if has_words(text) else ""


def _first(lines: list[Line]) -> Opening | None:
    return next((one for one in openings(lines) if one.kind in KINDS), None)


def _has_nested_forward(lines: list[Line], context: TrimContext) -> bool:
    """Return whether a forwarded mail contains another forwarded mail.

    Copied headers above a quote of our own mail don't count, because the reader's program added them in a reply.
    """
    for one in openings(lines):
        if one.kind == "forward":
            return True
        if one.kind in KINDS:
            author = _author(lines[one.start : one.end])
            if author is None or author.address.casefold() not in context.addresses:
                return True
    return False


def _author(head: Sequence[Line]) -> Mailbox | None:
    """Return the mailbox in the copied "From" header, if it has exactly one address."""
    place = find_headings(head).get("sender")
    if place is None:
        return None
    value = _QUOTES.sub("", head[place].text).partition(":")[2]
    if "@" not in value and place + 1 < len(head) and not head[place + 1].label:
        value += " " + _QUOTES.sub("", head[place + 1].text)
    return _parse_single_mailbox(value)


def _find_author_below(lines: Sequence[Line]) -> tuple[Mailbox | None, int]:
    """Return the author in a line such as "12.10.2026, 10:00, Timur <timur@post.example>:", and the end of the line."""
    place = next((place for place, line in enumerate(lines[:BELOW]) if "@" in line.core), None)
    if place is None or not lines[place].core.endswith(":"):
        return None, 0
    named = _QUOTES.sub("", lines[place].text).rstrip(": ")
    found = re.search(r'("[^"]*"|[^\s,"]*)\s*<?[^\s<>@,;]+@[^\s<>@,;]+>?$', named)
    return (_parse_single_mailbox(found[0]) if found else None), place + 1


def _parse_single_mailbox(value: str) -> Mailbox | None:
    bare = _LINKED.sub("", value)
    if "@" not in bare:
        bare = _LINKED.sub(r"<\1>", value)
    boxes = [box for box in mailboxes(bare.strip("* \t\u00a0"), set()) if "@" in box.address]
    if len({box.address.casefold() for box in boxes}) != 1:
        return None
    return Mailbox(boxes[0].name.strip("* "), boxes[0].address)


def _loose_on_page(html: str | None) -> list[str]:
    """Return the lines of the HTML that are below a forwarded mail, but outside of its container."""
    lines = of_html(html)[0] if html else []
    begun = _first([read(line.text) for line in lines])
    if begun is None or all(line.mark is Mark.WRITTEN for line in lines[begun.start : begun.end]):
        return []
    return [line.text for line in lines[begun.end :] if line.mark is Mark.WRITTEN]


def _says(texts: list[str]) -> bool:
    """Return whether these lines contain more than a signature."""
    stay = find_body_lines(texts)
    return any(has_words(text) for place, text in enumerate(texts) if place in stay)
