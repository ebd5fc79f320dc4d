"""Trimming: what a person wrote, without the quotes, signature and footers that programs added.

Quotes are recognized by the HTML structure, by what we know (our addresses, the mail that is answered), and by the
grammar of attributions and copied headers in each language. Then signatures and footers are cut. Takes linear time;
never returns an empty text for a mail with words.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..incoming import Mail, TrimContext, Trimmed
from .cutting import find_own_lines
from .grammar import find_openings
from .html_lines import split_html
from .lines import Line, LineMark, find_runs, has_words, make_cached_parser, parse_line, split_text, strip_quote_sign
from .quoted_originals import split_tokens
from .signatures import find_banner_end, find_body_lines

__all__ = ["trim"]

MAX_LENGTH = 1_000_000  # characters of a body that are trimmed; a letter is shorter
MAX_ANSWERS = 400  # runs of own lines that are searched for a signature; a letter has a handful
# The share of words in the HTML that must also be in the plain text for the two to be the same letter.
MIN_SHARED_WORDS = 0.8
# Outlook writes both the text and the target of a link: "www.a.example<http://www.a.example/>".
LINK_TARGET = re.compile(r" ?<(?:mailto:)?([^\s<>]{4,2000})>")


def trim(mail: Mail, context: TrimContext = TrimContext()) -> Trimmed:  # noqa: B008 - frozen
    """Separate the text that the person wrote from the rest.

    Uses the HTML if the plain text has no words, or if the HTML tells more (see `_trim_html`).
    """
    from_plain = _trim_plain(mail.plain, context) if mail.plain and has_words(mail.plain) else None
    from_html = _trim_html(mail, from_plain, context)
    return from_html or from_plain or _trim_plain(mail.body, context)


def _trim_html(mail: Mail, from_plain: Trimmed | None, context: TrimContext) -> Trimmed | None:
    """Trim the HTML; return None if it is too long, has no words, or tells no more than the plain text.

    The HTML tells more if a mail program has marked a quote or signature in it, and if another text therefore remains.
    The words of that text must also be in the plain text, nearly all of them.
    """
    if not mail.html or len(mail.html) > 2 * MAX_LENGTH:
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
    lines, unread = split_text(text[:MAX_LENGTH])
    trimmed = _cut(lines, context)
    unread += text[MAX_LENGTH:]
    if not unread:
        return trimmed
    if not trimmed.rest:
        return Trimmed(f"{trimmed.text}\n{unread}".strip())
    return Trimmed(trimmed.text, f"{trimmed.rest}\n{unread}")


def _cut(lines: list[Line], context: TrimContext) -> Trimmed:
    """Cut the lines with the first of the `STRATEGIES` that leaves any words; keep everything if none of them does."""
    own_flags = find_own_lines(lines, context)
    if any(has_words(line.text) for line in lines):
        for strategy in STRATEGIES:
            selection = strategy(lines, own_flags, context)
            text = _join_kept_lines(selection.lines, selection.kept_flags)
            if has_words(text):
                cut_flags = [not is_kept for is_kept in selection.kept_flags]
                return Trimmed(text, _join_kept_lines(lines, cut_flags))
    return Trimmed("\n".join(line.text for line in lines).strip())


class Selection(NamedTuple):
    """The result of a strategy: the lines, possibly without quote signs or marks, and whether each of them stays."""

    lines: list[Line]
    kept_flags: list[bool]


def _cut_signature(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Selection:
    """Keep the person's own lines without signatures, footers and banners."""
    kept_flags = list(own_flags)
    for run_number, (start, end) in enumerate(find_runs(own_flags)[:MAX_ANSWERS]):
        texts = [line.text for line in lines[start:end]]
        banner_end = find_banner_end(texts) if run_number == 0 else 0
        body_lines = find_body_lines(texts[banner_end:])
        first = start + banner_end  # the line with the index 0 in `body_lines`
        for index in range(start, end):
            kept_flags[index] = index - first in body_lines
    return Selection(lines, kept_flags)


def _keep_forwarded_mail(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Selection:
    """Keep the forwarded mail, for mails with nothing above it but perhaps a phone's footer."""
    unquoted = _strip_quote_signs(lines)
    opening = next((opening for opening in find_openings(unquoted) if opening.kind == "forward"), None)
    if opening is None:
        return Selection(unquoted, [False] * len(lines))
    below = unquoted[opening.end :]
    selection = _cut_signature(below, find_own_lines(below, context), context)
    return Selection(unquoted, [False] * opening.end + selection.kept_flags)


def _keep_signature(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Selection:
    """Keep all of the person's own lines, for mails in which these look like a signature."""
    return Selection(lines, own_flags)


def _ignore_containers(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Selection:
    """Ignore the HTML containers: if they contain everything, somebody typed into the quote or the signature."""
    if all(line.mark is LineMark.WRITTEN for line in lines):
        return Selection(lines, own_flags)
    unmarked = [parse_line(line.text) for line in lines]
    return _cut_signature(unmarked, find_own_lines(unmarked, context), context)


def _keep_quote(lines: list[Line], own_flags: list[bool], context: TrimContext) -> Selection:
    """Keep the text below the openings of quotes, without quote signs, for mails that are nothing but quotes."""
    unquoted = _strip_quote_signs(lines)
    if not find_openings(unquoted):
        return Selection(unquoted, [False] * len(lines))
    return Selection(unquoted, find_own_lines(unquoted, TrimContext(context.addresses)))


def _strip_quote_signs(lines: list[Line]) -> list[Line]:
    """Return the lines as plain text, without their first quote sign."""
    parse_cached = make_cached_parser()
    return [parse_cached(strip_quote_sign(line.text) if line.quoted else line.text, LineMark.WRITTEN) for line in lines]


# The arguments of each: the lines, for each line whether it is the person's own, and the context.
STRATEGIES: tuple[Callable[[list[Line], list[bool], TrimContext], Selection], ...] = (
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
    """Remove the target after a link if its text is the same address."""

    def replace_target(match: re.Match[str]) -> str:
        address = match[1].removesuffix("/")
        without_scheme = address.partition("://")[2] or address
        is_repeated = text.endswith((match[1], address, without_scheme), 0, match.start())
        return "" if "." in address and is_repeated else match[0]

    return LINK_TARGET.sub(replace_target, text)


def _has_same_words(text: str, plain_text: str) -> bool:
    """Return whether enough words of the HTML's text are also in the plain text."""
    words = split_tokens(text)
    plain_words = set(split_tokens(plain_text))
    shared_count = sum(word in plain_words for word in words)
    return shared_count >= MIN_SHARED_WORDS * len(words)
