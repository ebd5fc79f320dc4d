"""Trimming: what a person wrote, without the quotes, signature and footers that programs added.

First comes the HTML structure, then what we know (our addresses, the mail that is answered), then the grammar of
attributions and copied headers in each language, then signatures and footers. Takes linear time; never returns an empty
text for a mail with words.
"""

import re
from collections.abc import Callable, Sequence

from ..incoming import Mail, TrimContext, Trimmed
from .cutting import find_own_lines
from .grammar import find_openings
from .html_lines import split_html
from .lines import Line, LineMark, find_runs, has_words, make_cached_parser, parse_line, split_text, strip_quote_sign
from .quoted_originals import split_tokens
from .signatures import find_banner_end, find_body_lines

__all__ = ["trim"]

MOST_CHARACTERS = 1_000_000  # of a body that are trimmed; more than a megabyte is no letter
# Outlook writes both the text and the target of a link: "www.a.example<http://www.a.example/>".
LINK_TARGET = re.compile(r" ?<(?:mailto:)?([^\s<>]{4,2000})>")
# The share of words in the HTML that must also be in the plain text for the two to be the same letter.
SAME_LETTER = 0.8
MOST_ANSWERS = 400  # runs of own lines that are searched for a signature; a letter has a handful


def trim(mail: Mail, context: TrimContext = TrimContext()) -> Trimmed:  # noqa: B008 - frozen
    """Separate what the person wrote from what was cut, in the plain text or the HTML, whichever tells more."""
    from_plain = _trim_plain(mail.plain, context) if mail.plain and has_words(mail.plain) else None
    from_html = _trim_html(mail, from_plain, context)
    return from_html or from_plain or _trim_plain(mail.body, context)


def _trim_html(mail: Mail, from_plain: Trimmed | None, context: TrimContext) -> Trimmed | None:
    """Trim the HTML; return None if it has no words, or if it tells no more than the plain text.

    The HTML tells more if a mail program has marked the quote or the signature in it, and both have the same words.
    """
    if not mail.html or len(mail.html) > 2 * MOST_CHARACTERS:
        return None
    lines, has_container = split_html(mail.html)
    if from_plain is not None:
        html_text = "\n".join(line.text for line in lines)
        if not has_container or not _has_same_words(html_text, mail.plain or ""):
            return None
    from_html = _cut(lines, context)
    if not has_words(from_html.text):
        return None
    if from_plain is None:
        return from_html
    if split_tokens(from_html.text) == split_tokens(from_plain.text) or not _has_same_words(
        from_html.text, mail.plain or ""
    ):
        return None
    return from_html


def _trim_plain(text: str, context: TrimContext) -> Trimmed:
    lines, unread = split_text(text[:MOST_CHARACTERS])
    trimmed = _cut(lines, context)
    unread += text[MOST_CHARACTERS:]
    if not unread:
        return trimmed
    if not trimmed.rest:
        return Trimmed(f"{trimmed.text}\n{unread}".strip())
    return Trimmed(trimmed.text, f"{trimmed.rest}\n{unread}")


def _cut(lines: list[Line], context: TrimContext) -> Trimmed:
    """Cut the lines by the first of the `STRATEGIES` that leaves any words; keep everything if none does."""
    own_flags = find_own_lines(lines, context)
    if any(has_words(line.text) for line in lines):
        for strategy in STRATEGIES:
            result_lines, kept_flags = strategy(lines, own_flags, context)
            text = _join_kept_lines(result_lines, kept_flags)
            if has_words(text):
                return Trimmed(text, _join_kept_lines(lines, [not is_kept for is_kept in kept_flags]))
    return Trimmed("\n".join(line.text for line in lines).strip())


Cut = tuple[list[Line], list[bool]]  # the lines, possibly read differently, and for each whether it is kept


def _cut_signature(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Keep the person's own lines without signatures, footers and banners."""
    kept_flags = list(own_flags)
    for number, (start, end) in enumerate(find_runs(own_flags)[:MOST_ANSWERS]):
        texts = [line.text for line in lines[start:end]]
        banner_end = find_banner_end(texts) if number == 0 else 0
        body_lines = find_body_lines(texts[banner_end:])
        for index in range(start, end):
            kept_flags[index] = index - start - banner_end in body_lines
    return lines, kept_flags


def _keep_forwarded_mail(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Keep the forwarded mail, for mails that have at most a phone's footer above it."""
    unquoted = _strip_quote_signs(lines)
    opening = next((opening for opening in find_openings(unquoted) if opening.kind == "forward"), None)
    if opening is None:
        return unquoted, [False] * len(lines)
    below = unquoted[opening.end :]
    _, kept_flags = _cut_signature(below, find_own_lines(below, context), context)
    return unquoted, [False] * opening.end + kept_flags


def _keep_signature(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Keep all of the person's own lines, for mails in which everything looks like a signature."""
    return lines, own_flags


def _ignore_containers(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Ignore the HTML containers: if they contain everything, somebody typed into the quote or the signature."""
    if all(line.mark is LineMark.WRITTEN for line in lines):
        return lines, own_flags
    unmarked = [parse_line(line.text) for line in lines]
    return _cut_signature(unmarked, find_own_lines(unmarked, context), context)


def _keep_quote(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Cut:
    """Keep what is below the headings of a quote, without quote signs, for mails that are quoted completely."""
    unquoted = _strip_quote_signs(lines)
    if not find_openings(unquoted):
        return unquoted, [False] * len(lines)
    return unquoted, find_own_lines(unquoted, TrimContext(context.addresses))


def _strip_quote_signs(lines: list[Line]) -> list[Line]:
    """Return the lines as plain text, without their first quote sign."""
    parse_cached = make_cached_parser()
    return [parse_cached(strip_quote_sign(line.text) if line.quoted else line.text, LineMark.WRITTEN) for line in lines]


# Each takes the lines, flags for those outside of quotes, and the context, and returns lines and flags to keep.
STRATEGIES: tuple[Callable[[list[Line], list[bool], TrimContext], Cut], ...] = (
    _cut_signature,
    _keep_forwarded_mail,
    _keep_signature,
    _ignore_containers,
    _keep_quote,
)


def _join_kept_lines(lines: list[Line], kept_flags: Sequence[bool]) -> str:
    """Join the kept lines, with one blank line in place of what was cut between them."""
    parts: list[str] = []
    has_gap = False
    for line, is_kept in zip(lines, kept_flags, strict=True):
        if not is_kept:
            has_gap = True
            continue
        if has_gap and parts and parts[-1] and not line.blank:
            parts.append("")
        has_gap = False
        parts.append(line.text.rstrip())
    return _remove_repeated_links("\n".join(parts).strip("\n").rstrip())


def _remove_repeated_links(text: str) -> str:
    """Remove the target after a link whose text is the same address."""

    def replace_target(match: re.Match[str]) -> str:
        address = match[1].removesuffix("/")
        without_scheme = address.partition("://")[2] or address
        is_repeated = text.endswith((match[1], address, without_scheme), 0, match.start())
        return "" if "." in address and is_repeated else match[0]

    return LINK_TARGET.sub(replace_target, text)


def _has_same_words(text: str, plain_text: str) -> bool:
    """Return whether enough words of the HTML's text are also in the plain text (see `SAME_LETTER`)."""
    words = split_tokens(text)
    plain_words = set(split_tokens(plain_text))
    shared_count = sum(word in plain_words for word in words)
    return shared_count >= SAME_LETTER * len(words)
