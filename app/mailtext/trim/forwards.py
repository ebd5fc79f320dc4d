"""A mail forwarded inside another: its author, their words, and what whoever forwarded it wrote above.

Either it hangs on the mail as a message, or it stands below a program's separator or block of headings. What can't be
told for sure is a doubt, and nobody's words are taken for somebody else's.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from ..incoming import Forward, Known, Mail, Mailbox
from ..parsing.mailboxes import mailboxes
from . import trim
from .grammar import Opening, headed, openings
from .html_lines import of_html
from .lines import Line, Mark, has_words, of_text, read, unquoted
from .signatures import above
from .vocabulary import vocabulary

KINDS = ("forward", "headers", "original")
NONE, NO_AUTHOR, TWO, MIXED = "no forward", "no author", "two forwards", "own words mixed"
BELOW = 3  # lines under a separator in which a program without headings names the author (Yandex)

_LINKED = re.compile(r"[<\[]mailto:([^<>\[\]]{1,400})[>\]]", re.IGNORECASE)
_QUOTES = re.compile(r"^[\s>＞|]+")


def forwarded(mail: Mail, attached: Sequence[Mail], known: Known) -> Forward:
    """Return what was forwarded in a mail, on which these messages hang."""
    lines, _rest = of_text(mail.body)
    begun = _first(lines)
    if len(attached) > 1 or (attached and begun):
        return Forward(doubts=(TWO,))
    if attached:
        return _hung(mail, attached[0], known)
    return _inline(mail, lines, begun, known) if begun else Forward(doubts=(NONE,))


def _hung(mail: Mail, inner: Mail, known: Known) -> Forward:
    doubts = [TWO] if _is_twice(of_text(inner.body)[0], known) else []
    author = inner.senders[0] if len(inner.senders) == 1 and "@" in inner.senders[0].address else None
    found = trim(inner, known)
    return Forward(author, found.text, found.rest, _comment(mail.body), inner.language, _doubts(author, doubts))


def _inline(mail: Mail, lines: list[Line], begun: Opening, known: Known) -> Forward:
    over, quoted = lines[: begun.start], _is_quoted(lines, begun)
    inside = lines[begun.start :]
    if quoted:
        inside = [read(unquoted(line.text)) if line.quoted else line for line in inside]
        begun = _first(inside) or begun
        loose = [line.text for line in lines[len(over) + begun.end :] if not line.quoted]
    else:
        begun, loose = replace(begun, start=0, end=begun.end - len(over)), []
    head, below = inside[begun.start : begun.end], inside[begun.end :]
    author, used = _author(head), 0
    if author is None and begun.kind == "forward" and "sender" not in headed(head):
        author, used = _named_below(below)
    at = len(over) + begun.end
    inner = [line for place, line in enumerate(below) if place >= used and (not quoted or lines[at + place].quoted)]
    doubts = [TWO] if _names_twice([*over, *head]) or _is_twice(inner, known) else []
    if _says(loose) or _says(_loose_on_page(mail.html)):
        doubts.append(MIXED)
    while inner and (inner[-1].blank or _closes(inner[-1])):
        inner.pop()
    found = trim(_plain("\n".join(line.text for line in inner)), known)
    comment = _comment("\n".join(line.text for line in over))
    return Forward(author, found.text, found.rest, comment, "", _doubts(author, doubts))


def _is_quoted(lines: list[Line], begun: Opening) -> bool:
    """Return whether a program marked what it forwarded as quoted (Apple Mail)."""
    follows = next((line for line in lines[begun.start + 1 :] if line.core), None)
    return any(line.quoted for line in lines[begun.start : begun.end]) or (follows is not None and follows.quoted)


def _names_twice(lines: list[Line]) -> bool:
    """Return whether there are two headings "From" where one should be: one forwarded mail right above another."""
    labels = [line.label for line in lines if "sender" in vocabulary().labels.get(line.label, ())]
    return len(labels) != len({*labels})


def _closes(line: Line) -> bool:
    """Return whether a program ends a forwarded mail with this line: "-------- End of forwarded message --------"."""
    return line.core.startswith("----") and line.core.endswith("----")


def _doubts(author: Mailbox | None, others: list[str]) -> tuple[str, ...]:
    return (*([] if author else [NO_AUTHOR]), *others)


def _plain(text: str) -> Mail:
    return Mail(plain=text, body=text)


def _comment(text: str) -> str:
    return trim(_plain(text)).text if has_words(text) else ""


def _first(lines: list[Line]) -> Opening | None:
    return next((one for one in openings(lines) if one.kind in KINDS), None)


def _is_twice(lines: list[Line], known: Known) -> bool:
    """Return whether a forwarded mail holds another that was forwarded. Headings above a quote of ours are none: a
    reader's program copied them; those of anybody else may be either.
    """
    for one in openings(lines):
        if one.kind == "forward":
            return True
        if one.kind in KINDS:
            author = _author(lines[one.start : one.end])
            if author is None or author.address.casefold() not in known.addresses:
                return True
    return False


def _author(head: Sequence[Line]) -> Mailbox | None:
    """Return whom the heading "From" names, if it is one with an address."""
    place = headed(head).get("sender")
    if place is None:
        return None
    value = _QUOTES.sub("", head[place].text).partition(":")[2]
    if "@" not in value and place + 1 < len(head) and not head[place + 1].label:
        value += " " + _QUOTES.sub("", head[place + 1].text)
    return _one(value)


def _named_below(lines: Sequence[Line]) -> tuple[Mailbox | None, int]:
    """Return the author that a line such as "12.10.2026, 10:00, Timur <timur@post.example>:" names, and its end."""
    place = next((place for place, line in enumerate(lines[:BELOW]) if "@" in line.core), None)
    if place is None or not lines[place].core.endswith(":"):
        return None, 0
    named = _QUOTES.sub("", lines[place].text).rstrip(": ")
    found = re.search(r'("[^"]*"|[^\s,"]*)\s*<?[^\s<>@,;]+@[^\s<>@,;]+>?$', named)
    return (_one(found[0]) if found else None), place + 1


def _one(value: str) -> Mailbox | None:
    bare = _LINKED.sub("", value)
    if "@" not in bare:
        bare = _LINKED.sub(r"<\1>", value)
    boxes = [box for box in mailboxes(bare.strip("* \t\u00a0"), set()) if "@" in box.address]
    if len({box.address.casefold() for box in boxes}) != 1:
        return None
    return Mailbox(boxes[0].name.strip("* "), boxes[0].address)


def _loose_on_page(html: str | None) -> list[str]:
    """Return what a page has below a forwarded mail, outside of the container that its program put that into."""
    lines = of_html(html)[0] if html else []
    begun = _first([read(line.text) for line in lines])
    if begun is None or all(line.mark is Mark.WRITTEN for line in lines[begun.start : begun.end]):
        return []
    return [line.text for line in lines[begun.end :] if line.mark is Mark.WRITTEN]


def _says(texts: list[str]) -> bool:
    """Return whether there is more in these lines than a signature."""
    stay = above(texts)
    return any(has_words(text) for place, text in enumerate(texts) if place in stay)
