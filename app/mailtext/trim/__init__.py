"""Trimming: what a person wrote, without the quotes, signature and footers that programs added.

First comes the HTML structure, then what we know (our addresses, the mail that is answered), then the grammar of
attributions and copied headers in each language, then signatures and footers. Takes linear time; never returns an empty
text for a mail with words.
"""

import re
from collections.abc import Callable, Sequence

from ..incoming import Mail, TrimContext, Trimmed
from .cutting import find_own_lines
from .grammar import openings
from .html_lines import of_html
from .lines import Line, Mark, has_words, of_text, read, reader, runs, strip_quote_sign
from .quoted_originals import tokens
from .signatures import below_banner, find_body_lines

__all__ = ["trim"]

MOST_SIGNS = 1_000_000  # characters of a body that are trimmed; more than a megabyte is no letter
# Outlook writes both the text and the target of a link: "www.a.example<http://www.a.example/>".
LEADS = re.compile(r" ?<(?:mailto:)?([^\s<>]{4,2000})>")
# The share of words in the HTML that must also be in the plain text for the two to be the same letter.
SAME_LETTER = 0.8
MOST_ANSWERS = 400  # runs of own lines that are searched for a signature; a letter has a handful


def trim(mail: Mail, context: TrimContext = TrimContext()) -> Trimmed:  # noqa: B008 - frozen
    """Separate what the person wrote from what was cut."""
    plain = _trim_plain(mail.plain, context) if mail.plain and has_words(mail.plain) else None
    if mail.html and len(mail.html) <= 2 * MOST_SIGNS:
        lines, by_program = of_html(mail.html)
        if plain is None or (by_program and _has_same_words("\n".join(line.text for line in lines), mail.plain or "")):
            paged = _cut(lines, context)
            if plain is None:
                return paged if has_words(paged.text) else _trim_plain(mail.body, context)
            if (
                has_words(paged.text)
                and tokens(paged.text) != tokens(plain.text)
                and _has_same_words(paged.text, mail.plain or "")
            ):
                return paged
    return plain or _trim_plain(mail.body, context)


def _trim_plain(text: str, context: TrimContext) -> Trimmed:
    lines, rest = of_text(text[:MOST_SIGNS])
    trimmed = _cut(lines, context)
    rest += text[MOST_SIGNS:]
    if not rest:
        return trimmed
    if not trimmed.rest:
        return Trimmed(f"{trimmed.text}\n{rest}".strip())
    return Trimmed(trimmed.text, f"{trimmed.rest}\n{rest}")


def _cut(lines: list[Line], context: TrimContext) -> Trimmed:
    """Cut the lines in the first of the `WAYS` that leaves any words; keep everything if none does."""
    own = find_own_lines(lines, context)
    for way in WAYS if any(has_words(line.text) for line in lines) else ():
        read_as, mine = way(lines, own, context)
        text = _join_kept_lines(read_as, mine)
        if has_words(text):
            return Trimmed(text, _join_kept_lines(lines, [not one for one in mine]))
    return Trimmed("\n".join(line.text for line in lines).strip())


Cut = tuple[list[Line], list[bool]]


def _cut_signature(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    mine = list(own_flags)
    for number, (start, end) in enumerate(runs(own_flags)[:MOST_ANSWERS]):
        texts = [line.text for line in lines[start:end]]
        first = below_banner(texts) if not number else 0
        stay = find_body_lines(texts[first:])
        for place in range(start, end):
            mine[place] = place - start - first in stay
    return lines, mine


def _forwarded(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Keep the forwarded mail, for mails that have at most a phone's footer above it."""
    inner = _unmarked(lines)
    begun = next((one for one in openings(inner) if one.kind == "forward"), None)
    if begun is None:
        return inner, [False] * len(lines)
    below = inner[begun.end :]
    _, mine = _cut_signature(below, find_own_lines(below, context), context)
    return inner, [False] * begun.end + mine


def _with_signature(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    return lines, own_flags


def _by_words_alone(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Ignore the HTML containers: if they contain everything, somebody typed into the quote or the signature."""
    if all(line.mark is Mark.WRITTEN for line in lines):
        return lines, own_flags
    bare = [read(line.text) for line in lines]
    return _cut_signature(bare, find_own_lines(bare, context), context)


def _inside_quote(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Keep what is below the headings of a quote, without quote signs, for mails that are quoted completely."""
    inner = _unmarked(lines)
    return inner, find_own_lines(inner, TrimContext(context.addresses)) if openings(inner) else [False] * len(lines)


def _unmarked(lines: list[Line]) -> list[Line]:
    once = reader()
    return [once(strip_quote_sign(line.text) if line.quoted else line.text, Mark.WRITTEN) for line in lines]


# Each takes the lines, flags for those outside of quotes, and the context, and returns lines and flags to keep.
WAYS: tuple[Callable[[list[Line], list[bool], TrimContext], Cut], ...] = (
    _cut_signature,
    _forwarded,
    _with_signature,
    _by_words_alone,
    _inside_quote,
)


def _join_kept_lines(lines: list[Line], keep: Sequence[bool]) -> str:
    """Join the kept lines, with one blank line in place of what was cut between them."""
    parts: list[str] = []
    gap = False
    for line, mine in zip(lines, keep, strict=True):
        if not mine:
            gap = True
            continue
        if gap and parts and parts[-1] and not line.blank:
            parts.append("")
        gap = False
        parts.append(line.text.rstrip())
    return _remove_repeated_links("\n".join(parts).strip("\n").rstrip())


def _remove_repeated_links(text: str) -> str:
    """Remove the target after a link whose text is the same address."""

    def repeats(found: re.Match[str]) -> str:
        address = found[1].removesuffix("/")
        ways = (found[1], address, address.partition("://")[2] or address)
        return "" if "." in address and text.endswith(ways, 0, found.start()) else found[0]

    return LEADS.sub(repeats, text)


def _has_same_words(text: str, plain_text: str) -> bool:
    """Return whether enough words of the HTML's text are also in the plain text (see `SAME_LETTER`)."""
    found = tokens(text)
    there = set(tokens(plain_text))
    return not found or sum(word in there for word in found) >= SAME_LETTER * len(found)
