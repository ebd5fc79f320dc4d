"""Lenient parser for address lists (RFC 5322, section 3.4), which takes linear time and never raises."""

import re
from dataclasses import dataclass, field

from ..incoming import Mailbox
from .header_words import decode_words

MOST_MAILBOXES = 20_000  # in one header line

# An encoded word is a single token: commas and brackets in it are forbidden (RFC 2047, section 5), but common.
_QUOTED = r'(?P<quoted>"(?:[^"\\]|\\.)*+")|'
_OTHERS = r"""<(?P<angle>[^>]*)(?:>|\Z)
    |(?P<comment>\()
    |(?P<sign>[,;]+|:)
    |(?P<word>=\?[^?\s]{1,60}\?[BbQq]\?[^?]{0,900}\?=)
    |(?P<atom>(?:=\?)?(?:(?!=\?)[^\s",;:<(])+|(?:=\?)+)
    |(?P<space>\s+)
    |(?P<stray>")"""
_TOKEN = re.compile(_QUOTED + _OTHERS, re.VERBOSE | re.DOTALL)
_TOKEN_UNQUOTED = re.compile(_OTHERS, re.VERBOSE | re.DOTALL)
_IN_COMMENT = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ROUTE = re.compile(r"@[^:]*:")


@dataclass
class _Builder:
    """The mailbox being parsed.

    `words` are those of the name, each in pieces; `addresses` those in angle brackets. With `begins_word`, the next
    piece begins a new word.
    """

    words: list[list[str]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    begins_word: bool = True

    def add(self, text: str) -> None:
        if self.begins_word:
            self.words.append([])
        self.words[-1].append(text)
        self.begins_word = False


def parse_mailboxes(line: str, faults: set[str]) -> tuple[Mailbox, ...]:
    """Return every mailbox of the line, including members of groups; a name without an address has the address "".

    Two addresses in angle brackets without a comma between them are two mailboxes: programs differ in which one they
    show, which a forger could exploit.
    """
    found: list[Mailbox] = []
    current = _Builder()
    has_groups = ";" in line
    token = _TOKEN
    at = 0
    while match := token.match(line, at):
        at = match.end()
        kind = match.lastgroup or ""
        text = match[kind]
        if len(found) + len(current.addresses) >= MOST_MAILBOXES:
            break
        if kind == "comment":
            comment, at = _read_comment(line, at)
            current.comments.append(comment)
        elif text == ":" and has_groups and not current.addresses:
            current = _Builder()  # the text so far is the name of a group
        elif kind == "sign" and text != ":":
            if text == "," and current.addresses == [""] and current.words:
                # A name that was split at a comma: '"A" <>, "B" <a@b.example>'.
                current = _Builder(words=[[f"{_join_name(current)},"]])
            else:
                found += _build_mailboxes(current, faults)
                current = _Builder()
        elif kind == "angle":
            current.addresses.append(text)
            current.begins_word = True
        elif kind == "space":
            current.begins_word = True
        elif text == '"':
            # This quote is never closed; searching for its end again and again would take quadratic time.
            token = _TOKEN_UNQUOTED
        else:
            current.add(text)
    return (*found, *_build_mailboxes(current, faults))


def _read_comment(line: str, position: int) -> tuple[str, int]:
    """Return the text of a comment, which may contain nested ones, and its end."""
    start, depth = position, 1
    for match in _IN_COMMENT.finditer(line, position):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return line[start : match.start()], match.end()
    return line[start:], len(line)


def _join_name(current: _Builder) -> str:
    return " ".join(_unquote("".join(pieces)) for pieces in current.words)


def _build_mailboxes(current: _Builder, faults: set[str]) -> list[Mailbox]:
    if not (current.words or current.addresses or current.comments):
        return []
    words = ["".join(pieces) for pieces in current.words]
    addresses = current.addresses
    if not addresses:
        words, addresses = _split_name_and_address(words)
    if not addresses and current.comments and len(words) == 1 and words[0].isascii():
        words, addresses = [], words  # "MAILER-DAEMON (Mail Delivery System)": a local mailbox of the server
    name = decode_words(" ".join(map(_unquote, words)), faults).strip()
    if not name and current.comments:
        name = decode_words(_ESCAPED.sub(r"\1", " ".join(current.comments)), faults).strip()
    if not addresses:
        return [Mailbox(name, "")] if name else []
    return [Mailbox("" if index else name, _normalize_address(address)) for index, address in enumerate(addresses)]


def _split_name_and_address(tokens: list[str]) -> tuple[list[str], list[str]]:
    """Split words without angle brackets into name and address.

    Examples: "timur@example.org (Timur)", "Timur timur@example.org", and "timur @ example.org" as in RFC 822.
    """
    if len(tokens) == 3 and tokens[1] == "@":
        return [], ["".join(tokens)]
    for token in reversed(tokens):
        if "@" in token.strip("@") and not token.startswith("=?"):
            return [other for other in tokens if other is not token], [_unquote(token)]
    return tokens, []


def _unquote(token: str) -> str:
    is_quoted = len(token) > 1 and token[0] == token[-1] == '"'
    return _ESCAPED.sub(r"\1", token[1:-1]) if is_quoted else token


def _normalize_address(text: str) -> str:
    """Return an address without its route (RFC 5322, section 4.4), with the domain in lower case."""
    text = text.strip()
    address = _ROUTE.sub("", text, count=1).strip() if text.startswith("@") else text
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.strip().lower()}" if at else address
