"""Lenient parser for address lists (RFC 5322, section 3.4), which takes linear time and never raises."""

import re
from dataclasses import dataclass, field

from ..incoming import Mailbox
from .header_words import decode_words

MAX_MAILBOXES = 20_000  # of one header line

# The tokens of an address list. Angle brackets may be unclosed. An encoded word is a single token: commas and brackets
# in it are forbidden (RFC 2047, section 5), but common.
_QUOTED = r'(?P<quoted>"(?:[^"\\]|\\.)*+")|'
_OTHER_TOKENS = r"""<(?P<angle>[^>]*)(?:>|\Z)
    |(?P<comment>\()
    |(?P<separator>[,;]+|:)
    |(?P<word>=\?[^?\s]{1,60}\?[BbQq]\?[^?]{0,900}\?=)
    |(?P<atom>(?:=\?)?(?:(?!=\?)[^\s",;:<(])+|(?:=\?)+)
    |(?P<space>\s+)
    |(?P<unclosed>")"""
_TOKEN = re.compile(_QUOTED + _OTHER_TOKENS, re.VERBOSE | re.DOTALL)
_TOKEN_UNQUOTED = re.compile(_OTHER_TOKENS, re.VERBOSE | re.DOTALL)
_IN_COMMENT = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ROUTE = re.compile(r"@[^:]*:")


@dataclass
class _Builder:
    """The mailbox being parsed."""

    words: list[list[str]] = field(default_factory=list)  # the words of the name, each as a list of tokens
    comments: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)  # in angle brackets
    begins_word: bool = True  # whether the next token begins a new word

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
    parsed: list[Mailbox] = []
    current = _Builder()
    has_groups = ";" in line
    pattern = _TOKEN
    position = 0
    while match := pattern.match(line, position):
        position = match.end()
        kind = match.lastgroup or ""
        text = match[kind]
        if len(parsed) + len(current.addresses) >= MAX_MAILBOXES:
            break
        if kind == "comment":
            comment, position = _read_comment(line, position)
            current.comments.append(comment)
        elif text == ":" and has_groups and not current.addresses:
            current = _Builder()  # the text so far is the name of a group
        elif kind == "separator" and text != ":":
            if text == "," and current.addresses == [""] and current.words:
                # A name that was split at a comma: '"A" <>, "B" <a@b.example>'.
                current = _Builder(words=[[f"{_join_name(current)},"]])
            else:
                parsed += _build_mailboxes(current, faults)
                current = _Builder()
        elif kind == "angle":
            current.addresses.append(text)
            current.begins_word = True
        elif kind == "space":
            current.begins_word = True
        elif kind == "unclosed":
            # Searching for the end of this quote again and again would take quadratic time.
            pattern = _TOKEN_UNQUOTED
        else:
            current.add(text)
    return (*parsed, *_build_mailboxes(current, faults))


def _read_comment(line: str, start: int) -> tuple[str, int]:
    """Return the text of a comment, which may contain nested ones, and the position after it."""
    depth = 1
    for match in _IN_COMMENT.finditer(line, start):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return line[start : match.start()], match.end()
    return line[start:], len(line)


def _join_name(current: _Builder) -> str:
    return " ".join(_unquote("".join(tokens)) for tokens in current.words)


def _build_mailboxes(current: _Builder, faults: set[str]) -> list[Mailbox]:
    if not (current.words or current.addresses or current.comments):
        return []
    words = ["".join(tokens) for tokens in current.words]
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


def _split_name_and_address(words: list[str]) -> tuple[list[str], list[str]]:
    """Split words without angle brackets into name and address.

    Examples: "timur@example.org (Timur)", "Timur timur@example.org", and "timur @ example.org" as in RFC 822.
    """
    if len(words) == 3 and words[1] == "@":
        return [], ["".join(words)]
    for word in reversed(words):
        if "@" in word.strip("@") and not word.startswith("=?"):
            return [other for other in words if other is not word], [_unquote(word)]
    return words, []


def _unquote(word: str) -> str:
    is_quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return _ESCAPED.sub(r"\1", word[1:-1]) if is_quoted else word


def _normalize_address(text: str) -> str:
    """Return an address without its route (RFC 5322, section 4.4), with the domain in lower case."""
    text = text.strip()
    address = _ROUTE.sub("", text, count=1).strip() if text.startswith("@") else text
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.strip().lower()}" if at else address
